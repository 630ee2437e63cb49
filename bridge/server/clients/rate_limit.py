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


class ClientRateLimiter:
    """The limits of one client: two token buckets that may go into debt."""

    __slots__ = ("_at", "_bytes_left", "_frames_left", "_limited_since", "_limits", "until")

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._bytes_left, self._frames_left = limits.burst_bytes, limits.burst_frames
        self._at = 0.0
        self._limited_since: float | None = None
        self.until = 0.0
        """When the next frame may be read."""

    def charge(self, n_bytes: int, now: float, frames: int = 1) -> bool:
        """Count bytes and frames at the time `now`; return False if the client has exceeded its limits."""
        limits = self._limits
        elapsed, self._at = now - self._at, now
        bytes_left = self._bytes_left + elapsed * limits.bytes_per_second
        frames_left = self._frames_left + elapsed * limits.frames_per_second
        self._bytes_left = bytes_left = min(bytes_left, limits.burst_bytes) - n_bytes
        self._frames_left = frames_left = min(frames_left, limits.burst_frames) - frames
        in_debt = bytes_left < 0 or frames_left < 0
        if self._limited_since is None and not in_debt:
            return True
        return self._limit(now, in_debt=in_debt)

    def _limit(self, now: float, *, in_debt: bool) -> bool:
        """Count how long the client has been in debt; return False if that is too long."""
        if now >= self.until and self._rested:
            self._limited_since = None
        if not in_debt:
            return True
        limits = self._limits
        debt = max(-self._bytes_left / limits.bytes_per_second, -self._frames_left / limits.frames_per_second)
        self.until = now + debt
        if self._limited_since is None:
            self._limited_since = now
        return now - self._limited_since < SUSTAINED_SECONDS

    @property
    def _rested(self) -> bool:
        """Whether the client paused before it sent this."""
        limits = self._limits
        return self._bytes_left >= min(
            limits.burst_bytes / 2, limits.bytes_per_second * PAUSE_SECONDS
        ) and self._frames_left >= min(limits.burst_frames / 2, limits.frames_per_second * PAUSE_SECONDS)

    def wait_seconds(self, now: float) -> float:
        """Return the seconds to wait before the next frame is read."""
        return max(0.0, self.until - now)
