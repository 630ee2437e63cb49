"""How often one client may have an upstream session opened: the first few at once, then one now and then.

Each opening costs the upstream a session and a part of its rate limit, and the bridge a TLS handshake. A client that
creates and ends sessions in a loop, or asks again for a model that was refused, would take all of it from the others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class OpeningRate:
    """A token bucket. Time is that of the session."""

    at_once: int
    """A client that had a bad start or restarts a few times waits for nothing."""
    every_seconds: float
    _left: float = 0.0
    _at: float = float("-inf")

    def next_at(self, now: float) -> float:
        """Return when a session may be opened: `now`, or later."""
        missing = 1.0 - self._filled(now)
        return now if missing <= 0 else now + missing * self.every_seconds

    def opened(self, now: float) -> None:
        """Count a session that is opened now, allowed or not."""
        self._left, self._at = self._filled(now) - 1.0, now

    def _filled(self, now: float) -> float:
        return min(float(self.at_once), self._left + (now - self._at) / self.every_seconds)
