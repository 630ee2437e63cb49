"""The order of a session's events as they are heard: which rules they break, and which frames came twice.

Around the checker of `bridge.protocol.ordering.checker`: it finds out the dialect first, takes a repeated frame for
one fault and not for all that would follow from it, and begins anew where a bridge has opened a fresh upstream
session.
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

#: A rule and what was seen, as the checker words it.
OrderViolation = tuple[str, str]

#: The only rule that looks at words.
TEXT_RULE = "text-differs-from-deltas"
#: A frame is repeated at once or not at all.
_REMEMBERED = 64
#: Events that may come before the opening one tells the dialect; beyond, it is taken for the one that was asked for.
_PATIENCE = 8


@dataclass(slots=True)
class EventOrder:
    """The order of one session. `asked` is the dialect where no event tells it."""

    requested_dialect: Dialect
    kind: SessionKind = SessionKind.CONVERSATION
    _checker: OrderChecker | None = None
    _early: list[Mapping[str, Any]] = field(default_factory=list)
    _last: OrderedDict[str, Mapping[str, Any]] = field(default_factory=OrderedDict)

    def is_repeat(self, event: Mapping[str, Any]) -> bool:
        """Take the next event; whether it is one of the last again, id and all. Those are not to be fed."""
        name = str(event.get("event_id") or "")
        if not name:
            return False
        if self._last.get(name) == event:
            return True
        self._last[name] = event
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return False

    def feed(self, event: Mapping[str, Any]) -> list[OrderViolation]:
        """Say which rules this event breaks; those of events before the opening one come with that one."""
        if self._checker is None:
            self._early.append(event)
            if event.get("type") not in SESSION_CREATED and len(self._early) < _PATIENCE:
                return []
            return self._begin(event)
        return _told(self._checker, event)

    def _begin(self, event: Mapping[str, Any]) -> list[OrderViolation]:
        self._checker = OrderChecker(detect_dialect(event).dialect or self.requested_dialect, self.kind)
        early, self._early = self._early, []
        return [broken for one in early for broken in _told(self._checker, one)]

    def restart(self) -> None:
        """A fresh session begins; what the former one left open was cut, which is nobody's fault."""
        self._checker, self._early = None, []

    def finish(self) -> Iterator[OrderViolation]:
        """Say what is left open in a session at rest."""
        if self._checker is not None:
            yield from ((found.rule, found.message) for found in self._checker.finish())


def _told(checker: OrderChecker, event: Mapping[str, Any]) -> list[OrderViolation]:
    return [(found.rule, found.message) for found in checker.feed(event)]
