"""A set of whole numbers, stored as ranges: it stays small while most numbers are consecutive.

The tracer uses it to remember which cells it has received. Ranges are half-open `(first, end)`, sorted, and separated
by at least one number.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Range = tuple[int, int]


class IntervalSet:
    """Whole numbers from 0 up. Adding the next number costs O(1), any other one a bisection and a list insert."""

    __slots__ = ("_count", "_ends", "_starts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._count = 0
        for first, end in ranges:
            self.add_range(first, end)

    def add(self, number: int) -> bool:
        """Add a number. False if it was there already."""
        ends = self._ends
        if ends and ends[-1] == number:
            ends[-1] = number + 1
            self._count += 1
            return True
        return self.add_range(number, number + 1) == 1

    def add_range(self, first: int, end: int) -> int:
        """Add `first` up to but not including `end`. Return how many were new. ValueError if `end` < `first`."""
        if first < 0 or end < first:
            raise ValueError(f"not a range of whole numbers: {first} to {end}")
        if first == end:
            return 0
        # `low`..`high` are the ranges that overlap or touch the new one: they are merged into it.
        low = bisect_right(self._ends, first - 1)
        high = bisect_right(self._starts, end)
        merged = sum(self._ends[low:high]) - sum(self._starts[low:high])
        first = min(first, self._starts[low]) if low < high else first
        end = max(end, self._ends[high - 1]) if low < high else end
        self._starts[low:high] = [first]
        self._ends[low:high] = [end]
        added = end - first - merged
        self._count += added
        return added

    def update(self, other: IntervalSet) -> int:
        """Add everything in `other`. Return how many numbers were new."""
        return sum(self.add_range(first, end) for first, end in other)

    def gaps(self, end: int) -> Iterator[Range]:
        """Iterate over the missing ranges between 0 and `end`, in order."""
        at = 0
        for first, after in self:
            if first >= end:
                break
            if at < first:
                yield at, first
            at = after
        if at < end:
            yield at, end

    @property
    def end(self) -> int:
        """One more than the largest number; 0 if empty."""
        return self._ends[-1] if self._ends else 0

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Range]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IntervalSet) and self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]  # mutable, so not a key

    def __repr__(self) -> str:
        return f"IntervalSet({list(self)})"
