"""Whether this bridge can do its work: alive always, ready unless it goes down or the upstream is known to be bad.

Bad means: every one of the last few attempts failed, and for a reason that is not the client's. The verdict ages: after
a while without attempts the bridge counts as ready again, or else nobody would ever come to find out that it is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.commands import Note

#: So many attempts in a row must have failed.
ATTEMPTS: Final = 3
#: An attempt that is older says nothing any more.
SECONDS: Final = 30.0

#: Failures that any client would meet. A model that does not exist is the client's own wish.
_OURS: Final = frozenset(
    {"AUTHENTICATION_FAILED", "ACCESS_DENIED", "DIALECT_REFUSED", "QUOTA_EXHAUSTED", "UPSTREAM_UNAVAILABLE"}
)
_SUCCESSES: Final = frozenset({"session.ready", "session.reconnected"})


class Health:
    """Watches the outcome of attempts."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failures: deque[tuple[float, str]] = deque(maxlen=ATTEMPTS)

    def note(self, _client_id: str, note: Note) -> None:
        """Take what the core notes about attempts."""
        if note.name in _SUCCESSES:
            self._failures.clear()
        elif note.name == "attempt.failed" and note.fields.get("code") in _OURS:
            self._failures.append((self._now(), str(note.fields["code"])))

    def trouble(self) -> str | None:
        """Name what is wrong with the upstream; None while nothing is known to be."""
        recent = [code for at, code in self._failures if self._now() - at <= SECONDS]
        return recent[-1] if len(recent) >= ATTEMPTS else None
