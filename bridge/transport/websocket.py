"""A WebSocket connection over any trio stream, either side, after the handshake.

The shell that moves the bytes of `codec.py`. It starts no task: pings are answered, pongs noted and the peer's Close
seen by whoever is in `receive` (or `close`). So keep reading.
Who makes the handshake: `door.py` on the server side, `bridge.upstream.dial.dial` on the client side.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import trio
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.transport.codec import (
    ABNORMAL_CLOSURE,
    MAX_FRAGMENTS,
    NO_STATUS_RCVD,
    Codec,
    is_sendable_close_code,
)
from bridge.transport.link import LinkClosed, MessageTooLarge
from bridge.transport.sockets import peer_name, reset_stream

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = [
    "CLOSE_SECONDS",
    "MAX_FRAGMENTS",
    "MAX_MESSAGE_BYTES",
    "PONG_SECONDS",
    "WebSocketLink",
    "is_sendable_close_code",
]

#: How long a goodbye may take, from the Close frame to the closed stream.
CLOSE_SECONDS: Final = 2.0
#: How long a pong may wait for a peer that does not read. `receive` is deaf to cancelling for no longer than this.
PONG_SECONDS: Final = 2.0
#: Pongs kept back while somebody else is writing; beyond this, reading waits too.
MAX_PENDING_PONG_BYTES: Final = 64 * 1024
#: Frames that cross our Close and are read for the sake of the peer's own, which stands behind them: as many as fair
#: peers have on their way. Of whoever sends more nothing is decoded any more.
MAX_CROSSING_FRAMES: Final = 8192
#: A read may hold a frame in every six bytes, and is decoded at one go: from clients, whom nobody knows, less at once.
_READ_BYTES: Final = {Side.CLIENT: 64 * 1024, Side.SERVER: 16 * 1024}


class WebSocketLink:
    """A `Link`. One task may receive while others send; messages of concurrent senders never mix."""

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
        """Take over a stream whose handshake is done; `early` are bytes that came right behind the handshake.

        `patient`: a message that is too large does not close at once; `receive` raises MessageTooLarge instead.
        """
        self.stream = stream
        self.peer = peer_name(stream) if peer is None else peer
        self.subprotocol = subprotocol
        self.last_pong_at: float | None = None
        """When the last pong was read that answers one of our pings, on trio's clock."""
        self.round_trip_seconds: float | None = None
        """How long that ping took there and back (until it was read here)."""
        self.on_control_frames: Callable[[int], None] | None = None
        """Told after each read how many frames came that are no message: pings, pongs, fragments. They cost too."""
        self._read_bytes = _READ_BYTES[side]
        self._codec = Codec(side, max_size=max_size, max_fragments=max_fragments, defer_close=defer_close)
        self._ready = self._codec.messages
        self._pings_sent = 0
        self._reading, self._writing = trio.Lock(), trio.Lock()
        self._end: LinkClosed | None = None
        self._mute: LinkClosed | None = None  # why nothing can be sent any more
        self._gone = False  # the stream is closed
        self._early = bool(trailing_data)
        if trailing_data:
            self._codec.receive_data(trailing_data)

    @property
    def close_code(self) -> int | None:
        """The code it ended with, as in LinkClosed; None while it is open."""
        return self._end.code if self._end else None

    @property
    def close_reason(self) -> str:
        """The reason it ended with; empty while it is open."""
        return self._end.reason if self._end else ""

    @property
    def pings_outstanding(self) -> int:
        """How many of our pings wait for their pong."""
        return self._codec.pings_outstanding

    @property
    def pings_received(self) -> int:
        """How many pings of the peer were read; each was answered."""
        return self._codec.pings_received

    # Receiving

    async def receive(self) -> str | bytes:
        """Wait for the next message and give it: text as `str`, binary as `bytes`.

        Raises LinkClosed at the end, after every message that came before it. A peer that breaks the protocol is told
        so by a Close frame (1002, 1007, 1009) and given up within CLOSE_SECONDS. Cancelling loses nothing.
        Of a patient link, MessageTooLarge comes in place of 1009, behind the messages before it, again and again.
        It is no checkpoint when a message is here already (at most 64 KiB of them).
        """
        while not self._ready:
            if self._gone:
                raise self._closed()
            if self._codec.too_large_reason is not None and self._codec.is_open:
                await trio.lowlevel.checkpoint()
                raise MessageTooLarge(self._codec.too_large_reason)
            await self._pull()
        return self._ready.popleft()

    async def _pull(self) -> None:
        """Read once, and do what the bytes ask for. One task at a time; others wait their turn."""
        await _acquire(self._reading)
        try:
            if self._gone:
                return
            if self._early:
                self._early = False
            elif self._codec.too_large_reason is None or self._codec.is_open:  # else all that may be said was said
                await self._read()
            if self._codec.is_finished:
                await self._finish()
            elif self._codec.pending_bytes:
                await self._answer()
        finally:
            self._reading.release()

    async def _read(self) -> None:
        try:
            data = await self.stream.receive_some(self._read_bytes)
        except trio.BrokenResourceError:
            data = b""
        except trio.ClosedResourceError:  # our side closed it meanwhile
            self._gone = True
            return
        pongs, others = self._codec.pongs_received, self._codec.control_frames_received
        self._codec.receive_data(data)
        if self._codec.pongs_received != pongs:
            self._note_pong()
        if self._codec.control_frames_received != others and self.on_control_frames is not None:
            self.on_control_frames(self._codec.control_frames_received - others)

    def _note_pong(self) -> None:
        if self._codec.last_answered_ping_at is not None:
            self.last_pong_at = trio.current_time()
            self.round_trip_seconds = self.last_pong_at - self._codec.last_answered_ping_at

    async def _answer(self) -> None:
        """Write pongs, unless somebody is writing: then they go with that. Shielded, since half a frame breaks all."""
        if self._writing.locked() and self._codec.pending_bytes < MAX_PENDING_PONG_BYTES:
            return
        await _acquire(self._writing)
        try:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + PONG_SECONDS) as scope:
                await self._flush()
        except LinkClosed:
            return  # reading goes on: the peer's last words may still be there
        finally:
            self._writing.release()
        if scope.cancelled_caught:
            self._end = LinkClosed(None, "the peer pings and does not read the pongs", by_peer=False)
            await self.abort()

    # Ending

    async def _finish(self) -> None:
        """Do what is left when a Close came, was sent for a violation, or the stream ended; then let go."""
        self._end = self._end or self._codec.close_exception()
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                if not self._codec.eof_received:
                    await self._last_words()
                await self.stream.aclose()
        finally:
            await self._let_go()

    async def _last_words(self) -> None:
        """Write the Close frame that is owed, and wait for the peer to let go where that is the custom."""
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
        """Read on and forget: closing over unread bytes would take our Close from the wire again."""
        while await self.stream.receive_some(self._read_bytes):
            pass

    async def _let_go(self) -> None:
        self._gone = True
        await trio.aclose_forcefully(self.stream)

    def _closed(self) -> LinkClosed:
        """Make the exception for this caller."""
        self._end = self._end or self._mute or LinkClosed(None, "closed on our side", by_peer=False)
        return self._end.copy()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a Close frame, wait for the answer, close the stream: all of it within CLOSE_SECONDS.

        1005 sends a Close without a code. ValueError for a code that is never on the wire (`sendable_code`); a reason
        that is too long is cut. Messages that still arrive are dropped, those beyond MAX_CROSSING_FRAMES undecoded.
        Cancelling closes the stream at once.
        """
        if code != NO_STATUS_RCVD and not is_sendable_close_code(code):
            raise ValueError(f"{code} cannot stand in a Close frame")
        if self._gone:
            return
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                if await self._say_close(code, reason):
                    await self._await_close()
        finally:
            await self._let_go()

    async def _await_close(self) -> None:
        """Read until the peer's Close; of one that goes on and on, read without decoding."""
        messages, others = 0, self._codec.control_frames_received
        while not self._gone and messages + self._codec.control_frames_received - others <= MAX_CROSSING_FRAMES:
            await self._pull()
            messages += len(self._ready)
            self._ready.clear()
        if not self._gone:
            async with self._reading:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await self._drain()

    async def _say_close(self, code: int, reason: str) -> bool:
        """Send our Close unless one was sent; False when it could not be sent."""
        async with self._writing:
            if self._codec.is_open:
                self._codec.send_close(code, reason)
            try:
                await self._flush()
            except LinkClosed:
                return False
        return True

    async def abort(self) -> None:
        """Close the stream at once without a Close frame; a TCP connection is reset. Never blocks."""
        self._gone = True
        await reset_stream(self.stream)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(1000 if kind is None else 1011)

    # Sending

    async def send_text(self, data: str | bytes) -> None:
        """Send one text message in one frame; `bytes` are taken for UTF-8 as they are.

        Raises LinkClosed when the link is over. A send that is cancelled while it writes leaves half a frame on the
        wire: the link is broken then, and every later send raises LinkClosed. Cancelling before its turn is harmless.
        """
        await self._send(Opcode.TEXT, data.encode() if isinstance(data, str) else data)

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message in one frame; raises and breaks as `send_text` does."""
        await self._send(Opcode.BINARY, data)

    async def _send(self, opcode: Opcode, payload: bytes) -> None:
        await _acquire(self._writing)
        try:
            self._check_open()
            self._codec.send_frame(opcode, payload)
            await self._flush()
        finally:
            self._writing.release()

    async def send_fragments(self, data: str | bytes, size: int) -> None:
        """Send one message (text for `str`) in frames of at most `size` bytes, none of another sender between them."""
        payload = data.encode() if isinstance(data, str) else data
        first = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
        cuts = range(0, max(len(payload), 1), size)
        async with self._writing:
            self._check_open()
            for at in cuts:
                self._codec.send_frame(Opcode.CONT if at else first, payload[at : at + size], last=at == cuts[-1])
            await self._flush()

    async def ping(self, payload: bytes | None = None) -> None:
        """Send a ping and go on; `pings_outstanding`, `last_pong` and `round_trip_seconds` tell of the answer."""
        async with self._writing:
            self._check_open()
            self._pings_sent += 1
            payload = self._pings_sent.to_bytes(4, "big") if payload is None else payload
            self._codec.send_ping(payload, trio.current_time())
            await self._flush()

    async def send_raw(self, data: bytes) -> None:
        """Write bytes as they are between two frames: for faults, and nothing else. The codec does not know of them."""
        async with self._writing:
            self._codec.send_raw(data)
            await self._flush()

    def _check_open(self) -> None:
        if self._mute or self._gone or not self._codec.is_open:
            raise self._closed_for_sending()

    def _closed_for_sending(self) -> LinkClosed:
        if self._end is None and self._mute is not None:  # receive may still find out more
            return self._mute.copy()
        if self._end is None and not self._gone:
            return self._codec.close_exception().copy()
        return self._closed()

    async def _flush(self) -> None:
        """Write what the codec holds, and what it gets to hold meanwhile. Whoever calls it has the turn to write."""
        while data := self._codec.data_to_send():
            if self._mute or self._gone:
                raise self._closed_for_sending()
            await self._write(data)

    async def _write(self, data: bytes) -> None:
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError as error:
            self._mute = LinkClosed(ABNORMAL_CLOSURE, by_peer=True)
            raise self._closed_for_sending() from error
        except trio.ClosedResourceError as error:
            raise self._closed() from error
        except trio.Cancelled:
            self._mute = LinkClosed(None, "a cancelled send left half a frame on the wire", by_peer=False)
            raise


async def _acquire(lock: trio.Lock) -> None:
    """Take the lock without a trip through the scheduler where it is free: what follows is a checkpoint anyway."""
    try:
        lock.acquire_nowait()
    except trio.WouldBlock:
        await lock.acquire()
