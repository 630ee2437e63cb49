"""Timers for many connections, kept by one task: a timer costs no task, and moving one costs no wake-up.

A timer that is set to a later time keeps its old place in the queue: when that comes, it is queued again. So a deadline
that moves with every frame, as that of an idle time-out does, costs an assignment.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many timers are called before other tasks get their turn: one may start the opening of a session, of which the
#: first step takes a good part of a millisecond.
_CALLS_PER_SLICE: Final = 4
#: So many entries of stopped timers are left where they are, whatever the length of the queue.
_FEW_ENTRIES: Final = 64


class Timer:
    """Calls its owner once, at the time that it was last set to. Timers for the same time keep the order of setting."""

    __slots__ = ("_at", "_call", "_queued", "_timers")

    def __init__(self, timers: Timers, call: Callable[[float], None]) -> None:
        self._timers, self._call = timers, call
        self._at = math.inf
        self._queued: list[float] = []
        """At what times it stands in the queue, the latest first."""

    def set(self, at: float) -> None:
        """Call the owner at this time instead; infinity: never. The call gets the time of the call, and must not raise.

        Times are on trio's clock. One that is past means very soon, but not now.
        """
        self._at = at
        if at != math.inf and not (self._queued and self._queued[-1] <= at):
            self._queued.append(at)
            self._timers.push(at, self)

    def stop(self) -> None:
        """Never call the owner again, and forget it."""
        if not self.stopped:
            self._at, self._call = math.inf, _do_nothing
            self._timers.forget(len(self._queued))

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._call is _do_nothing

    def fire(self, now: float) -> None:
        """Leave the queue, where the timer is the first. For `Timers`."""
        self._queued.pop()
        if self._at <= now:
            self._at = math.inf
            self._call(now)
        else:
            self.set(self._at)


def _do_nothing(_now: float) -> None:
    """Stand for the owner of a timer that is stopped."""


class Timers:
    """The timers of one trio run. Get them with `current_timers`."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._left_behind = 0
        """How many entries of the queue are those of stopped timers."""
        self._sleep = trio.CancelScope()

    def timer(self, call: Callable[[float], None]) -> Timer:
        """Return a timer that is not set yet."""
        return Timer(self, call)

    def push(self, at: float, timer: Timer) -> None:
        """Queue a timer for this time. For `Timer`."""
        queue = self._queue
        heapq.heappush(queue, (at, next(self._order), timer))
        self._sleep.deadline = min(self._sleep.deadline, queue[0][0])

    def forget(self, entries: int) -> None:
        """Note that so many entries are those of a timer that was stopped. For `Timer`.

        They go when they are due, or once they are the larger part of the queue: a client that came and went must not
        be remembered until its last deadline.
        """
        self._left_behind += entries
        queue = self._queue
        if self._left_behind > max(_FEW_ENTRIES, len(queue) // 2):
            queue[:] = [entry for entry in queue if not entry[2].stopped]
            heapq.heapify(queue)
            self._left_behind = 0

    async def run(self) -> None:
        """Call the timers that are due, until cancelled."""
        while True:
            with trio.CancelScope(deadline=self._queue[0][0] if self._queue else math.inf) as self._sleep:
                await trio.sleep_forever()
            self._fire(trio.current_time())

    def _fire(self, now: float) -> None:
        queue = self._queue
        for _ in range(_CALLS_PER_SLICE):
            if not queue or queue[0][0] > now:
                return
            timer = heapq.heappop(queue)[2]
            if timer.stopped:
                self._left_behind = max(0, self._left_behind - 1)
            timer.fire(now)


_timers: trio.lowlevel.RunVar[Timers] = trio.lowlevel.RunVar("timers")


def current_timers() -> Timers:
    """Return the timers of this trio run; the first call starts their task, and the end of the run stops it."""
    try:
        return _timers.get()
    except LookupError:
        timers = Timers()
        _timers.set(timers)
        trio.lowlevel.spawn_system_task(timers.run, name="timers")
        return timers
