"""The order of a session's events as they arrive: which rules they violate, and which frames are repeated.

A layer around the checker of `bridge.protocol.ordering`: it detects the dialect first, counts a repeated frame as one
fault instead of all that would follow from it, and restarts when a bridge has opened a new upstream session.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge.protocol.dialects.detection import Dialect, SessionKind, detect_dialect
from bridge.protocol.events.groups import SESSION_CREATED
from bridge.protocol.ordering.checker import OrderChecker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: A rule and the checker's message.
OrderViolation = tuple[str, str]

#: The only rule that reads content.
TEXT_RULE = "text-differs-from-deltas"
#: How many frames are remembered: a repeated frame follows its original at once.
_REMEMBERED = 64
#: How many events may precede session.created, which shows the dialect; after them the requested one is assumed.
_MAX_EARLY = 8


@dataclass(slots=True)
class EventOrder:
    """The order of one session. `requested_dialect` is assumed until an event shows the dialect."""

    requested_dialect: Dialect
    kind: SessionKind = SessionKind.CONVERSATION
    _checker: OrderChecker | None = None
    _early: list[Mapping[str, Any]] = field(default_factory=list)
    _recent: OrderedDict[str, Mapping[str, Any]] = field(default_factory=OrderedDict)

    def is_repeat(self, event: Mapping[str, Any]) -> bool:
        """Return whether this event repeats a recent one, event_id included. Do not feed a repeated event."""
        event_id = str(event.get("event_id") or "")
        if not event_id:
            return False
        if self._recent.get(event_id) == event:
            return True
        self._recent[event_id] = event
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return False

    def feed(self, event: Mapping[str, Any]) -> list[OrderViolation]:
        """Return the rules that this event violates. Events before session.created are checked together with it."""
        if self._checker is None:
            self._early.append(event)
            if event.get("type") not in SESSION_CREATED and len(self._early) < _MAX_EARLY:
                return []
            return self._begin(event)
        return _violations(self._checker, event)

    def _begin(self, event: Mapping[str, Any]) -> list[OrderViolation]:
        self._checker = OrderChecker(detect_dialect(event).dialect or self.requested_dialect, self.kind)
        early, self._early = self._early, []
        return [violation for each in early for violation in _violations(self._checker, each)]

    def restart(self) -> None:
        """Start over for a new session. What the previous one left open is no violation: it was cut off."""
        self._checker, self._early = None, []

    def finish(self) -> Iterator[OrderViolation]:
        """Yield what is left open. Only for a session that has come to rest."""
        if self._checker is not None:
            yield from ((found.rule, found.message) for found in self._checker.finish())


def _violations(checker: OrderChecker, event: Mapping[str, Any]) -> list[OrderViolation]:
    return [(found.rule, found.message) for found in checker.feed(event)]
