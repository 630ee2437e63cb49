"""Tests of the core that read as a script: what happens, what is done about it, in one expression that is asserted.

    assert Playbook(session) >> CreateSession(WISH) << told("session_initializing") << OpenUpstream(1, WISH)

Every command but the notes must be named, in order; a note is looked at where the script names one for that event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import ndiff
from typing import TYPE_CHECKING, Any, Self

from bridge.core.commands import Command, LogEvent, SendMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.core.events import Event
    from bridge.core.session import Session


@dataclass(frozen=True, slots=True)
class Like:
    """A message to the client or a note that has at least these fields."""

    kind: type[SendMessage | LogEvent]
    fields: Mapping[str, Any]

    def fits(self, command: Command) -> bool:
        if isinstance(command, LogEvent):
            seen = {"name": command.name, **command.fields}
        else:
            seen = dict(command.message) if isinstance(command, SendMessage) else {}
        return isinstance(command, self.kind) and seen.items() >= self.fields.items()


def message_like(message_type: str, **fields: Any) -> Like:
    return Like(SendMessage, {"type": message_type, **fields})


def log_event_like(name: str, **fields: Any) -> Like:
    return Like(LogEvent, {"name": name, **fields})


@dataclass(slots=True)
class _Step:
    now: float
    event: Event
    expected: list[Command | Like] = field(default_factory=list)

    def wants_notes(self) -> bool:
        return any(
            isinstance(one, LogEvent) or (isinstance(one, Like) and one.kind is LogEvent) for one in self.expected
        )


class Playbook:
    """A script of events and commands; it runs when it is asserted."""

    def __init__(self, session: Session, now: float = 0.0) -> None:
        self._session, self._now = session, now
        self._steps: list[_Step] = []
        self._asserted = False

    def at(self, now: float) -> Self:
        self._now = now
        return self

    def __rshift__(self, event: Event) -> Self:
        self._steps.append(_Step(self._now, event))
        return self

    def __lshift__(self, command: Command | Like) -> Self:
        self._steps[-1].expected.append(command)
        return self

    def __bool__(self) -> bool:
        self._asserted = True
        wanted: list[str] = []
        seen: list[str] = []
        for step in self._steps:
            done = self._session.handle(step.event, step.now)
            done = [one for one in done if step.wants_notes() or not isinstance(one, LogEvent)]
            title = f">> {step.event} at {step.now:g}"
            wanted += [title, *_lines(step.expected, done)]
            seen += [title, *map(repr, done)]
        if wanted != seen:
            raise AssertionError("\n".join(["the script goes another way", *ndiff(wanted, seen)]))
        return True

    def __del__(self) -> None:
        if not self._asserted:
            raise RuntimeError("a playbook that nobody asserted")


def _lines(expected: list[Command | Like], done: list[Command]) -> list[str]:
    """What was expected, in the words of what was done where it fits."""
    lines = [repr(one) for one in expected]
    for index, (one, did) in enumerate(zip(expected, done, strict=False)):
        if (isinstance(one, Like) and one.fits(did)) or one == did:
            lines[index] = repr(did)
    return lines
