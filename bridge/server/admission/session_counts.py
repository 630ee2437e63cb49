"""How many clients are connected: in this process, and over all workers of a bridge.

Each worker owns one slot of shared memory and reads the slots of all when a client wants to connect. There is no lock:
workers that admit a client in the same instant may exceed the limit by one each.
"""

from __future__ import annotations

import mmap
from collections import Counter
from typing import Protocol

_SLOT_BYTES = 8


class WorkerCounts(Protocol):
    """The number of clients of every worker."""

    def total(self) -> int:
        """Return the sum over all workers."""
        ...

    def set(self, count: int) -> None:
        """Replace this worker's own number; the other workers see it in their next `total`."""
        ...


class SingleProcessCount:
    """The count of a bridge with one process."""

    def __init__(self) -> None:
        self._count = 0

    def total(self) -> int:
        """Return the number that was set last: there is no other worker."""
        return self._count

    def set(self, count: int) -> None:
        """Replace the number of clients of this process."""
        self._count = count


class SharedWorkerCounts:
    """Counts in shared memory, one slot per worker. Make it before the workers are forked."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _SLOT_BYTES)
        self._counts = memoryview(self._memory).cast("q")
        self._own = 0

    def claim(self, slot: int) -> None:
        """Take a slot for this process, and reset it."""
        self._own = slot
        self._counts[slot] = 0

    def clear(self, slot: int) -> None:
        """Reset the slot of a worker that has ended."""
        self._counts[slot] = 0

    def total(self) -> int:
        """Return the sum of all slots."""
        return sum(self._counts)

    def set(self, count: int) -> None:
        """Write the number of clients to this process's slot, the one that it claimed."""
        self._counts[self._own] = count


class ActiveSessions:
    """The clients of this process, by address."""

    def __init__(self, counts: WorkerCounts | None = None) -> None:
        self._counts = counts or SingleProcessCount()
        self._by_address: Counter[str] = Counter()

    @property
    def in_process(self) -> int:
        """The number of clients in this process."""
        return self._by_address.total()

    def across_workers(self) -> int:
        """Return the number of clients over all workers."""
        return self._counts.total()

    def from_address(self, address: str) -> int:
        """Return the number of clients from this address in this process."""
        return self._by_address[address]

    def add(self, address: str) -> None:
        """Count a client that was admitted."""
        self._by_address[address] += 1
        self._counts.set(self.in_process)

    def remove(self, address: str) -> None:
        """Count a client that has left."""
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]
        self._counts.set(self.in_process)
