"""An interval of a call with a session: which audio must have arrived by its end, and whether anyone answers. Pure.

Times are seconds on one clock; positions are ms of the caller's audio. Audio that was in flight when a session was lost
may be lost with it, so only audio older than `IN_FLIGHT_MS` must have arrived after an interval of at least a few
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Audio at the end of an interval that may be in flight when the session is lost, and the shortest interval that
#: counts.
IN_FLIGHT_MS, _MIN_SECONDS = 5000, 7.0
#: A caller with a session that waits this long without any part of an answer has a mute session.
MUTE_SECONDS = 8.0


@dataclass(slots=True)
class SessionInterval:
    """The intervals of one call with a session.

    `begin` and `end` enclose each. Calling either twice in a row is harmless.
    """

    expected_ms: int = 0
    """Audio up to this position must have arrived, however the call ends."""
    _began_at: float | None = None
    _waiting_since: float | None = None
    """Since when an answer is expected, within this interval."""
    _waited: float = 0.0
    """Time spent waiting in earlier intervals."""

    def begin(self, now: float) -> None:
        """A session starts. An interrupted wait continues."""
        self._began_at = now
        if self._waited:
            self._waiting_since = now

    def expect_answer(self, now: float) -> None:
        """Expect an answer from now on, unless one is expected already."""
        if self._waiting_since is None:
            self._waiting_since = now

    def answer_seen(self) -> None:
        """Record any part of an answer, including a failed one."""
        self._waiting_since, self._waited = None, 0.0

    def end(self, now: float, sent_ms: int) -> bool:
        """The session or the call ended. Returns whether the session was mute."""
        began_at, self._began_at = self._began_at, None
        if began_at is None:
            return False
        if now - began_at >= _MIN_SECONDS:
            self.expected_ms = max(self.expected_ms, sent_ms - IN_FLIGHT_MS)
        if self._waiting_since is not None:
            self._waited += max(0.0, now - max(began_at, self._waiting_since))
            self._waiting_since = None
        if self._waited < MUTE_SECONDS:
            return False
        self._waited = 0.0
        return True
