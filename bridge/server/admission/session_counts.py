"""How many clients there are: in this process, and over all workers of a bridge.

Each worker owns one slot of a piece of memory that all share, and adds up the others' when somebody wants in. Two
workers that let somebody in at the same instant may exceed the limit by one each; nothing is locked for that.
"""

from __future__ import annotations

import mmap
from collections import Counter
from typing import Protocol

_SLOT_BYTES = 8


class WorkerCounts(Protocol):
    """Where the counts of all workers stand."""

    def total(self) -> int:
        """Add them up."""
        ...

    def set(self, count: int) -> None:
        """Say this worker's."""
        ...


class SingleProcessCount:
    """For a bridge of one process."""

    def __init__(self) -> None:
        self._count = 0

    def total(self) -> int:
        """Give the count."""
        return self._count

    def set(self, count: int) -> None:
        """Set the count."""
        self._count = count


class SharedWorkerCounts:
    """For several processes: made before they are forked, one slot for each."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _SLOT_BYTES)
        self._counts = memoryview(self._memory).cast("q")
        self._own = 0

    def claim(self, slot: int) -> None:
        """Say which slot is this process's; whoever had it before is gone."""
        self._own = slot
        self._counts[slot] = 0

    def clear(self, slot: int) -> None:
        """Its worker is gone."""
        self._counts[slot] = 0

    def total(self) -> int:
        """Add the slots up."""
        return sum(self._counts)

    def set(self, count: int) -> None:
        """Set this process's own."""
        self._counts[self._own] = count


class ActiveSessions:
    """The clients of this process."""

    def __init__(self, slots: WorkerCounts | None = None) -> None:
        self._slots = slots or SingleProcessCount()
        self._by_address: Counter[str] = Counter()

    @property
    def in_process(self) -> int:
        """How many there are in this process."""
        return self._by_address.total()

    def across_workers(self) -> int:
        """How many there are over all workers."""
        return self._slots.total()

    def from_address(self, address: str) -> int:
        """How many come from there."""
        return self._by_address[address]

    def add(self, address: str) -> None:
        """One more."""
        self._by_address[address] += 1
        self._slots.set(self.in_process)

    def remove(self, address: str) -> None:
        """One less."""
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]
        self._slots.set(self.in_process)
