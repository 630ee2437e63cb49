"""Numbers that the worker processes of a bridge share. Make the memory before the workers are forked.

There is no lock that a dead or stopped worker could hold: a number is written in one piece. What is counted has a slot
for each worker, with one writer. What is limited (the states of token buckets, of a circuit breaker) has one number for
all: if two workers write it in the same instant, one token more is given out, and nothing else happens.
"""

from __future__ import annotations

import hashlib
import mmap
import secrets
from typing import Final

_NUMBER_BYTES: Final = 8
#: Rows and cells of a table of addresses: 1 MiB for each worker, 2 MiB for buckets, as far as it is used.
_ROWS: Final = 4
_CELLS: Final = 65_536
_CELL_BYTES: Final = 4
_MAX_COUNT: Final = 2**32 - 1


class SharedNumbers:
    """One number for each worker, or for each of the things that all of them limit together."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _NUMBER_BYTES)
        self._numbers = memoryview(self._memory).cast("d")

    def __getitem__(self, slot: int) -> float:
        return self._numbers[slot]

    def __setitem__(self, slot: int, number: float) -> None:
        self._numbers[slot] = number

    def all(self) -> list[float]:
        """Return the numbers of all workers, by slot."""
        return list(self._numbers)


class SharedAddressCounts:
    """How many clients of an address each worker has.

    The memory is bounded whatever addresses come: an address has a cell in each of four rows (a count-min sketch), by a
    hash with a key that no client knows. Other addresses may share a cell, so the count is that of the lowest cell. It
    is never too low. At 1,000 clients it is too high for one address in 10 million.
    """

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, workers * _ROWS * _CELLS * _CELL_BYTES)
        self._counts = memoryview(self._memory).cast("I")
        self._workers, self._key = workers, secrets.token_bytes(16)

    def add(self, slot: int, address: str, change: int) -> None:
        """Change the count of an address by one worker."""
        for cell in self._cells(address):
            at = slot * _ROWS * _CELLS + cell
            self._counts[at] = min(max(0, self._counts[at] + change), _MAX_COUNT)

    def elsewhere(self, slot: int, address: str) -> int:
        """Return how many clients of an address the other workers have."""
        return self.total(address, [other for other in range(self._workers) if other != slot])

    def total(self, address: str, slots: list[int]) -> int:
        """Return the count of an address in these slots."""
        starts = [slot * _ROWS * _CELLS for slot in slots]
        return min(sum(self._counts[start + cell] for start in starts) for cell in self._cells(address))

    def clear(self, slot: int) -> None:
        """Give back the counts of a worker that has ended."""
        size = _ROWS * _CELLS * _CELL_BYTES
        self._memory[slot * size : (slot + 1) * size] = bytes(size)

    def _cells(self, address: str) -> list[int]:
        return _cells(address, self._key)


class SharedBucketTable:
    """The states of token buckets, one for each key, over all workers. See `transport/token_buckets.py`.

    Bounded like the counts of addresses: a key has four cells, of which the lowest counts. Other keys may share a cell,
    hardly ever all four.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _ROWS * _CELLS * _NUMBER_BYTES)
        self._full_at = memoryview(self._memory).cast("d")
        self._key = secrets.token_bytes(16)

    def full_at(self, key: str) -> float:
        """Return when a bucket is full again; 0 if it was never used, which is long ago on the clock of the system."""
        return min(self._full_at[cell] for cell in _cells(key, self._key))

    def put(self, key: str, full_at: float) -> None:
        """Keep the state of a bucket."""
        for cell in _cells(key, self._key):
            self._full_at[cell] = max(self._full_at[cell], full_at)


def _cells(key: str, secret: bytes) -> list[int]:
    """Return the cells of a key, one in each row."""
    digest = hashlib.blake2b(key.encode(), digest_size=2 * _ROWS, key=secret).digest()
    return [row * _CELLS + int.from_bytes(digest[2 * row : 2 * row + 2], "big") for row in range(_ROWS)]
