"""What a fault is: one small frozen value with up to four abilities, all optional.

It may refuse a visit (`admit`), change how the session behaves (`behave`), change what goes out (`outgoing`), act at a
moment of the session (`moment`). Settings live in the fault, what it remembers of a connection in its `Life`, so one
value serves every connection. Chance comes from the connection's seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.faults.pipeline import SERVER_MOMENTS, FaultState, TextFrame, TimedAction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bridge.simulator.session.behaviour import ServiceError, SessionBehaviour


class ApiEndpoint(StrEnum):
    """Where a client knocks."""

    MODELS = "models"
    MINT = "mint"
    SOCKET = "socket"
    OTHER_REST = "elsewhere"
    """Every other REST address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAttempt:
    """One request or upgrade."""

    endpoint: ApiEndpoint
    number: int
    """Counts the visits of this key at this place, from 1."""
    is_azure: bool = False
    """Azure answers refusals over HTTP, before the upgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRefusal:
    """Answer with an HTTP status and an error body."""

    status: int
    error: ServiceError | None
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

    def refuse(self, visit: ClientAttempt) -> HttpRefusal | BadHandshake | None:
        """Refuse a visit; None lets it pass."""
        return None

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Change how the session behaves."""
        return behaviour

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Change what goes out: later, twice, never, something else."""
        if isinstance(timed.action, TextFrame):
            for name, types in SERVER_MOMENTS.items():
                if timed.action.type in types:
                    return (timed, *self.on_moment(name, timed.due_at, life))
        return (timed,)

    def on_moment(self, name: str, now: float, life: FaultState) -> Iterable[TimedAction]:
        """Act behind a moment of the session."""
        return ()


def apply_faults(faults: Iterable[Fault], behaviour: SessionBehaviour, attempt: int = 1) -> SessionBehaviour:
    """Give the behaviour as these faults leave it."""
    for fault in faults:
        behaviour = fault.change_behaviour(behaviour, attempt)
    return behaviour
