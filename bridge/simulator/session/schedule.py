"""What is due when: the script's only notion of time. No clock, no tasks: whoever drives the script brings the time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

Callback = Callable[[], None]


@dataclass(slots=True, order=True)
class ScheduledCall:
    """One thing to do at a time. Equal times keep the order in which they were asked for."""

    at: float
    order: int
    callback: Callback | None = field(compare=False)

    def cancel(self) -> None:
        """Forget it; doing so twice, or after it ran, is fine."""
        self.callback = None


class Schedule:
    """Actions in order of their time."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[ScheduledCall] = []
        self._order = itertools.count()

    def call_at(self, time: float, action: Callback) -> ScheduledCall:
        """Run `action` once `time` has come."""
        due = ScheduledCall(time, next(self._order), action)
        heapq.heappush(self._heap, due)
        return due

    @property
    def next_time(self) -> float | None:
        """When the next action is due; None when nothing is."""
        while self._heap and self._heap[0].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def pop(self, now: float) -> tuple[float, Callback] | None:
        """Take the next action that is due by `now`, with the time it was due."""
        due_at = self.next_time
        if due_at is None or due_at > now:
            return None
        due = heapq.heappop(self._heap)
        action, due.callback = due.callback, None
        if action is None:
            raise AssertionError("`next` has removed every cancelled action")
        return due.at, action
