"""Stops attempts to reach an upstream that can't be reached: then one attempt at a time finds out when it can be again.

Without it, the clients of an outage would all dial again and again, each on its own. Pure; the time is a parameter.

    state      attempts                                   becomes
    ---------  -----------------------------------------  -----------------------------------------------------
    closed     all go through                             open after FAILURES in a row
    open       none, for a time that grows                half-open after that time
    half-open  one goes through, and all others wait      closed if it succeeds, open for longer if it fails
"""

from __future__ import annotations

from typing import Final

#: So many attempts in a row must have failed: more than one client makes alone.
FAILURES: Final = 20
#: How long nobody dials, at first and at most. Short: a call that waits is a caller who waits.
FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 4.0
#: For how long one attempt may keep the others waiting: more than it takes to fail.
_TRIAL_SECONDS: Final = 15.0


class CircuitBreaker:
    """The state of one upstream, as one process sees it."""

    def __init__(self) -> None:
        self._failures = 0
        self._open_seconds = 0.0
        """For how long it was opened last; 0: it is closed."""
        self._next_at = 0.0
        """When the next attempt may go through, unless it is closed."""

    @property
    def is_open(self) -> bool:
        """Whether not all attempts go through."""
        return self._open_seconds > 0

    def wait_seconds(self, now: float) -> float:
        """Return 0 if an attempt may go through now, else after how many seconds to ask again."""
        return min(self._next_at - now, LONGEST_SECONDS) if self.is_open and now < self._next_at else 0.0

    def admit(self, now: float) -> float:
        """Return what `wait_seconds` does; if that is 0, the attempt begins.

        Then `succeeded`, `failed` or `given_up` must follow.
        """
        wait = self.wait_seconds(now)
        if self.is_open and not wait:
            self._next_at = now + _TRIAL_SECONDS
        return wait

    def succeeded(self) -> None:
        """Close: the upstream was reached."""
        self._failures, self._open_seconds = 0, 0.0

    def given_up(self, now: float) -> None:
        """Let another attempt find out: nobody waits for this one any more."""
        self._next_at = min(self._next_at, now)

    def failed(self, now: float) -> None:
        """Count an attempt that did not reach the upstream."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_seconds = min(LONGEST_SECONDS, self._open_seconds * 2 or FIRST_SECONDS)
            self._next_at = now + self._open_seconds
