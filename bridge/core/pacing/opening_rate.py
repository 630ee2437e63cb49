"""How often one client may have an upstream session opened: the first few at once, then one now and then.

Each opening costs the upstream a session and a part of its rate limit, and the bridge a TLS handshake. A client that
creates and ends sessions in a loop, or asks again for a model that was refused, would take all of it from the others.
"""

from __future__ import annotations

from bridge.core.pacing.token_bucket import FULL, BucketRate


class OpeningRate:
    """The openings of one client. Time is that of the session."""

    __slots__ = ("_full_at", "_rate")

    def __init__(self, at_once: int, every_seconds: float) -> None:
        """A client that had a bad start or restarts a few times waits for nothing: so `at_once` is more than 1."""
        self._rate, self._full_at = BucketRate(1 / every_seconds, at_once), FULL

    def next_at(self, now: float) -> float:
        """Return when a session may be opened: `now`, or later."""
        return now + self._rate.wait_seconds(self._full_at, now)

    def opened(self, now: float) -> None:
        """Count a session that is opened now, allowed or not."""
        self._full_at = self._rate.take(self._full_at, now)
