"""How long a caller without a session waits for the bridge's next word about it. Pure.

A bridge that tries tells of each attempt, and one that has given up says so: whoever hears neither was left behind,
for example because the error that ended his session was swallowed by a throttle.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Client protocol, "Session life": the longest attempt, and a longest wait between two of them: a service that says
#: `retry-after` may make it longer than the usual eight seconds.
ATTEMPT_SECONDS, WAIT_SECONDS = 10.0, 30.0
#: An error may be held back for the length of its window.
_SLACK_SECONDS = 2.5


@dataclass(slots=True)
class ReconnectWatchdog:
    """One call's. Times are seconds on one clock."""

    deadline: float | None = None
    """When it ends; None while nothing is owed."""

    def start(self, now: float, delay: float = 0.0) -> None:
        """Begin to wait for the next word: an attempt begins within `delay` seconds, of which not all are believed."""
        self.deadline = now + min(delay, WAIT_SECONDS) + ATTEMPT_SECONDS + _SLACK_SECONDS

    def extend(self, now: float) -> None:
        """Wait on while an attempt runs: when it fails, the next word may come with the one behind it."""
        self.start(now, WAIT_SECONDS)

    def stop(self) -> None:
        """Stop waiting: there is a session, or none is owed."""
        self.deadline = None

    def has_expired(self, now: float) -> bool:
        """Say whether the bridge has been silent for too long."""
        return self.deadline is not None and now > self.deadline
