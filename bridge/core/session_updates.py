"""The client's own `session.update` events: which of them hold, so that a fresh session is configured alike.

An update counts when the upstream has confirmed it. A refused one is forgotten: sent again with the configuration of a
fresh session, it would be refused again, and that session would never be ready. One whose session was lost before it
was answered is wanted all the same; should the fresh session refuse it, it is given up, and the rest is tried alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from typing import Any

from bridge.core.json_access import as_object, as_text

#: Updates of which one's fate is not known; with more, the oldest is taken for confirmed.
MAX_UNCONFIRMED = 100

#: Fields that an update replaces, although they are objects: half of an old union and half of a new one make none. The
#: service does the same (`bridge/protocol/schema/sessions.py`).
REPLACED_WHOLE = frozenset({"turn_detection", "format", "tracing", "truncation", "tool_choice", "voice", "prompt"})


class _Fate(Enum):
    WAITS = auto()
    """It went up, and nothing was said about it yet."""
    HELD = auto()
    """Confirmed, behind one that is not."""
    DOUBTFUL = auto()
    """A later one was confirmed before it: nobody will say any more."""


@dataclass(slots=True)
class _Update:
    event: Mapping[str, Any]
    fate: _Fate = _Fate.WAITS

    @property
    def session(self) -> Mapping[str, Any]:
        return as_object(self.event.get("session"))


class SessionUpdates:
    """One client's updates, since it asked for its session."""

    def __init__(self) -> None:
        self._base: dict[str, Any] = {}
        """All that hold and before which nothing is in doubt, merged."""
        self._later: deque[_Update] = deque()
        """The others, as they were sent."""

    def sent(self, event: Mapping[str, Any]) -> None:
        """An update went up."""
        self._later.append(_Update(event))
        if len(self._later) > MAX_UNCONFIRMED:
            self._later[0].fate = _Fate.HELD
            self._fold()

    def confirmed(self, session: Mapping[str, Any]) -> None:
        """The upstream confirmed an update and shows the session as it is now.

        They are answered in order. A refusal may have named none of them: then the first that is seen to hold is the
        one, and those before it are in doubt.
        """
        waiting = [one for one in self._later if one.fate is _Fate.WAITS]
        held = next((one for one in waiting if _holds(one.session, session)), waiting[0] if waiting else None)
        for one in waiting:
            if one is held:
                one.fate = _Fate.HELD
                break
            one.fate = _Fate.DOUBTFUL
        self._fold()

    def rejected(self, error: Mapping[str, Any]) -> None:
        """Forget the update that an error speaks of, if it speaks of one."""
        event_id = as_text(error.get("event_id"))
        waiting = [one for one in self._later if one.fate is _Fate.WAITS]
        named = next((one for one in waiting if event_id and one.event.get("event_id") == event_id), None)
        if named is None and waiting and (as_text(error.get("param")) or "").partition(".")[0] == "session":
            named = waiting[0]
        if named is not None:
            self._later.remove(named)
            self._fold()

    @property
    def effective(self) -> dict[str, Any]:
        """What a fresh session is asked for: all but what was refused, merged. What had no answer yet is wanted too."""
        return reduce(merge_config, (one.session for one in self._later), self._base)

    def confirm_all(self) -> None:
        """The fresh session has confirmed all that was wanted."""
        self._base = self.effective
        self._later.clear()

    def drop_unconfirmed(self) -> bool:
        """The fresh session refused its configuration: want only what was confirmed. False when that was all."""
        certain = deque(one for one in self._later if one.fate is _Fate.HELD)
        given_up = len(certain) < len(self._later)
        self._later = certain
        self._fold()
        return given_up

    def _fold(self) -> None:
        while self._later and self._later[0].fate is _Fate.HELD:
            self._base = merge_config(self._base, self._later.popleft().session)


def merge_config(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Put one configuration over another: objects merge; lists, unions and objects of another `type` are replaced."""
    both = dict(old)
    for name, value in new.items():
        known = both.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping) and _merge(name, known, value):
            both[name] = merge_config(known, value)
        else:
            both[name] = value
    return both


def _merge(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    types = {value["type"] for value in (old, new) if isinstance(value.get("type"), str)}
    return name not in REPLACED_WHOLE and len(types) < 2  # noqa: PLR2004 - two types are two kinds of object


def _holds(wanted: Mapping[str, Any], session: Mapping[str, Any]) -> bool:
    """Whether a session shows what an update asked for. The service may fill objects in."""
    return all(
        _holds(value, as_object(session.get(name))) if isinstance(value, Mapping) else session.get(name) == value
        for name, value in wanted.items()
    )
