"""The client's own `session.update` events: which of them apply, so that a fresh session is configured alike.

An update counts once the upstream has confirmed it. A refused one is forgotten: sent again with the configuration of a
fresh session it would be refused again, and that session would never be ready. An update whose session was lost before
it was answered is sent again all the same; if the fresh session refuses it, it is dropped and the rest is tried alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from itertools import accumulate
from typing import Any

from bridge.core.json_access import as_object, as_text, read_object

#: Updates that are kept unconfirmed; with more, the oldest counts as confirmed.
MAX_UNCONFIRMED = 100
#: JSON of updates that are kept unconfirmed: far more than the instructions and tools that a model takes. Past it the
#: oldest is forgotten; the newest is kept whatever its size, which the endpoint bounds.
MAX_UNCONFIRMED_BYTES = 2**20
#: JSON of updates that one confirmation is compared with: a hundred tools and more. It takes no longer if more waits.
MAX_COMPARED_BYTES = 2**17

#: Objects that an update replaces instead of merging: half of an old union and half of a new one make no valid object.
#: The service does the same.
REPLACED_WHOLE = frozenset({"turn_detection", "format", "tracing", "truncation", "tool_choice", "voice", "prompt"})


class _UpdateStatus(Enum):
    PENDING = auto()
    """Sent and not answered."""
    CONFIRMED = auto()
    """Confirmed, but an earlier one is not."""
    DOUBTFUL = auto()
    """A later one was confirmed first: this one won't be answered any more."""


@dataclass(slots=True)
class _Update:
    event_id: str | None
    frame: bytes
    """The event, as JSON: a tree takes up to fifty times as much."""
    status: _UpdateStatus = _UpdateStatus.PENDING

    @property
    def session(self) -> Mapping[str, Any]:
        """What it asks for."""
        return as_object(read_object(self.frame).get("session"))


class SessionUpdates:
    """The updates of one client connection since it asked for its session."""

    __slots__ = ("_base", "_later")

    def __init__(self) -> None:
        self._base: dict[str, Any] = {}
        """All confirmed updates up to the first one in doubt, merged."""
        self._later: list[_Update] = []
        """The others, in the order they were sent in."""

    def sent(self, event: Mapping[str, Any], frame: bytes) -> None:
        """Record an update that went upstream: the event, and what was sent."""
        self._later.append(_Update(as_text(event.get("event_id")), frame))
        if len(self._later) > MAX_UNCONFIRMED:
            self._later[0].status = _UpdateStatus.CONFIRMED
            self._fold()
        while len(self._later) > 1 and _size(self._later) > MAX_UNCONFIRMED_BYTES:
            del self._later[0]

    def confirmed(self, session: Mapping[str, Any]) -> None:
        """Record that the upstream confirmed an update; `session` is the session as it is now.

        Updates are answered in order. A refusal may name none of them, though; so the first update that the session is
        seen to satisfy is the confirmed one, and those before it are in doubt. If none of the first is, the oldest is.
        """
        pending = [one for one in self._later if one.status is _UpdateStatus.PENDING]
        sizes = accumulate(len(one.frame) for one in pending)
        compared = ((one, one.session) for one, size in zip(pending, sizes, strict=True) if size <= MAX_COMPARED_BYTES)
        oldest = (pending[0], None) if pending else (None, None)
        match, asked = next((pair for pair in compared if _satisfied(pair[1], session)), oldest)
        for one in pending:
            if one is match:
                one.status = _UpdateStatus.CONFIRMED
                break
            one.status = _UpdateStatus.DOUBTFUL
        self._fold(asked if self._later and match is self._later[0] else None)

    def rejected(self, error: Mapping[str, Any]) -> None:
        """Forget the update that an error is about, if it is about one."""
        event_id = as_text(error.get("event_id"))
        pending = [one for one in self._later if one.status is _UpdateStatus.PENDING]
        named = next((one for one in pending if event_id and one.event_id == event_id), None)
        if named is None and pending and (as_text(error.get("param")) or "").partition(".")[0] == "session":
            named = pending[0]
        if named is not None:
            self._later.remove(named)
            self._fold()

    @property
    def effective(self) -> dict[str, Any]:
        """What a fresh session is configured with: all updates that were not refused, merged, answered or not."""
        return reduce(merge_config, (one.session for one in self._later), self._base)

    def confirm_all(self) -> None:
        """Record that the fresh session confirmed everything it was configured with."""
        self._base = self.effective
        self._later.clear()

    def drop_unconfirmed(self) -> list[str | None]:
        """Keep only confirmed updates: a fresh session refused its configuration. Returns the others' event ids."""
        dropped = [one.event_id for one in self._later if one.status is not _UpdateStatus.CONFIRMED]
        self._later = [one for one in self._later if one.status is _UpdateStatus.CONFIRMED]
        self._fold()
        return dropped

    def _fold(self, first: Mapping[str, Any] | None = None) -> None:
        """Merge what is in doubt no more; `first` is what the first one asks for, if that was parsed already."""
        while self._later and self._later[0].status is _UpdateStatus.CONFIRMED:
            one = self._later.pop(0)
            self._base = merge_config(self._base, one.session if first is None else first)
            first = None


def _size(updates: Iterable[_Update]) -> int:
    return sum(len(one.frame) for one in updates)


def merge_config(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return `new` merged over `old`: objects merge; lists, unions and objects of another `type` are replaced."""
    result = dict(old)
    for name, value in new.items():
        known = result.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping) and _mergeable(name, known, value):
            result[name] = merge_config(known, value)
        else:
            result[name] = value
    return result


def _mergeable(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    types = {value["type"] for value in (old, new) if isinstance(value.get("type"), str)}
    return name not in REPLACED_WHOLE and len(types) < 2  # noqa: PLR2004 - two types are two kinds of object


def _satisfied(update: Mapping[str, Any], session: Mapping[str, Any]) -> bool:
    """Return whether a session shows what an update asked for. The service may fill in more fields."""
    return all(
        _satisfied(value, as_object(session.get(name))) if isinstance(value, Mapping) else session.get(name) == value
        for name, value in update.items()
    )
