"""The states of a session and every transition between them.

Theory of operation
-------------------
One `Session` belongs to one client connection, from the upgrade to the close. Upstream sessions come and go beneath it.
Each attempt to open one is a new *generation*; only events of the newest generation count.

Every state belongs to a *phase*. Clients, logs and metrics show the phase; the states inside it say what the bridge
is doing.

    phase         state                   what happens there
    ------------  ----------------------  ---------------------------------------------------------------------------
    IDLE          IDLE                    No session was requested, or the last one was ended. Input that needs a
                                          session is buffered and answered with NO_SESSION_EXISTS.
    INITIALIZING  INIT_OPENING            Minting, dialling, waiting for `session.created`. Input is buffered.
                  INIT_CONFIGURING        The upstream created the session; its configuration was sent and is not
                                          confirmed yet.
                  INIT_WAITING            An attempt failed, or the client had too many sessions opened of late; the
                                          next attempt starts after a wait.
    READY         READY                   The upstream confirmed the session *and* its configuration. The only state in
                                          which input goes upstream.
    RECONNECTING  RECONNECT_WAITING       A ready session was lost; the next attempt starts after a back-off. Input is
                                          buffered and answered with SESSION_NOT_READY.
                  RECONNECT_OPENING       As INIT_OPENING.
                  RECONNECT_CONFIGURING   As INIT_CONFIGURING.
    FAILED        FAILED                  Every attempt failed and the client got the error. Otherwise as IDLE.
    CLOSED        CLOSED                  The client connection is closed or closing. Nothing happens any more.

A rollover before the maximum session age is an intended loss: READY -> RECONNECT_WAITING, with the old session closed
first. A client therefore never has more than one live upstream session.

Not a state, because it doesn't change which transitions are legal: whether a response is active (`responses.py`), what
is buffered (`input_buffer.py`), and whether the error window is open (`pacing/error_throttle.py`).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(Enum):
    """A session's state as clients, logs and metrics see it."""

    IDLE = auto()
    INITIALIZING = auto()
    READY = auto()
    RECONNECTING = auto()
    FAILED = auto()
    CLOSED = auto()


class State(Enum):
    """A session's state; see the theory of operation above."""

    IDLE = auto()
    INIT_OPENING = auto()
    INIT_CONFIGURING = auto()
    INIT_WAITING = auto()
    READY = auto()
    RECONNECT_WAITING = auto()
    RECONNECT_OPENING = auto()
    RECONNECT_CONFIGURING = auto()
    FAILED = auto()
    CLOSED = auto()


class Trigger(Enum):
    """What takes a session from one state to the next."""

    SESSION_REQUESTED = auto()
    """The client asked for a session; the first attempt starts."""
    SESSION_POSTPONED = auto()
    """The client asked for a session, and had too many opened of late; the first attempt starts after a wait."""
    SESSION_CREATED = auto()
    """The upstream created the session; the bridge sends its configuration."""
    CONFIGURATION_CONFIRMED = auto()
    """The upstream confirmed the configuration."""
    ATTEMPT_FAILED = auto()
    """An attempt failed and another one follows."""
    BACKOFF_ELAPSED = auto()
    """The wait is over; the next attempt starts."""
    GAVE_UP = auto()
    """No attempt is left, or none can help."""
    SESSION_LOST = auto()
    """The ready session is gone: lost, rolled over, or restarted by the client."""
    SESSION_ENDED = auto()
    """The session is over by intent; the client stays connected."""
    CLIENT_LEFT = auto()
    """The client disconnected, or its connection is being closed."""


TRANSITIONS: Mapping[State, Mapping[Trigger, State]] = {
    State.IDLE: {
        Trigger.SESSION_REQUESTED: State.INIT_OPENING,
        Trigger.SESSION_POSTPONED: State.INIT_WAITING,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.INIT_OPENING: {
        Trigger.SESSION_CREATED: State.INIT_CONFIGURING,
        Trigger.ATTEMPT_FAILED: State.INIT_WAITING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.INIT_CONFIGURING: {
        Trigger.CONFIGURATION_CONFIRMED: State.READY,
        Trigger.ATTEMPT_FAILED: State.INIT_WAITING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.INIT_WAITING: {
        Trigger.BACKOFF_ELAPSED: State.INIT_OPENING,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.READY: {
        Trigger.SESSION_LOST: State.RECONNECT_WAITING,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.RECONNECT_WAITING: {
        Trigger.BACKOFF_ELAPSED: State.RECONNECT_OPENING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.RECONNECT_OPENING: {
        Trigger.SESSION_CREATED: State.RECONNECT_CONFIGURING,
        Trigger.ATTEMPT_FAILED: State.RECONNECT_WAITING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.RECONNECT_CONFIGURING: {
        Trigger.CONFIGURATION_CONFIRMED: State.READY,
        Trigger.ATTEMPT_FAILED: State.RECONNECT_WAITING,
        Trigger.GAVE_UP: State.FAILED,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.FAILED: {
        Trigger.SESSION_REQUESTED: State.INIT_OPENING,
        Trigger.SESSION_POSTPONED: State.INIT_WAITING,
        Trigger.SESSION_ENDED: State.IDLE,
        Trigger.CLIENT_LEFT: State.CLOSED,
    },
    State.CLOSED: {},
}

PHASES: Mapping[State, Phase] = {
    State.IDLE: Phase.IDLE,
    State.INIT_OPENING: Phase.INITIALIZING,
    State.INIT_CONFIGURING: Phase.INITIALIZING,
    State.INIT_WAITING: Phase.INITIALIZING,
    State.READY: Phase.READY,
    State.RECONNECT_WAITING: Phase.RECONNECTING,
    State.RECONNECT_OPENING: Phase.RECONNECTING,
    State.RECONNECT_CONFIGURING: Phase.RECONNECTING,
    State.FAILED: Phase.FAILED,
    State.CLOSED: Phase.CLOSED,
}

#: An attempt runs, up to `session.created`.
OPENING = frozenset({State.INIT_OPENING, State.RECONNECT_OPENING})
#: The configuration was sent and is not confirmed.
CONFIGURING = frozenset({State.INIT_CONFIGURING, State.RECONNECT_CONFIGURING})
#: The next attempt starts after a back-off.
WAITING = frozenset({State.INIT_WAITING, State.RECONNECT_WAITING})

#: An attempt runs that may still fail; it must be ready in time.
ATTEMPTING = OPENING | CONFIGURING
#: The upstream session exists as far as the bridge knows.
LIVE = CONFIGURING | {State.READY}
#: An upstream to close when the session ends, and whose events count.
CONNECTED = ATTEMPTING | LIVE

#: Phases in which the client has a session, or is about to have one.
IN_SESSION = frozenset({Phase.INITIALIZING, Phase.READY, Phase.RECONNECTING})

#: The error code for input that needs a session, by the phase that has none to take it.
NOT_READY_CODES: Mapping[Phase, str] = {
    Phase.IDLE: "NO_SESSION_EXISTS",
    Phase.FAILED: "NO_SESSION_EXISTS",
    Phase.RECONNECTING: "SESSION_NOT_READY",
}


class IllegalTransition(AssertionError):  # noqa: N818 - a bug in the core, named for what it is
    """A transition that the table doesn't have: always a bug of the core, never a peer's fault."""


def next_state(state: State, trigger: Trigger) -> State:
    """Return the state that `trigger` leads to. Raises IllegalTransition if the table has no such transition."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise IllegalTransition(f"{trigger.name} in {state.name}") from None
