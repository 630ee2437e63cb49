"""The arithmetic of a token bucket, for everything here that limits a rate. Pure; the time is a parameter.

A bucket holds `burst` tokens and fills by `per_second`. Its whole state is one number, the time at which it is full
again: it needs no update while nothing happens, one number can be shared between processes, and the lowest possible
one (-inf) is a full bucket. Tokens may be taken before they are there: then the bucket is in debt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The state of a bucket that was never used.
FULL: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class BucketRate:
    """How a bucket fills. Both numbers are above 0."""

    per_second: float
    burst: float

    def left(self, full_at: float, now: float) -> float:
        """Return how many tokens there are; below 0 is a debt."""
        return min(self.burst, self.burst - (full_at - now) * self.per_second)

    def take(self, full_at: float, now: float, tokens: float = 1.0) -> float:
        """Return the state after taking tokens, whether they are there or not."""
        return max(full_at, now) + tokens / self.per_second

    def wait_seconds(self, full_at: float, now: float, tokens: float = 1.0) -> float:
        """Return how long it takes until there are so many tokens."""
        return max(0.0, (tokens - self.left(full_at, now)) / self.per_second)
