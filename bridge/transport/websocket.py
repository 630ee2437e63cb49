"""A WebSocket connection over any trio stream, either side, after the handshake.

`http_server.py` (server) and `bridge.upstream.dial.dial` (client) make the handshake. A link starts no task: it answers
pings and notices the peer's Close only while a task is in `receive` (or `close`), so always keep one task receiving.

`websocket_sender.py` has the sending half. One lock serializes readers. A reader also writes pongs, unless another task
is writing: then the pongs go with that write.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import trio
from websockets.protocol import Side

from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.transport.codec import Codec, is_sendable_close_code
from bridge.transport.fragments import MAX_FRAGMENTS
from bridge.transport.frame_cutter import FRAMES_PER_SLICE
from bridge.transport.frame_parser import NO_STATUS_RCVD
from bridge.transport.link import LinkClosed, MessageTooLarge
from bridge.transport.sockets import bound_close, peer_name, reset_stream
from bridge.transport.websocket_sender import WebSocketSender, acquire

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLOSE_SECONDS", "MAX_FRAGMENTS", "PONG_SECONDS", "WebSocketLink", "is_sendable_close_code"]

#: The time limit for closing, from our Close frame to the closed stream.
CLOSE_SECONDS: Final = 2.0
#: The time limit for writing a pong to a peer that does not read. `receive` ignores cancelling for no longer than this.
PONG_SECONDS: Final = 2.0
#: How many bytes of pongs may wait while another task writes. Beyond this, the reader waits too.
MAX_PENDING_PONG_BYTES: Final = 64 * 1024
#: How many frames are decoded after our Close, until the peer's comes. What follows is read and not decoded.
MAX_CROSSING_FRAMES: Final = 8192
#: Bytes per read: less from clients, since a read may hold a frame in every six bytes.
_READ_BYTES: Final = {Side.CLIENT: 64 * 1024, Side.SERVER: 16 * 1024}


class WebSocketLink(WebSocketSender):
    """A `Link`. One task may receive while others send; the frames of concurrent senders never mix."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        side: Side,
        *,
        trailing_data: bytes = b"",
        subprotocol: str | None = None,
        max_size: int | None = MAX_MESSAGE_BYTES,
        max_fragments: int = MAX_FRAGMENTS,
        peer: str | None = None,
        defer_close: bool = False,
    ) -> None:
        """Take over a stream after its handshake; `trailing_data` is what was read behind the handshake already.

        `max_size` of a message is in bytes. With `defer_close`, a message that is too large does not close the link:
        `receive` raises MessageTooLarge, and you can still send before you close.
        """
        super().__init__(stream, Codec(side, max_size=max_size, max_fragments=max_fragments, defer_close=defer_close))
        self.peer = peer_name(stream) if peer is None else peer
        self.subprotocol = subprotocol
        self.last_pong_at: float | None = None
        """When the last pong to one of our pings was read, on trio's clock."""
        self.round_trip_seconds: float | None = None
        """How long that pong took."""
        self.on_control_frames: Callable[[int], None] | None = None
        """Called after each read with the number of frames that are not whole messages: they cost time too."""
        self._read_bytes = _READ_BYTES[side]
        self._messages = self._codec.messages
        self._reading = trio.Lock()
        self._has_frames_left = bool(trailing_data)
        """Whether to look for frames in what was read before, instead of reading."""
        if trailing_data:
            self._codec.receive_data(trailing_data, FRAMES_PER_SLICE)

    @property
    def close_code(self) -> int | None:
        """The close code, as in LinkClosed; None while the link is open."""
        return self._end.code if self._end else None

    @property
    def close_reason(self) -> str:
        """The close reason; empty while the link is open."""
        return self._end.reason if self._end else ""

    @property
    def pings_outstanding(self) -> int:
        """How many of our pings have no pong yet."""
        return self._codec.pings_outstanding

    @property
    def pings_received(self) -> int:
        """How many pings of the peer were read. Each is answered."""
        return self._codec.pings_received

    # For push_link.py, which moves the bytes in our place while it runs

    @property
    def codec(self) -> Codec:
        """The codec, which nobody else may use meanwhile."""
        return self._codec

    @property
    def is_closed(self) -> bool:
        """Whether the stream is closed, or being closed."""
        return self._stream_closed

    def record_pong(self) -> None:
        """Note that the codec got a pong."""
        if self._codec.last_answered_ping_at is not None:
            self.last_pong_at = trio.current_time()
            self.round_trip_seconds = self.last_pong_at - self._codec.last_answered_ping_at

    def reread(self) -> None:
        """Look for frames in what was received before, instead of reading the next time."""
        self._has_frames_left = True

    async def finish(self) -> LinkClosed:
        """Close the stream, as nothing more will be read: the codec has finished, or the peer takes nothing more.

        Returns how the link ended, after CLOSE_SECONDS at the latest. Cancelling closes the stream at once.
        """
        if not self._stream_closed:
            if self._codec.is_finished:
                await self._finish()
            else:
                await self.abort()
        return self._link_closed()

    # Receiving

    async def receive(self) -> str | bytes:
        """Wait for the next message and return it: text as `str`, binary as `bytes`.

        Raises LinkClosed at the end, after all messages. A peer that violates the protocol gets a Close frame (1002,
        1007, 1009), and the link closes within CLOSE_SECONDS; with `defer_close`, raises MessageTooLarge instead of
        closing with 1009, each time. Cancelling loses nothing. Not a checkpoint if a message is there (at most 64 KiB).
        """
        while not self._messages:
            if self._stream_closed:
                raise self._link_closed()
            if self._codec.too_large_reason is not None and self._codec.is_open:
                await trio.lowlevel.checkpoint()
                raise MessageTooLarge(self._codec.too_large_reason)
            await self._read_once()
        return self._messages.popleft()

    async def _read_once(self) -> None:
        """Read once and do what the protocol demands. One task at a time; others wait for their turn."""
        await acquire(self._reading)
        try:
            if self._stream_closed:
                return
            if self._has_frames_left:
                await trio.lowlevel.checkpoint()  # a read may hold thousands of frames: others have their turn
                self._cut()
            elif self._codec.too_large_reason is None or self._codec.is_open:  # else both sides are done
                await self._read()
            if self._codec.is_finished:
                await self._finish()
            elif self._codec.pending_bytes:
                await self._write_replies()
        finally:
            self._reading.release()

    async def _read(self) -> None:
        try:
            data = await self.stream.receive_some(self._read_bytes)
        except trio.BrokenResourceError:
            data = b""
        except trio.ClosedResourceError:  # our side closed it in the meantime
            self._stream_closed = True
            return
        self._cut(data)

    def _cut(self, data: bytes | bytearray | None = None) -> None:
        """Cut a slice of frames off what was read now, or off what was read before."""
        pongs, others = self._codec.pongs_received, self._codec.control_frames_received
        if data is None:
            self._has_frames_left = self._codec.cut(FRAMES_PER_SLICE)
        else:
            self._has_frames_left = self._codec.receive_data(data, FRAMES_PER_SLICE)
        if self._codec.pongs_received != pongs:
            self.record_pong()
        if self._codec.control_frames_received != others and self.on_control_frames is not None:
            self.on_control_frames(self._codec.control_frames_received - others)

    async def _write_replies(self) -> None:
        """Write pongs, unless another task is writing and takes them along. Shielded: half a frame breaks the link."""
        if self._writing.locked() and self._codec.pending_bytes < MAX_PENDING_PONG_BYTES:
            return
        await acquire(self._writing)
        try:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + PONG_SECONDS) as scope:
                await self._flush()
        except LinkClosed:
            return  # keep reading: the peer's last messages may still be there
        finally:
            self._writing.release()
        if scope.cancelled_caught:
            self._end = LinkClosed(None, "the peer pings and does not read the pongs", by_peer=False)
            await self.abort()

    # Ending

    async def _finish(self) -> None:
        """Close the stream: a Close came, we sent one because of a violation, or the stream ended."""
        self._end = self._end or self._codec.close_exception()
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                if not self._codec.eof_received:
                    await self._close_handshake()
                bound_close(self.stream)
                await self.stream.aclose()
        finally:
            await self._release_stream()

    async def _close_handshake(self) -> None:
        """Write the Close frame that is queued, and wait for the peer to close the stream where it closes first."""
        async with self._writing:
            try:
                await self._flush()
            except LinkClosed:
                return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if self._codec.peer_violated_protocol and isinstance(self.stream, trio.abc.HalfCloseableStream):
                await self.stream.send_eof()
            if self._codec.peer_violated_protocol or self._codec.peer_closes_stream:
                await self._drain()

    async def _drain(self) -> None:
        """Read and discard: closing a socket with unread bytes would reset it and discard our Close frame."""
        while await self.stream.receive_some(self._read_bytes):
            pass

    async def _release_stream(self) -> None:
        """Close the stream. A client resets a connection that the server has not ended.

        After a plain close, the system would keep it for minutes while it offers unsent bytes to a server that does not
        read. The messages of a server, on the other hand, still reach a slow client.
        """
        await (self._close_stream() if self._codec.is_server or self._codec.eof_received else self.abort())

    async def _close_stream(self) -> None:
        self._stream_closed = True
        bound_close(self.stream)
        await trio.aclose_forcefully(self.stream)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a Close frame, wait for the peer's, and close the stream, within CLOSE_SECONDS in all.

        1005 sends a Close without a code; a long reason is truncated. Messages that still arrive are dropped. Closing
        twice does nothing. Cancelling closes the stream at once. ValueError unless `is_sendable_close_code(code)`.
        """
        if code != NO_STATUS_RCVD and not is_sendable_close_code(code):
            raise ValueError(f"a Close frame cannot carry the code {code}")
        if self._stream_closed:
            return
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                if await self._send_close(code, reason):
                    await self._receive_close()
        finally:
            await self._release_stream()

    async def _receive_close(self) -> None:
        """Read until the peer's Close. After MAX_CROSSING_FRAMES, read without decoding."""
        codec, messages, before = self._codec, 0, self._codec.control_frames_received
        while not self._stream_closed and messages + codec.control_frames_received - before <= MAX_CROSSING_FRAMES:
            await self._read_once()
            messages += len(self._messages)
            self._messages.clear()
        if not self._stream_closed:
            async with self._reading:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._drain()

    async def _send_close(self, code: int, reason: str) -> bool:
        """Send our Close unless one was sent already. False if it could not be sent."""
        async with self._writing:
            if self._codec.is_open:
                self._codec.send_close(code, reason)
            try:
                await self._flush()
            except LinkClosed:
                return False
        return True

    async def abort(self) -> None:
        """Close the stream at once, without a Close frame. A TCP connection is reset. Never blocks."""
        self._stream_closed = True
        await reset_stream(self.stream)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.close(1000 if kind is None else 1011)
