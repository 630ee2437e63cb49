"""What a fault is: one small frozen value with up to four abilities, all optional.

It may refuse a visit (`admit`), change how the session behaves (`behave`), change what goes out (`outgoing`), act at a
moment of the session (`moment`). Settings live in the fault, what it remembers of a connection in its `Life`, so one
value serves every connection. Chance comes from the connection's seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.faults.pipeline import SERVER_MOMENTS, Life, Text, Timed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.simulator.session.behaviour import Behaviour, Ending


class Place(StrEnum):
    """Where a client knocks."""

    MODELS = "models"
    MINT = "mint"
    SOCKET = "socket"
    ELSEWHERE = "elsewhere"
    """Every other REST address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request or upgrade."""

    place: Place
    attempt: int
    """Counts the visits of this key at this place, from 1."""
    azure: bool = False
    """Azure answers refusals over HTTP, before the upgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """Answer with an HTTP status and an error body."""

    status: int
    ending: Ending | None
    """None: not the service answers but something in between, with a page."""
    headers: tuple[tuple[str, str], ...] = ()


class BadHandshake(StrEnum):
    """Ways to answer an upgrade that are no HTTP refusal."""

    NEVER = "never"
    CLOSED = "closed"
    WRONG_ACCEPT = "wrong-accept"
    NOT_HTTP = "not-http"


@dataclass(frozen=True, slots=True)
class Fault:
    """The fault that does nothing; the others override what they need."""

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "nothing goes wrong"

    def admit(self, visit: Visit) -> HttpAnswer | BadHandshake | None:
        """Refuse a visit; None lets it pass."""
        return None

    def behave(self, behaviour: Behaviour, attempt: int) -> Behaviour:
        """Change how the session behaves."""
        return behaviour

    def outgoing(self, timed: Timed, life: Life) -> Iterable[Timed]:
        """Change what goes out: later, twice, never, something else."""
        if isinstance(timed.act, Text):
            for name, types in SERVER_MOMENTS.items():
                if timed.act.type in types:
                    return (timed, *self.moment(name, timed.at, life))
        return (timed,)

    def moment(self, name: str, now: float, life: Life) -> Iterable[Timed]:
        """Act behind a moment of the session."""
        return ()


def behaviour_under(faults: Iterable[Fault], behaviour: Behaviour, attempt: int = 1) -> Behaviour:
    """Give the behaviour as these faults leave it."""
    for fault in faults:
        behaviour = fault.behave(behaviour, attempt)
    return behaviour
