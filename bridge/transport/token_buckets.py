"""Token buckets by key: how often each address may do something. Pure; the time is a parameter.

Where the states of the buckets are kept is another's matter: in a table of this process, or in memory that the workers
of a bridge share. A table is bounded: beyond the bound, the bucket that was used longest ago goes. It is the fullest,
most of the time, and a full bucket is the same as none.
"""

from __future__ import annotations

from typing import Final, Protocol

from bridge.core.pacing.token_bucket import FULL, BucketRate

#: Keys that are remembered: about 2 MB. Who comes from more addresses than that can't be told from many clients.
MAX_KEYS: Final = 10_000


class BucketTable(Protocol):
    """The states of buckets: when each is full again."""

    def full_at(self, key: str) -> float:
        """Return the state of a bucket, FULL if it was never used."""
        ...

    def put(self, key: str, full_at: float) -> None:
        """Keep the state of a bucket."""
        ...


class OwnBucketTable:
    """The states in this process."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._full_at: dict[str, float] = {}
        """The bucket that was used last at the end."""

    def __len__(self) -> int:
        return len(self._full_at)

    def full_at(self, key: str) -> float:
        """Return the state of a bucket, FULL if it was never used, or is forgotten."""
        return self._full_at.get(key, FULL)

    def put(self, key: str, full_at: float) -> None:
        """Keep the state of a bucket, and forget another one if there are too many."""
        self._full_at.pop(key, None)
        if len(self._full_at) >= self._max_keys:
            del self._full_at[next(iter(self._full_at))]
        self._full_at[key] = full_at


class TokenBuckets:
    """One bucket for each key."""

    def __init__(self, per_second: float, burst: float, table: BucketTable | None = None) -> None:
        """Both must be above 0. `burst` is in tokens, at least 1."""
        self._rate = BucketRate(per_second, burst)
        self._table = OwnBucketTable() if table is None else table

    def take(self, key: str, now: float) -> bool:
        """Take one token; False, and nothing is taken, if there is none."""
        full_at = self._table.full_at(key)
        there = self._rate.left(full_at, now) >= 1
        self._table.put(key, self._rate.take(full_at, now) if there else full_at)  # who asks is remembered
        return there

    def is_empty(self, key: str, now: float) -> bool:
        """Whether there is no token to take."""
        return self._rate.left(self._table.full_at(key), now) < 1

    def reserve(self, key: str, now: float, longest: float) -> float | None:
        """Take a token that may still be to come; return how long to wait for it.

        None, and nothing is taken, if that is longer than `longest` seconds.
        """
        full_at = self._table.full_at(key)
        wait = self._rate.wait_seconds(full_at, now)
        if wait > longest:
            return None
        self._table.put(key, self._rate.take(full_at, now))
        return wait
