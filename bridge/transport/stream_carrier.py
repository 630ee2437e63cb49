"""Carries a `PushLink` over any trio stream, with a task that reads and a task that writes.

It is for what has no socket (streams in memory, on a virtual clock) and for systems without a reactor.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from bridge.transport.push_link import PushLink

#: Bytes per read.
_READ_BYTES: Final = 64 * 1024
#: How long a write that has begun may go on once the carrier is to stop: half a frame breaks the link.
LAST_WRITE_SECONDS: Final = 0.5


class StreamCarrier:
    """The two tasks."""

    def __init__(self, link: PushLink, stream: trio.abc.Stream) -> None:
        self._link, self._stream = link, stream
        self._to_write = trio.lowlevel.ParkingLot()
        self._may_read = trio.Event()
        self._may_read.set()
        self._scope = trio.CancelScope()
        self._writing = trio.CancelScope()

    async def run(self) -> None:
        """Carry until the link has ended; see Carrier.

        Waits at most LAST_WRITE_SECONDS for the end of a write, also when it is cancelled; then the link is broken.
        """
        if self._link.paused:
            self.pause()
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            nursery.start_soon(self._write)
            try:
                await self._read()
            finally:
                self._writing.deadline = trio.current_time() + LAST_WRITE_SECONDS
                nursery.cancel_scope.cancel()

    def flush_soon(self) -> None:
        """Wake the writer."""
        self._to_write.unpark()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        if self._may_read.is_set():
            self._may_read = trio.Event()

    def resume(self) -> None:
        """Read again, first what is there already."""
        self._may_read.set()

    def stop(self) -> None:
        """Touch the stream no more."""
        self._writing.deadline = -math.inf
        self._scope.cancel()

    async def _read(self) -> None:
        link, more = self._link, True
        try:
            while not link.ended:
                await self._may_read.wait()
                if more:
                    more = link.cut(trio.current_time()) or link.paused
                else:
                    data = await self._receive()
                    more = link.receive(data, trio.current_time()) or link.paused
        except Exception as error:  # noqa: BLE001 - `PushLink.run` raises it
            link.crashed(error)

    async def _receive(self) -> bytes:
        try:
            return bytes(await self._stream.receive_some(_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""

    async def _write(self) -> None:
        try:
            await self._write_all()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._link.broken()
        except Exception as error:  # noqa: BLE001 - as above
            self._link.crashed(error)
            self._scope.cancel()

    async def _write_all(self) -> None:
        link = self._link
        while True:
            link.flushing()
            while not link.out:
                await self._to_write.park()
                link.flushing()
            await trio.lowlevel.checkpoint_if_cancelled()  # begin nothing that has to come to its end
            data = link.next_write(in_pieces=False)
            with trio.CancelScope(shield=True) as self._writing:
                await self._stream.send_all(data)
            if self._writing.cancelled_caught:
                link.broken("a cancelled send left half a frame in the stream", by_peer=False)
                return
            link.taken(len(data), trio.current_time())
