"""Token buckets by key: how often each address may do something. Pure; the time is a parameter.

A bucket holds `burst` tokens and fills by `per_second`. The table is bounded: beyond the bound, the bucket that was
used longest ago goes. It is the fullest, most of the time, and a full bucket is the same as none.
"""

from __future__ import annotations

from typing import Final

#: Keys that are remembered: about 2 MB. Who comes from more addresses than that can't be told from many clients.
MAX_KEYS: Final = 10_000


class TokenBuckets:
    """One bucket for each key."""

    def __init__(self, per_second: float, burst: float, max_keys: int = MAX_KEYS) -> None:
        """Both must be above 0. `burst` is in tokens, at least 1."""
        self._per_second, self._burst, self._max_keys = per_second, burst, max_keys
        self._buckets: dict[str, tuple[float, float]] = {}
        """Tokens left and when that was, the bucket that was used last at the end."""

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> bool:
        """Take one token; False, and nothing is taken, if there is none."""
        left = self._left(key, now)
        self._put(key, left - 1 if left >= 1 else left, now)
        return left >= 1

    def is_empty(self, key: str, now: float) -> bool:
        """Whether there is no token to take."""
        return self._left(key, now) < 1

    def reserve(self, key: str, now: float, longest: float) -> float | None:
        """Take a token that may still be to come; return how long to wait for it.

        None, and nothing is taken, if that is longer than `longest` seconds.
        """
        left = self._left(key, now)
        wait = max(0.0, (1 - left) / self._per_second)
        if wait > longest:
            return None
        self._put(key, left - 1, now)
        return wait

    def _left(self, key: str, now: float) -> float:
        left, at = self._buckets.get(key, (self._burst, now))
        return min(self._burst, left + max(0.0, now - at) * self._per_second)

    def _put(self, key: str, left: float, now: float) -> None:
        _, at = self._buckets.pop(key, (0.0, now))
        if len(self._buckets) >= self._max_keys:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[key] = (left, max(at, now))  # the clock may have gone back
