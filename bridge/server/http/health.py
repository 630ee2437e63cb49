"""Whether the upstream works, for `/readyz`: judged by the latest attempts to open a session.

The upstream has a problem when each of the last few attempts failed, for a reason that isn't the client's. Attempts
expire: without new ones the bridge becomes ready again, because otherwise no client would be routed to it and no new
attempt could prove that it recovered. All workers are judged together, so each of them gives the same answer.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.core.commands import LogEvent

#: This many attempts in a row must have failed.
MIN_FAILED_ATTEMPTS: Final = 3
#: Older attempts don't count.
MAX_AGE_SECONDS: Final = 30.0

#: Failures that every client would have, whatever it asks for.
_WITH_EVERY_MODEL: Final = frozenset({"AUTHENTICATION_FAILED", "QUOTA_EXHAUSTED"})
#: How many models that have worked are remembered: more than there are.
_MAX_MODELS: Final = 64
#: Failures that aren't the client's. A model that doesn't exist is the client's own mistake.
_NOT_THE_CLIENTS: Final = frozenset(
    {
        "AUTHENTICATION_FAILED",
        "ACCESS_DENIED",
        "DIALECT_REFUSED",
        "QUOTA_EXHAUSTED",
        "UPSTREAM_UNAVAILABLE",
        "CONNECTION_LOST",  # opened, and closed before the session was ready
    }
)
_SUCCESSES: Final = frozenset({"session.ready", "session.reconnected"})

AttemptOutcome = tuple[float, str]
"""When an attempt ended, in seconds, and the error code that it failed with; empty for success."""


class UpstreamHealth:
    """The outcomes of this process's latest attempts."""

    def __init__(self, now: Callable[[], float], model: str = "") -> None:
        """`now` returns the seconds of a monotonic clock, the same one in all workers.

        `model` is the configured one. An upstream may refuse any other that a client names in whatever way, so such a
        failure counts only if this model has worked before.
        """
        self._now = now
        self._models = {"", model}
        self._outcomes: deque[AttemptOutcome] = deque(maxlen=MIN_FAILED_ATTEMPTS)

    def on_log_event(self, _client_id: str, event: LogEvent) -> None:
        """Record the outcome of an attempt from the core's log events."""
        model = str(event.fields.get("requestedModel", ""))
        if event.name in _SUCCESSES:
            self._outcomes.append((self._now(), ""))
            if len(self._models) < _MAX_MODELS:
                self._models.add(model)
        elif event.name == "attempt.failed":
            code = str(event.fields.get("code"))
            if code in _WITH_EVERY_MODEL or (code in _NOT_THE_CLIENTS and model in self._models):
                self._outcomes.append((self._now(), code))

    @property
    def outcomes(self) -> list[AttemptOutcome]:
        """The latest outcomes, oldest first."""
        return list(self._outcomes)

    def upstream_problem(self, outcomes: Iterable[AttemptOutcome] | None = None) -> str | None:
        """Return the error code of the upstream's problem; None if there is no known problem.

        `outcomes` are those of all workers, in any order; by default this one's.
        """
        latest = sorted(self._outcomes if outcomes is None else outcomes)[-MIN_FAILED_ATTEMPTS:]
        recent = [code for at, code in latest if code and self._now() - at <= MAX_AGE_SECONDS]
        return recent[-1] if len(recent) >= MIN_FAILED_ATTEMPTS else None
