"""How fast one client may send: budgets of bytes and of frames. First it is read more slowly, then sent away.

Pure, with times in. A budget is a bucket that fills at its rate: a client may empty it at once (held speech that it
sends after a reconnection), and then waits for as long as it is in debt.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Held down for so long without a pause: the client is sent away (the client protocol's own figure).
SUSTAINED_SECONDS = 5.0
#: A pause is one in which a budget has filled again by so much: waking up a little late from a wait is none.
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """What one client may send. Speech is 50 frames and 64 kB (base64) a second: the limits are many times that."""

    bytes_per_second: float = 1_000_000
    burst_bytes: float = 8_000_000
    frames_per_second: float = 500
    burst_frames: float = 2_000


class _Bucket:
    __slots__ = ("_at", "_full", "_left", "_rate")

    def __init__(self, rate: float, full: float) -> None:
        self._rate, self._full, self._left, self._at = rate, full, full, 0.0

    def take(self, amount: float, now: float) -> None:
        self._left = min(self._full, self._left + (now - self._at) * self._rate) - amount
        self._at = now

    def debt_seconds(self, now: float) -> float:
        """How long until it is out of debt."""
        return max(0.0, -self._left / self._rate - (now - self._at))

    @property
    def rested(self) -> bool:
        """Whether it was let alone for a while, as of the last `take`."""
        return self._left >= min(self._full / 2, self._rate * PAUSE_SECONDS)


class ClientRateLimiter:
    """One client's budgets."""

    __slots__ = ("_buckets", "_pressed_since", "_until")

    def __init__(self, limits: RateLimits) -> None:
        self._buckets = (
            _Bucket(limits.bytes_per_second, limits.burst_bytes),
            _Bucket(limits.frames_per_second, limits.burst_frames),
        )
        self._pressed_since: float | None = None
        self._until = 0.0
        """Until when reading waits."""

    def charge(self, n_bytes: int, now: float, frames: int = 1) -> bool:
        """Count so much; False when the client has been held down for too long."""
        waited = now >= self._until  # it came behind the wait that the last one earned, and at once
        for bucket, amount in zip(self._buckets, (n_bytes, frames), strict=True):
            bucket.take(amount, now)
        debt = max(bucket.debt_seconds(now) for bucket in self._buckets)
        if waited and all(bucket.rested for bucket in self._buckets):
            self._pressed_since = None
        if debt == 0.0:
            return True
        self._until = now + debt
        if self._pressed_since is None:
            self._pressed_since = now
        return now - self._pressed_since < SUSTAINED_SECONDS

    def wait_seconds(self, now: float) -> float:
        """How long the next frame is not to be read."""
        return max(0.0, self._until - now)
