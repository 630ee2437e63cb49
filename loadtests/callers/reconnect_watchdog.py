"""Detects stranded callers: no session, and no news from the bridge about the next attempt. Pure.

A bridge announces each attempt to open a session, and reports when it gives up. A caller that hears neither for too
long is stranded, for example because a throttle suppressed the final error.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Client protocol, "Session life": the longest attempt, and the longest delay between two. A `retry-after` from the
#: service can extend the delay beyond the usual 8 s.
ATTEMPT_SECONDS, WAIT_SECONDS = 10.0, 30.0
#: A throttle may hold an error back until the end of its window.
_SLACK_SECONDS = 2.5
#: The longest silence after a loss that is in order.
LONGEST_SILENCE_SECONDS = ATTEMPT_SECONDS + _SLACK_SECONDS


@dataclass(slots=True)
class ReconnectWatchdog:
    """The watchdog of one call. All times are seconds on one clock."""

    deadline: float | None = None
    """When it expires; None while no news is expected."""

    def start(self, now: float, delay: float = 0.0) -> None:
        """Expect news: an attempt that starts within `delay` seconds. Long delays are capped."""
        self.deadline = now + min(delay, WAIT_SECONDS) + LONGEST_SILENCE_SECONDS

    def extend(self, now: float) -> None:
        """Extend the deadline while an attempt runs. If it fails, the next news may come only with the next attempt."""
        self.start(now, WAIT_SECONDS)

    def stop(self) -> None:
        """Stop: there is a session, or none is expected."""
        self.deadline = None

    def has_expired(self, now: float) -> bool:
        """Return whether the bridge has been silent for too long."""
        return self.deadline is not None and now > self.deadline
