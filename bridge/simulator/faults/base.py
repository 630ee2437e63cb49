"""The base class of all faults, and what faults know of a request and of a connection.

A fault is a small frozen value with four hooks, all optional. It can refuse a request or an upgrade (`refuse`), change
how the session behaves (`change_behaviour`), change what the service sends (`on_action`), and act at a moment of the
session (`on_moment`). The settings stand in the fault; what it remembers of one connection stands in a `FaultState`. So
one value serves every connection. Random decisions come from the connection's seed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from bridge.simulator.faults.actions import SERVER_MOMENTS, TextFrame, TimedAction

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from bridge.simulator.errors.service_errors import ServiceError
    from bridge.simulator.session.behaviour import SessionBehaviour


class ApiEndpoint(StrEnum):
    """The endpoints that a fault can select; the values are what `on=` takes."""

    MODELS = "models"
    MINT = "mint"
    SOCKET = "socket"
    OTHER_REST = "elsewhere"
    """Every other REST path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAttempt:
    """One REST request or WebSocket upgrade."""

    endpoint: ApiEndpoint
    number: int
    """Counts the attempts of this key at this endpoint, from 1."""
    is_azure: bool = False
    """Whether it came to an Azure URL, where refusals are sent over HTTP before the upgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRefusal:
    """Answer with an HTTP status and an error body."""

    status: int
    error: ServiceError | None
    """The error object in the body; None for the HTML page of a gateway in front of the service."""
    headers: tuple[tuple[str, str], ...] = ()


class BadHandshake(StrEnum):
    """Broken answers to an upgrade, other than an HTTP error."""

    NEVER = "never"
    CLOSED = "closed"
    WRONG_ACCEPT = "wrong-accept"
    NOT_HTTP = "not-http"


@dataclass(slots=True)
class FaultState:
    """What one fault remembers of one connection."""

    random: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    """How often each moment has come."""
    busy_until: float = 0.0
    """When the last action that the fault delayed is due; later actions must not overtake it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that does nothing; subclasses override the hooks they need."""

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "no fault"

    def refuse(self, attempt: ClientAttempt) -> HttpRefusal | BadHandshake | None:
        """Refuse a request or an upgrade over HTTP; None lets it pass."""
        return None

    def change_behaviour(self, behaviour: SessionBehaviour, attempt_number: int) -> SessionBehaviour:
        """Return the behaviour to use instead, for this key's n-th WebSocket attempt."""
        return behaviour

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Return what to do instead of one outgoing action: the same later, twice, not at all, or something else.

        The base class passes the action on and runs `on_moment` after it. A subclass that overrides this method and
        wants `on_moment` to be called for server moments must call `super()`.
        """
        if isinstance(timed.action, TextFrame):
            for moment, types in SERVER_MOMENTS.items():
                if timed.action.type in types:
                    return (timed, *self.on_moment(moment, timed.due_at, state))
        return (timed,)

    def on_moment(self, moment: str, now: float, state: FaultState) -> Iterable[TimedAction]:
        """Return the actions to insert at a moment of the session."""
        return ()


def apply_faults(faults: Iterable[Fault], behaviour: SessionBehaviour, attempt_number: int = 1) -> SessionBehaviour:
    """Return the behaviour after every fault has changed it, in order."""
    for fault in faults:
        behaviour = fault.change_behaviour(behaviour, attempt_number)
    return behaviour
