"""The states of a session and every move between them. Nothing else.

Theory of operation
-------------------
One `Session` stands for one client's socket, from `connected` to the close. Upstream sessions come and go beneath it;
each attempt to open one is a *generation*, and only the newest generation is ever listened to.

    IDLE           nobody asked for a session, or the last one was ended. What needs one is held and answered
                   NO_SESSION_EXISTS.
    INITIALIZING   the first session is being opened: attempts, and the waits between them. What comes is held.
    READY          the upstream confirmed its creation *and* the configuration. Only here anything goes up.
    RECONNECTING   a session that was ready is gone and a fresh one is being opened: attempts and waits. What comes is
                   held and answered SESSION_NOT_READY.
    FAILED         every attempt failed. As IDLE, but the client has been told why.
    CLOSED         the client is gone or was sent away. Nothing happens any more.

A rollover before the maximum age is a loss by intent: READY -> RECONNECTING, with the old session closed first, so that
there is never more than one live upstream for a client.

What is *not* state here: whether a response is active (`turns.py`), what is held (`held_audio.py`), which error window
is open (`throttle.py`). None of it changes which moves are legal.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """Where a session stands; see the theory of operation above."""

    IDLE = auto()
    INITIALIZING = auto()
    READY = auto()
    RECONNECTING = auto()
    FAILED = auto()
    CLOSED = auto()


class Trigger(Enum):
    """What takes a session from one state to the next."""

    ASKED = auto()
    """The client asked for a session."""
    CONFIRMED = auto()
    """The upstream confirmed session and configuration."""
    RETRIED = auto()
    """An attempt failed and another one follows."""
    GAVE_UP = auto()
    """No attempt is left, or none can help."""
    LOST = auto()
    """The ready session is gone, against our will or by rollover or restart."""
    ENDED = auto()
    """The client ended its session."""
    LEFT = auto()
    """The client is gone, or its socket is being closed."""


TRANSITIONS: Mapping[State, Mapping[Trigger, State]] = {
    State.IDLE: {
        Trigger.ASKED: State.INITIALIZING,
        Trigger.ENDED: State.IDLE,
        Trigger.LEFT: State.CLOSED,
    },
    State.INITIALIZING: {
        Trigger.CONFIRMED: State.READY,
        Trigger.RETRIED: State.INITIALIZING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.ENDED: State.IDLE,
        Trigger.LEFT: State.CLOSED,
    },
    State.READY: {
        Trigger.LOST: State.RECONNECTING,
        Trigger.ENDED: State.IDLE,
        Trigger.LEFT: State.CLOSED,
    },
    State.RECONNECTING: {
        Trigger.CONFIRMED: State.READY,
        Trigger.RETRIED: State.RECONNECTING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.ENDED: State.IDLE,
        Trigger.LEFT: State.CLOSED,
    },
    State.FAILED: {
        Trigger.ASKED: State.INITIALIZING,
        Trigger.ENDED: State.IDLE,
        Trigger.LEFT: State.CLOSED,
    },
    State.CLOSED: {},
}

#: What a client is told that sends something which needs a session, where there is none that takes it.
NOT_READY_CODES: Mapping[State, str] = {
    State.IDLE: "NO_SESSION_EXISTS",
    State.FAILED: "NO_SESSION_EXISTS",
    State.RECONNECTING: "SESSION_NOT_READY",
}


class IllegalTransition(AssertionError):  # noqa: N818 - a bug in the core, named for what it is
    """A move that the table does not have: a mistake of the core itself, never of a peer."""


def next_state(state: State, move: Trigger) -> State:
    """Give the state that a move leads to. Raises IllegalMove."""
    try:
        return TRANSITIONS[state][move]
    except KeyError:
        raise IllegalTransition(f"{move.name} in {state.name}") from None
