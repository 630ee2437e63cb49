"""The client's own `session.update` events: which of them hold, so that a fresh session is configured alike.

An update counts when the upstream has confirmed it. A refused one is forgotten: sent again with the configuration of a
fresh session, it would be refused again, and that session would never be ready.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.core.loose import a_text, an_object

#: Updates whose fate is not known; with more, the oldest is taken for confirmed.
MAX_SENT = 100


@dataclass(slots=True)
class Updates:
    """One client's updates, since it asked for its session."""

    confirmed: Mapping[str, Any] = field(default_factory=dict)
    """All that hold, merged."""
    _sent: deque[Mapping[str, Any]] = field(default_factory=deque)

    def sent(self, event: Mapping[str, Any]) -> None:
        """An update went up."""
        self._sent.append(event)
        if len(self._sent) > MAX_SENT:
            self.took()

    def took(self) -> None:
        """The upstream confirmed an update: they are answered in order."""
        if self._sent:
            self.confirmed = merged(self.confirmed, an_object(self._sent.popleft().get("session")))

    def refused(self, error: Mapping[str, Any]) -> None:
        """Forget the update that an error speaks of, if it speaks of one."""
        event_id = a_text(error.get("event_id"))
        named = next((sent for sent in self._sent if event_id and sent.get("event_id") == event_id), None)
        if named is not None:
            self._sent.remove(named)
        elif self._sent and (a_text(error.get("param")) or "").partition(".")[0] == "session":
            self._sent.popleft()

    def settle(self) -> None:
        """The upstream is gone: what it did not answer is wanted all the same."""
        while self._sent:
            self.took()


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Put one configuration over another: objects merge, everything else is replaced."""
    both = dict(old)
    for name, value in new.items():
        both[name] = merged(an_object(old.get(name)), value) if isinstance(value, Mapping) else value
    return both
