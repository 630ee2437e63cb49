"""Scheduled calls, a session's only notion of time. There is no clock or task here; the caller provides the time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

Callback = Callable[[], None]


@dataclass(slots=True, order=True)
class ScheduledCall:
    """A callback and the time at which to call it. Calls for the same time run in the order they were scheduled."""

    at: float
    order: int
    callback: Callback | None = field(compare=False)

    def cancel(self) -> None:
        """Cancel the call. It is safe to cancel twice, or after the callback has run."""
        self.callback = None


class Schedule:
    """A queue of calls, ordered by time."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[ScheduledCall] = []
        self._order = itertools.count()

    def call_at(self, time: float, callback: Callback) -> ScheduledCall:
        """Schedule `callback` for a time, in seconds of session time."""
        call = ScheduledCall(time, next(self._order), callback)
        heapq.heappush(self._heap, call)
        return call

    @property
    def next_time(self) -> float | None:
        """When the next call is due; None if there is none."""
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def pop(self, now: float) -> tuple[float, Callback] | None:
        """Remove the next call that is due by `now`, and return its time and callback; None if none is due."""
        due_at = self.next_time
        if due_at is None or due_at > now:
            return None
        call = heapq.heappop(self._heap)
        callback, call.callback = call.callback, None
        if callback is None:
            raise AssertionError("`next_time` has removed every cancelled call")
        return call.at, callback
