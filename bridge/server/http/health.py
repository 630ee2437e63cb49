"""Whether this bridge can do its work: alive always, ready unless it goes down or the upstream is known to be bad.

Bad means: every one of the last few attempts failed, and for a reason that is not the client's. The verdict ages: after
a while without attempts the bridge counts as ready again, or else nobody would ever come to find out that it is.
Several workers are judged as one: whoever asks reaches one of them by chance, and must hear the same of each.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.core.commands import LogEvent

#: So many attempts in a row must have failed.
MIN_FAILED_ATTEMPTS: Final = 3
#: An attempt that is older says nothing any more.
MAX_AGE_SECONDS: Final = 30.0

#: Failures that any client would meet. A model that does not exist is the client's own wish.
_OURS: Final = frozenset(
    {
        "AUTHENTICATION_FAILED",
        "ACCESS_DENIED",
        "DIALECT_REFUSED",
        "QUOTA_EXHAUSTED",
        "UPSTREAM_UNAVAILABLE",
        "CONNECTION_LOST",  # opened, and closed again before there was a session
    }
)
_SUCCESSES: Final = frozenset({"session.ready", "session.reconnected"})

AttemptOutcome = tuple[float, str]
"""When an attempt ended, and the code that it failed with; empty for one that did not."""


class UpstreamHealth:
    """Watches the outcome of this process's attempts."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` gives seconds that only grow; where several processes are judged together, one clock for all."""
        self._now = now
        self._outcomes: deque[AttemptOutcome] = deque(maxlen=MIN_FAILED_ATTEMPTS)

    def on_log_event(self, _client_id: str, note: LogEvent) -> None:
        """Take what the core notes about attempts."""
        if note.name in _SUCCESSES:
            self._outcomes.append((self._now(), ""))
        elif note.name == "attempt.failed" and note.fields.get("code") in _OURS:
            self._outcomes.append((self._now(), str(note.fields["code"])))

    @property
    def outcomes(self) -> list[AttemptOutcome]:
        """What the last attempts came to, oldest first."""
        return list(self._outcomes)

    def upstream_problem(self, outcomes: Iterable[AttemptOutcome] | None = None) -> str | None:
        """Name what is wrong with the upstream; None while nothing is known to be.

        `outcomes` are those of all processes, in any order; by default this one's.
        """
        latest = sorted(self._outcomes if outcomes is None else outcomes)[-MIN_FAILED_ATTEMPTS:]
        recent = [code for at, code in latest if code and self._now() - at <= MAX_AGE_SECONDS]
        return recent[-1] if len(recent) >= MIN_FAILED_ATTEMPTS else None
