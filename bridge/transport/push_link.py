"""A WebSocket that pushes: it calls its owner for each message, and sending never waits.

The pulling side of a link (`websocket.py`) costs a task and a wake-up per message. Where messages only pass through,
nothing has to wait for them: `PushLink` takes a link over, and a *carrier* moves its bytes. The carrier of a socket is
the reactor (`reactor.py`), one task for all sockets; any other stream has a task of its own (`carriers.py`). What a
socket does not take at once waits in the link, bounded, in whole frames (`send_buffer.py`).

When `run` ends or is cancelled, the link is an ordinary one again, with the rest of the unsent bytes in its codec:
closing takes time, so it is ordinary trio code.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.frame_cutter import FRAMES_PER_SLICE
from bridge.transport.frame_parser import ABNORMAL_CLOSURE
from bridge.transport.link import LinkClosed
from bridge.transport.send_buffer import SendBuffer
from bridge.transport.short_frames import BINARY_FRAME, TEXT_FRAME, MaskKeys, encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.transport.link import Carrier, MessageHandler
    from bridge.transport.websocket import WebSocketLink

#: How many bytes of pongs may wait for a peer that pings and does not read.
MAX_PENDING_PONG_BYTES: Final = 64 * 1024
#: How many pings may have no pong. A peer that sends messages is alive without pongs, so nothing else bounds them.
MAX_PINGS_OUTSTANDING: Final = 64
#: How long to go on reading when nothing can be written any more: what was sent before may say why.
FINAL_READ_SECONDS: Final = 1.0


class PushLink(SendBuffer):
    """A link that calls a `MessageHandler`. Create it, send what you like, then `run` it."""

    __slots__ = (
        "_carrier",
        "_codec",
        "_error",
        "_flush_wanted",
        "_grace",
        "_handler",
        "_keys",
        "_link",
        "_make_carrier",
        "_max_unsent_bytes",
        "_pings_sent",
        "_pong_bytes",
        "_told_too_large",
        "_writable",
        "ended",
        "now",
        "paused",
    )

    def __init__(
        self,
        link: WebSocketLink,
        *,
        max_unsent_bytes: int,
        make_carrier: Callable[[PushLink, trio.abc.Stream], Carrier],
    ) -> None:
        """Take over an open link. `max_unsent_bytes` may wait to be written, counted with the frames' headers.

        `make_carrier` chooses what moves the bytes: `carriers.carrier_for` unless a test has a reason.
        """
        super().__init__()
        self._link, self._codec = link, link.codec
        self._max_unsent_bytes, self._make_carrier = max_unsent_bytes, make_carrier
        self._keys = None if link.codec.is_server else MaskKeys()
        self.now = trio.current_time()
        """When the last read took place, on trio's clock: the time of every message in it."""
        self.ended = False
        """Whether nothing more will be read."""
        self.paused = False
        self._carrier: Carrier | None = None
        self._handler: MessageHandler
        self._error: Exception | None = None
        self._grace = trio.CancelScope()
        self._writable = link.is_writable
        """Whether to take what is sent. If not, it is dropped: there is nobody to read it."""
        self._flush_wanted = self._told_too_large = False
        self._pong_bytes, self._pings_sent = 0, 0

    @property
    def peer(self) -> str:
        """The address of the other end, for logs."""
        return self._link.peer

    @property
    def pings_outstanding(self) -> int:
        """How many of our pings have no pong yet."""
        return self._codec.pings_outstanding

    @property
    def pings_received(self) -> int:
        """How many pings of the peer were read. Each is answered."""
        return self._codec.pings_received

    @property
    def close_code(self) -> int | None:
        """The close code, as in LinkClosed; None while the link is open."""
        return self._link.close_code

    @property
    def close_reason(self) -> str:
        """The close reason; empty while the link is open."""
        return self._link.close_reason

    # Running and closing

    async def run(self, handler: MessageHandler) -> LinkClosed:
        """Call `handler` for each message until the link ends; return how it ended, once its stream is closed.

        Raises what the handler raises. Cancelling stops reading between two messages and loses nothing: run it again,
        with this handler or another one, or close it. Until the cancelled task runs, messages may still come: `pause`
        first to prevent that.
        """
        if self._carrier is not None:
            raise RuntimeError("the link is running already")
        self._handler = handler
        deadline = math.inf if self._link.is_writable else trio.current_time() + FINAL_READ_SECONDS
        self._grace = trio.CancelScope(deadline=deadline)
        self._told_too_large = False
        if not (self.ended or self._link.is_closed):
            await self._carry(handler)
        if self._error is not None:
            raise self._error
        self._end()
        self.drop_unsent()
        self._return_unsent()
        return await self._link.finish()

    async def _carry(self, handler: MessageHandler) -> None:
        codec = self._codec
        codec.on_text, codec.on_binary, codec.on_ping = handler.on_text, handler.on_binary, self._queue_replies
        if codec.is_open:
            self._queue_replies()  # to pings behind the handshake
        self._carrier = self._make_carrier(self, self._link.stream)
        try:
            with self._grace:
                await self._carrier.run()
        finally:
            self._carrier = None
            codec.keep_messages()
            del self._handler  # it refers to us: a cycle would leave both to the garbage collector
            self._link.reread()

    def _end(self) -> None:
        self.ended, self._writable = True, False

    def _return_unsent(self) -> None:
        """Leave the unsent bytes to the link: it writes them before its Close."""
        if self.out:
            self._codec.send_first(b"".join(self.out))
        self._empty()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Write what is unsent, then close as WebSocketLink does, all within its CLOSE_SECONDS.

        Raises RuntimeError while `run` is running: cancel it first.
        """
        if self._carrier is not None:
            raise RuntimeError("cancel `run` before you close the link")
        self._end()
        self._return_unsent()
        await self._link.close(code, reason)

    async def abort(self) -> None:
        """Close at once, without a Close frame; `run` returns. A TCP connection is reset."""
        self._end()
        if self._carrier is not None:
            self._carrier.stop()
        await self._link.abort()

    # For the carrier

    @property
    def is_in_large_message(self) -> bool:
        """Whether a message is on its way that does not come in one short frame."""
        return self._codec.is_in_large_message

    def receive(self, data: bytes, now: float) -> bool:
        """Take what was read at this time; empty at the end of the stream. Returns whether frames are left to `cut`.

        Call it only when no frames are left.
        """
        if self.paused:  # a read that began before; the end of the stream is read again
            self._codec.hold(data)
            return True
        self.now = now
        more = self._codec.receive_data(data, FRAMES_PER_SLICE)
        if self._codec.took_long_way:
            self._take_long_way()
        return more

    def cut(self, now: float) -> bool:
        """Handle another slice of what was read before. Returns whether frames are left."""
        self.now = now
        codec = self._codec
        if codec.messages and self._hand_over_kept():
            return True
        more = codec.cut(FRAMES_PER_SLICE)
        if codec.took_long_way:
            self._take_long_way()
        return more

    def _hand_over_kept(self) -> bool:
        """Hand over messages that were read before this run: behind the handshake, or by `WebSocketLink.receive`."""
        messages = self._codec.messages
        for _ in range(min(len(messages), FRAMES_PER_SLICE)):
            if self.paused:
                break
            message = messages.popleft()
            if isinstance(message, str):
                self._handler.on_text(message.encode())
            else:
                self._handler.on_binary(message)
        return bool(messages) or self.paused

    def _take_long_way(self) -> None:
        """Do what follows from anything but short messages."""
        codec = self._codec
        codec.took_long_way = False
        if codec.pongs_received:
            codec.pongs_received = 0
            self._link.record_pong()
        frames, codec.control_frames_received = codec.control_frames_received, 0
        if frames:
            self._handler.on_control_frames(frames)
        if codec.is_finished:
            self._end()  # its replies stay in the codec, for the closing handshake
            return
        if codec.too_large_reason is not None and not self._told_too_large:
            self._told_too_large = True
            self.pause()
            self._handler.on_too_large(codec.too_large_reason)
        self._queue_replies()

    def _queue_replies(self) -> None:
        """Take over the pongs, before anything that is sent after them."""
        replies = self._codec.data_to_send()
        if replies and self._writable:
            self._pong_bytes = self._pong_bytes + len(replies) if self.out else len(replies)
            if self._pong_bytes > MAX_PENDING_PONG_BYTES:
                self.broken("the peer pings and does not read the pongs", by_peer=False)
            else:
                self._queue(replies)

    def flushing(self) -> None:
        """Note that the carrier writes now: what is sent from now on asks for it again."""
        self._flush_wanted = False

    def broken(self, reason: str = "", *, by_peer: bool = True) -> None:
        """Note that nothing can be written any more. Reading goes on for FINAL_READ_SECONDS."""
        self._writable = False
        self._link.writing_failed(LinkClosed(ABNORMAL_CLOSURE if by_peer else None, reason, by_peer=by_peer))
        self._empty()
        self._grace.deadline = min(self._grace.deadline, trio.current_time() + FINAL_READ_SECONDS)

    def crashed(self, error: Exception) -> None:
        """Note an exception of the handler: `run` raises it, now and ever."""
        self._error = self._error or error
        self._end()

    # Reading more slowly

    def end_slice(self) -> None:
        """Let others have their turn before the next message: this one took long. Call it in the handler."""
        self._codec.stop()

    def pause(self) -> None:
        """Read nothing, and hand over nothing that was read, until `resume`."""
        self._codec.stop()
        if not self.paused:
            self.paused = True
            if self._carrier is not None:
                self._carrier.pause()

    def resume(self) -> None:
        """Go on reading."""
        if self.paused:
            self.paused = False
            if self._carrier is not None:
                self._carrier.resume()

    # Sending

    def send_text(self, data: bytes, read_at: float | None = None) -> bool:
        """Send a text message in UTF-8, unchecked. False, and nothing is sent, if there is no room for it.

        `read_at` is when a forwarded message was read, for `on_written`. What is sent on a link that has ended is
        dropped. A message that is larger than the bound fits if nothing waits.
        """
        return self._send(TEXT_FRAME, data, read_at)

    def send_binary(self, data: bytes, read_at: float | None = None) -> bool:
        """Send a binary message; see `send_text`."""
        return self._send(BINARY_FRAME, data, read_at)

    def _send(self, first: int, data: bytes, read_at: float | None) -> bool:
        if not self._writable:
            return True
        frame = encode_frame(first, data, None if self._keys is None else self._keys.take())
        unsent = self.unsent_bytes
        if unsent and unsent + len(frame) > self._max_unsent_bytes:
            return False
        if read_at is not None:
            if not self._messages:
                self._oldest = read_at
            self._messages += 1
        self._queue(frame)
        return True

    def _queue(self, data: bytes) -> None:
        self.out.append(data)
        self.unsent_bytes += len(data)
        if not self._flush_wanted and self._carrier is not None:
            self._flush_wanted = True
            self._carrier.flush_soon()

    def send_raw(self, data: bytes) -> None:
        """Write bytes unchanged between two frames. For the simulator's faults only: they are not checked."""
        if self._writable:
            self._queue(data)

    def ping(self) -> None:
        """Send a ping, unless MAX_PINGS_OUTSTANDING have no pong. See `pings_outstanding`."""
        if self._writable and self._codec.is_open and self.pings_outstanding < MAX_PINGS_OUTSTANDING:
            self._pings_sent += 1
            self._codec.send_ping(self._pings_sent.to_bytes(4, "big"), trio.current_time())
            self._queue(self._codec.data_to_send())
