"""How many clients are connected, in all and from one address: in this process, and over all workers of a bridge.

A client is counted before it is judged: of workers that take a client in the same instant, each sees the other's, so
no limit is ever exceeded. At the limit, both may refuse.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from bridge.server.shared_numbers import SharedAddressCounts, SharedNumbers


class WorkerCounts(Protocol):
    """The number of clients of every worker."""

    def total(self) -> int:
        """Return the sum over all workers."""
        ...

    def elsewhere(self, address: str) -> int:
        """Return the number of clients from this address in the other workers."""
        ...

    def changed(self, address: str, change: int, count: int) -> None:
        """Tell the other workers that this one has more or fewer clients from an address, and how many in all."""
        ...


class SingleProcessCount:
    """The count of a bridge with one process."""

    def __init__(self) -> None:
        self._count = 0

    def total(self) -> int:
        """Return the number that was set last: there is no other worker."""
        return self._count

    def elsewhere(self, _address: str) -> int:
        """Return 0: there is no other worker."""
        return 0

    def changed(self, _address: str, _change: int, count: int) -> None:
        """Replace the number of clients of this process."""
        self._count = count


class SharedWorkerCounts:
    """Counts in shared memory, one slot per worker. Make it before the workers are forked."""

    def __init__(self, workers: int) -> None:
        self._counts, self._addresses = SharedNumbers(workers), SharedAddressCounts(workers)
        self._own = 0

    def claim(self, slot: int) -> None:
        """Take a slot for this process, and reset it."""
        self._own = slot
        self.clear(slot)

    def clear(self, slot: int) -> None:
        """Give back what a worker that has ended had counted."""
        self._counts[slot] = 0
        self._addresses.clear(slot)

    def total(self) -> int:
        """Return the sum of all slots."""
        return int(sum(self._counts.all()))

    def elsewhere(self, address: str) -> int:
        """Return the number of clients from this address in the other slots."""
        return self._addresses.elsewhere(self._own, address)

    def changed(self, address: str, change: int, count: int) -> None:
        """Write to this process's slot, the one that it claimed."""
        self._counts[self._own] = count
        self._addresses.add(self._own, address, change)


class ActiveSessions:
    """The clients of this process, by address."""

    def __init__(self, counts: WorkerCounts | None = None) -> None:
        self._counts = counts or SingleProcessCount()
        self._by_address: Counter[str] = Counter()

    @property
    def in_process(self) -> int:
        """The number of clients in this process."""
        return self._by_address.total()

    def in_process_from(self, address: str) -> int:
        """Return the number of clients from this address in this process."""
        return self._by_address[address]

    def across_workers(self) -> int:
        """Return the number of clients over all workers."""
        return self._counts.total()

    def from_address(self, address: str) -> int:
        """Return the number of clients from this address over all workers."""
        return self._by_address[address] + self._counts.elsewhere(address)

    def add(self, address: str) -> None:
        """Count a client."""
        self._by_address[address] += 1
        self._counts.changed(address, 1, self.in_process)

    def remove(self, address: str) -> None:
        """Count a client that was refused or has left."""
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]
        self._counts.changed(address, -1, self.in_process)
