"""The sending half of a WebSocketLink.

One lock serializes writers. A cancelled write leaves half a frame in the stream, which nothing can repair: nothing more
can be sent then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from websockets.frames import Opcode

from bridge.transport.frame_parser import ABNORMAL_CLOSURE
from bridge.transport.link import LinkClosed

if TYPE_CHECKING:
    from bridge.transport.codec import Codec


class WebSocketSender:
    """Writes the frames of a codec to a stream. The frames of concurrent senders never mix."""

    def __init__(self, stream: trio.abc.Stream, codec: Codec) -> None:
        self.stream = stream
        self._codec = codec
        self._pings_sent = 0
        self._writing = trio.Lock()
        self._end: LinkClosed | None = None
        self._send_error: LinkClosed | None = None  # why nothing can be sent any more
        self._stream_closed = False

    @property
    def is_writable(self) -> bool:
        """Whether bytes may still be written: the stream is open, and no write failed or was cancelled."""
        return self._send_error is None and not self._stream_closed

    def writing_failed(self, end: LinkClosed) -> None:
        """Refuse to send from now on, for this reason."""
        self._send_error = self._send_error or end

    async def send_text(self, data: str | bytes) -> None:
        """Send one text message in one frame. `bytes` must be UTF-8 and are not checked.

        Raises LinkClosed. Cancelling while it writes breaks the link; cancelling while it waits for its turn does not.
        """
        await self._send(Opcode.TEXT, data.encode() if isinstance(data, str) else data)

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message in one frame. Raises, and breaks when cancelled, as `send_text` does."""
        await self._send(Opcode.BINARY, data)

    async def _send(self, opcode: Opcode, payload: bytes) -> None:
        await acquire(self._writing)
        try:
            self._check_open()
            self._codec.send_frame(opcode, payload)
            await self._flush()
        finally:
            self._writing.release()

    async def send_fragments(self, data: str | bytes, size: int) -> None:
        """Send one message (text for a `str`) in frames of at most `size` bytes, with no other frame in between."""
        payload = data.encode() if isinstance(data, str) else data
        first = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
        cuts = range(0, max(len(payload), 1), size)
        async with self._writing:
            self._check_open()
            for at in cuts:
                self._codec.send_frame(Opcode.CONT if at else first, payload[at : at + size], last=at == cuts[-1])
            await self._flush()

    async def ping(self, payload: bytes | None = None) -> None:
        """Send a ping; do not wait for its pong. See `pings_outstanding`, `last_pong_at` and `round_trip_seconds`."""
        async with self._writing:
            self._check_open()
            self._pings_sent += 1
            payload = self._pings_sent.to_bytes(4, "big") if payload is None else payload
            self._codec.send_ping(payload, trio.current_time())
            await self._flush()

    async def send_raw(self, data: bytes) -> None:
        """Write bytes unchanged between two frames. For the simulator's faults only: the codec does not check them."""
        async with self._writing:
            self._codec.send_raw(data)
            await self._flush()

    def _check_open(self) -> None:
        if self._send_error or self._stream_closed or not self._codec.is_open:
            raise self._send_refused()

    def _send_refused(self) -> LinkClosed:
        if self._end is None and self._send_error is not None:  # `receive` may still learn more
            return self._send_error.copy()
        if self._end is None and not self._stream_closed:
            return self._codec.close_exception().copy()
        return self._link_closed()

    async def _flush(self) -> None:
        """Write what the codec has queued, and what it queues in the meantime. The caller holds the write lock."""
        while data := self._codec.data_to_send():
            if self._send_error or self._stream_closed:
                raise self._send_refused()
            await self._write(data)

    async def _write(self, data: bytes) -> None:
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError as error:
            self._send_error = LinkClosed(ABNORMAL_CLOSURE, by_peer=True)
            raise self._send_refused() from error
        except trio.ClosedResourceError as error:
            raise self._link_closed() from error
        except trio.Cancelled:
            self._send_error = LinkClosed(None, "a cancelled send left half a frame in the stream", by_peer=False)
            raise

    def _link_closed(self) -> LinkClosed:
        """Make a new exception for this caller."""
        self._end = self._end or self._send_error or LinkClosed(None, "closed on our side", by_peer=False)
        return self._end.copy()


async def acquire(lock: trio.Lock) -> None:
    """Acquire a lock, without a checkpoint if it is free: what follows is a checkpoint anyway."""
    try:
        lock.acquire_nowait()
    except trio.WouldBlock:
        await lock.acquire()
