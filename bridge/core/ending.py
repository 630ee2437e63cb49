"""The end of a session, or of the client's connection: whoever wants it, and whatever is told about it.

As in `lifecycle.py`, these functions act on `SessionData`, and every change of state goes through the table in
`states.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core import recovery
from bridge.core.commands import CloseClient
from bridge.core.lifecycle import close_upstream
from bridge.core.states import IN_SESSION, Phase, Trigger

if TYPE_CHECKING:
    from bridge.core.events import Failure
    from bridge.core.session_data import SessionData


def session_expired(data: SessionData, failure: Failure) -> None:
    """The session reached its maximum age and rollover is off: the session ends as intended."""
    data.transition(Trigger.SESSION_ENDED)
    recovery.end_responses(data)
    data.send_error("SESSION_EXPIRED", failure.message, retryable=True, terminal=True, detail=failure.detail)
    replay = data.generation.replay
    recovery.drop_overflow(data)
    recovery.drop_replay(data, replay.entries())
    recovery.drop_input(data)
    _report_closed(data, "expired", pastBoundMs=round(replay.overflow_ms))
    data.forget_conversation()


def end(data: SessionData) -> None:
    """End the session as the client asked, and keep its connection."""
    _end_session(data, "ended")
    data.forget_conversation()


def end_at_cap(data: SessionData, reason: str, code: str, message: str) -> None:
    """End the session because a cap was reached; `code` and `message` are for an SDK, which knows errors only."""
    _end_session(data, reason)
    if data.native:
        data.send_error(code, message, retryable=False, terminal=True, detail={"cap": reason})
    data.forget_conversation()


def _end_session(data: SessionData, reason: str) -> None:
    """End the session, if there is one, and say so."""
    had_session = data.phase in IN_SESSION
    close_upstream(data, reason)
    data.transition(Trigger.SESSION_ENDED)
    recovery.end_responses(data)
    recovery.drop_input(data)
    if had_session:
        _report_closed(data, reason)


def _report_spent(data: SessionData) -> None:
    """Log what the client took, once it is gone."""
    if data.spend.is_anything:
        data.log("client.spent", **data.spend.total_fields(), transcribedSeconds=data.spend.seconds)


def _report_closed(data: SessionData, reason: str, **fields: int) -> None:
    data.send_message("session_closed", reason=reason)
    data.log("session.closed", reason=reason, **fields)


def client_gone(data: SessionData) -> None:
    """Clean up after the client disconnected. Nothing more is sent to it."""
    close_upstream(data, "client gone")
    data.transition(Trigger.CLIENT_LEFT)
    data.input_buffer.drop_all("session_failed")
    while (dropped := data.input_buffer.pop_dropped()) is not None:
        counts = {"chunks": dropped.chunks, "ms": round(dropped.ms), "messages": dropped.messages}
        data.log("held.dropped", reason="client_gone", **counts)
    data.throttle.flush(data.now)
    data.forget_conversation()
    _report_spent(data)
    data.log("client.gone")


def close_client(data: SessionData, code: int, reason: str) -> None:
    """Close the client connection. The most severe error that was held back is sent first, window or not."""
    close_upstream(data, reason)
    data.transition(Trigger.CLIENT_LEFT)
    recovery.end_responses(data)
    data.input_buffer.drop_all("session_failed")
    data.report_dropped(at_once=True)
    released = data.throttle.flush(data.now)
    if released is not None:
        data.send_released(released)
    data.forget_conversation()
    _report_spent(data)
    data.emit(CloseClient(code, reason))


def finish_drain(data: SessionData) -> None:
    """Close the client connection because the bridge shuts down."""
    if data.phase in IN_SESSION:
        _report_closed(data, "draining")
    close_client(data, 1001, "draining")


def close_unused(data: SessionData) -> None:
    """Close the client connection because it holds a place and has no use for it."""
    _report_closed(data, "idle")
    close_client(data, 1000, "idle: no session")


def in_pause(data: SessionData) -> bool:
    """Return whether this is a good moment to end or to replace the session: no speech, and nothing outstanding."""
    if len(data.input_buffer):
        return False
    if data.phase is Phase.RECONNECTING:
        return not data.recovery.mid_turn
    return not data.generation.replay.mid_sentence and not data.generation.responses.outstanding
