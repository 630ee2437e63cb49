"""Numbers that the worker processes of a bridge share: each worker writes its own slot and reads those of all.

A slot has one writer, and a number is written in one piece, so there is no lock that a dead or stopped worker could
hold. Make the memory before the workers are forked.
"""

from __future__ import annotations

import hashlib
import mmap
import secrets
from typing import Final

_NUMBER_BYTES: Final = 8
#: Rows and cells of a table of addresses: 1 MiB for each worker, as far as it is used.
_ROWS: Final = 4
_CELLS: Final = 65_536
_CELL_BYTES: Final = 4


class SharedNumbers:
    """One number for each worker."""

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
            self._counts[at] = max(0, self._counts[at] + change)

    def elsewhere(self, slot: int, address: str) -> int:
        """Return how many clients of an address the other workers have."""
        others = [other * _ROWS * _CELLS for other in range(self._workers) if other != slot]
        return min(sum(self._counts[start + cell] for start in others) for cell in self._cells(address))

    def clear(self, slot: int) -> None:
        """Give back the counts of a worker that has ended."""
        size = _ROWS * _CELLS * _CELL_BYTES
        self._memory[slot * size : (slot + 1) * size] = bytes(size)

    def _cells(self, address: str) -> list[int]:
        digest = hashlib.blake2b(address.encode(), digest_size=2 * _ROWS, key=self._key).digest()
        return [row * _CELLS + int.from_bytes(digest[2 * row : 2 * row + 2], "big") for row in range(_ROWS)]
