"""Ids of the recorded session and of the one that is played now: what a client sends must name the latter.

The ids are learnt from pairs of events: the third `response.created` now stands for the third one recorded.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Ids of events name nothing that is referred to later.
_UNUSED = frozenset({"event_id", "clientId", "customerId"})


class IdMap:
    """Translates recorded ids. `recorded` holds the other side's events of the recording, in order."""

    def __init__(self, recorded: Iterable[Mapping[str, Any]]) -> None:
        self._waiting: defaultdict[str, deque[Mapping[str, Any]]] = defaultdict(deque)
        self._ids: dict[str, str] = {}
        for event in recorded:
            self._waiting[str(event.get("type"))].append(event)

    def learn(self, event: Mapping[str, Any]) -> None:
        """Take an event of the session that is played now."""
        waiting = self._waiting[str(event.get("type"))]
        if waiting:
            self._pair(waiting.popleft(), event)

    def translated(self, value: Any, name: str = "") -> Any:
        """Return a recorded event with the ids of this session. Unknown ids stay."""
        match value:
            case str() if _is_id(name):
                return self._ids.get(value, value)
            case dict():
                return {inner: self.translated(inner_value, inner) for inner, inner_value in value.items()}
            case list():
                return [self.translated(inner, name) for inner in value]
            case _:
                return value

    def _pair(self, recorded: Any, now: Any, name: str = "") -> None:
        match recorded, now:
            case str(), str() if _is_id(name):
                self._ids.setdefault(recorded, now)
            case dict(), dict():
                for inner in recorded.keys() & now.keys():
                    self._pair(recorded[inner], now[inner], inner)
            case list(), list():
                for one, other in zip(recorded, now, strict=False):
                    self._pair(one, other, name)


def _is_id(name: str) -> bool:
    return name not in _UNUSED and (name == "id" or name.endswith(("_id", "Id")))
