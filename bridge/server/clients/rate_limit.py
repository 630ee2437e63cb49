"""How fast one client may send: token buckets for bytes and for frames. First it is read more slowly, then closed.

Pure: the time is a parameter. A client may empty a full bucket at once, for example with audio that it held during a
reconnection. After that it is read only as fast as the bucket fills. A client that stays in debt for SUSTAINED_SECONDS
without a pause has exceeded the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

#: A client may be slowed down for this long without a pause (client protocol, RATE_EXCEEDED).
SUSTAINED_SECONDS = 5.0
#: A pause lets a bucket fill for this long. Waking up a little late from a wait isn't a pause.
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What one client may send. Speech is 50 frames and 64 kB (base64) per second; the defaults are many times that."""

    bytes_per_second: float = 1_000_000
    burst_bytes: float = 8_000_000
    frames_per_second: float = 500
    burst_frames: float = 2_000


class _Bucket:
    """A token bucket that may go into debt."""

    __slots__ = ("_at", "_capacity", "_left", "_rate")

    def __init__(self, rate: float, capacity: float) -> None:
        self._rate, self._capacity, self._left, self._at = rate, capacity, capacity, 0.0

    def take(self, amount: float, now: float) -> None:
        self._left = min(self._capacity, self._left + (now - self._at) * self._rate) - amount
        self._at = now

    def debt_seconds(self, now: float) -> float:
        """Return the seconds until the bucket is out of debt."""
        return max(0.0, -self._left / self._rate - (now - self._at))

    @property
    def rested(self) -> bool:
        """Whether the client paused before the last `take`."""
        return self._left >= min(self._capacity / 2, self._rate * PAUSE_SECONDS)


class ClientRateLimiter:
    """The limits of one client."""

    __slots__ = ("_buckets", "_limited_since", "_until")

    def __init__(self, limits: RateLimits) -> None:
        self._buckets = (
            _Bucket(limits.bytes_per_second, limits.burst_bytes),
            _Bucket(limits.frames_per_second, limits.burst_frames),
        )
        self._limited_since: float | None = None
        self._until = 0.0
        """When the next frame may be read."""

    def charge(self, n_bytes: int, now: float, frames: int = 1) -> bool:
        """Count bytes and frames at the time `now`; return False if the client has exceeded its limits."""
        waited = now >= self._until
        for bucket, amount in zip(self._buckets, (n_bytes, frames), strict=True):
            bucket.take(amount, now)
        debt = max(bucket.debt_seconds(now) for bucket in self._buckets)
        if waited and all(bucket.rested for bucket in self._buckets):
            self._limited_since = None
        if debt == 0.0:
            return True
        self._until = now + debt
        if self._limited_since is None:
            self._limited_since = now
        return now - self._limited_since < SUSTAINED_SECONDS

    def wait_seconds(self, now: float) -> float:
        """Return the seconds to wait before the next frame is read."""
        return max(0.0, self._until - now)
