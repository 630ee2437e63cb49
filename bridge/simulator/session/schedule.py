"""What is due when: the script's only notion of time. No clock, no tasks: whoever drives the script brings the time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

Action = Callable[[], None]


@dataclass(slots=True, order=True)
class Due:
    """One thing to do at a time. Equal times keep the order in which they were asked for."""

    at: float
    order: int
    action: Action | None = field(compare=False)

    def cancel(self) -> None:
        """Forget it; doing so twice, or after it ran, is fine."""
        self.action = None


class Schedule:
    """Actions in order of their time."""

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[Due] = []
        self._order = itertools.count()

    def at(self, time: float, action: Action) -> Due:
        """Run `action` once `time` has come."""
        due = Due(time, next(self._order), action)
        heapq.heappush(self._heap, due)
        return due

    @property
    def next(self) -> float | None:
        """When the next action is due; None when nothing is."""
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def pop(self, now: float) -> tuple[float, Action] | None:
        """Take the next action that is due by `now`, with the time it was due."""
        due_at = self.next
        if due_at is None or due_at > now:
            return None
        due = heapq.heappop(self._heap)
        action, due.action = due.action, None
        if action is None:
            raise AssertionError("`next` has removed every cancelled action")
        return due.at, action
