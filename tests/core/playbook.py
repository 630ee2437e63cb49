"""Tests of the core as scripts: events in, commands out, in one expression that is asserted.

    assert Playbook(session) >> CreateSession({}) << message_like("session_initializing") << OpenUpstream(1, {})

The script must name every command, in order. Log events are the exception: they are compared only for events after
which the script names one.
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
    """A message to the client or a log event with at least these fields."""

    kind: type[SendMessage | LogEvent]
    fields: Mapping[str, Any]

    def fits(self, command: Command) -> bool:
        if isinstance(command, LogEvent):
            actual = {"name": command.name, **command.fields}
        else:
            actual = dict(command.message) if isinstance(command, SendMessage) else {}
        return isinstance(command, self.kind) and actual.items() >= self.fields.items()


def message_like(message_type: str, **fields: Any) -> Like:
    return Like(SendMessage, {"type": message_type, **fields})


def log_event_like(name: str, **fields: Any) -> Like:
    return Like(LogEvent, {"name": name, **fields})


@dataclass(slots=True)
class _Step:
    now: float
    event: Event
    expected: list[Command | Like] = field(default_factory=list)

    def expects_log_events(self) -> bool:
        return any(
            isinstance(one, LogEvent) or (isinstance(one, Like) and one.kind is LogEvent) for one in self.expected
        )


class Playbook:
    """A script of events and commands. It runs when it is asserted."""

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
            done = [one for one in done if step.expects_log_events() or not isinstance(one, LogEvent)]
            title = f">> {step.event} at {step.now:g}"
            wanted += [title, *_lines(step.expected, done)]
            seen += [title, *map(repr, done)]
        if wanted != seen:
            raise AssertionError("\n".join(["the session does not follow the script", *ndiff(wanted, seen)]))
        return True

    def __del__(self) -> None:
        if not self._asserted:
            raise RuntimeError("a playbook that was not asserted")


def _lines(expected: list[Command | Like], done: list[Command]) -> list[str]:
    """The expected commands as text; those that fit are shown as what was done."""
    lines = [repr(one) for one in expected]
    for index, (one, did) in enumerate(zip(expected, done, strict=False)):
        if (isinstance(one, Like) and one.fits(did)) or one == did:
            lines[index] = repr(did)
    return lines
