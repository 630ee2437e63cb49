"""Shares connections out among the workers, which all accept from one listening socket.

The system wakes every worker for a connection, and the quickest one gets it: left to themselves, one worker may get
nearly all. So a worker that has more connections than another one waits a moment before it accepts. One socket for each
worker (SO_REUSEPORT) would spread connections by chance only, and a worker that hangs or dies would take those with it
that wait in its socket.
"""

from __future__ import annotations

import errno
import select
import time
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.server.shared_numbers import SharedNumbers

#: For how long a worker leaves a connection to those that have fewer. They need a millisecond unless they are busy.
GIVE_WAY_SECONDS: Final = 0.02
#: How often it looks meanwhile.
_LOOK_SECONDS: Final = 0.002
#: A worker without a beat for so long takes no connections, so nobody gives way to it.
ABSENT_SECONDS: Final = 3.0


def should_give_way(own: int, loads: list[float], last_beats: list[float], now: float) -> bool:
    """Whether a worker that is there, `own` aside, has fewer connections than this one. All lists are by slot."""
    return any(
        load < loads[own]
        for slot, (load, beat) in enumerate(zip(loads, last_beats, strict=True))
        if slot != own and now - beat < ABSENT_SECONDS
    )


class WorkerLoads:
    """The number of connections of each worker, from the view of one."""

    def __init__(
        self,
        loads: SharedNumbers,
        beats: SharedNumbers,
        own: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the clock of the beats."""
        self._loads, self._beats, self._own, self._now = loads, beats, own, now
        loads[own] = 0

    def beat(self) -> None:
        """Say that this worker runs."""
        self._beats[self._own] = self._now()

    def accepted(self) -> None:
        """Count a connection of this worker."""
        self._loads[self._own] += 1

    def ended(self) -> None:
        """Count the end of one."""
        self._loads[self._own] -= 1

    @property
    def above_others(self) -> bool:
        """Whether another worker should take the next connection."""
        return should_give_way(self._own, self._loads.all(), self._beats.all(), self._now())


class BalancedListener(trio.abc.Listener[trio.SocketStream]):
    """The listening socket of all workers, in one of them."""

    def __init__(self, listener: trio.SocketListener, loads: WorkerLoads) -> None:
        self._listener, self._loads = listener, loads

    async def accept(self) -> trio.SocketStream:
        """Wait for a connection, leave it to a worker that has fewer, and else accept it. Cancelling loses none."""
        while True:
            try:
                await trio.lowlevel.wait_readable(self._listener.socket)
                await self._give_way()
                with trio.move_on_after(_LOOK_SECONDS):  # another worker may have been quicker
                    stream = await self._listener.accept()
                    self._loads.accepted()
                    return stream
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                await trio.sleep_forever()  # it was shut down: the parent is gone, and the last calls come to their end

    async def _give_way(self) -> None:
        until = trio.current_time() + GIVE_WAY_SECONDS
        while trio.current_time() < until and self._is_anothers():  # noqa: ASYNC110 - other processes act
            await trio.sleep(_LOOK_SECONDS)

    def _is_anothers(self) -> bool:
        return self._loads.above_others and _is_readable(self._listener)

    async def aclose(self) -> None:
        """Close the socket in this process."""
        await self._listener.aclose()


def _is_readable(listener: trio.SocketListener) -> bool:
    poll = select.poll()
    poll.register(listener.socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))
