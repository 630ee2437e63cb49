"""How fast one client may send: token buckets for bytes and for frames. First it is read more slowly, then closed.

Pure: the time is a parameter. A client may empty a full bucket at once, for example with audio that it held during a
reconnection. After that it is read only as fast as the bucket fills. A client that stays in debt for SUSTAINED_SECONDS
without a pause has exceeded the limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.core.pacing.token_bucket import FULL, BucketRate

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


class ClientRateLimiter:
    """The limits of one client: two token buckets that may go into debt."""

    __slots__ = ("_bytes", "_bytes_full_at", "_frames", "_frames_full_at", "_limited_since", "until")

    def __init__(self, limits: RateLimits) -> None:
        self._bytes = BucketRate(limits.bytes_per_second, limits.burst_bytes)
        self._frames = BucketRate(limits.frames_per_second, limits.burst_frames)
        self._bytes_full_at = self._frames_full_at = FULL
        self._limited_since: float | None = None
        self.until = 0.0
        """When the next frame may be read."""

    def charge(self, n_bytes: int, now: float, frames: int = 1) -> bool:
        """Count bytes and frames at the time `now`; return False if the client has exceeded its limits."""
        self._bytes_full_at = bytes_full_at = self._bytes.take(self._bytes_full_at, now, n_bytes)
        self._frames_full_at = frames_full_at = self._frames.take(self._frames_full_at, now, frames)
        in_debt = self._bytes.left(bytes_full_at, now) < 0 or self._frames.left(frames_full_at, now) < 0
        if self._limited_since is None and not in_debt:
            return True
        return self._limit(now, in_debt=in_debt)

    def _limit(self, now: float, *, in_debt: bool) -> bool:
        """Count how long the client has been in debt; return False if that is too long."""
        if now >= self.until and self._rested(now):
            self._limited_since = None
        if not in_debt:
            return True
        self.until = now + max(
            self._bytes.wait_seconds(self._bytes_full_at, now, 0.0),
            self._frames.wait_seconds(self._frames_full_at, now, 0.0),
        )
        if self._limited_since is None:
            self._limited_since = now
        return now - self._limited_since < SUSTAINED_SECONDS

    def _rested(self, now: float) -> bool:
        """Whether the client paused before it sent this."""
        buckets = (self._bytes, self._bytes_full_at), (self._frames, self._frames_full_at)
        return all(
            rate.left(full_at, now) >= min(rate.burst / 2, rate.per_second * PAUSE_SECONDS) for rate, full_at in buckets
        )

    def wait_seconds(self, now: float) -> float:
        """Return the seconds to wait before the next frame is read."""
        return max(0.0, self.until - now)
