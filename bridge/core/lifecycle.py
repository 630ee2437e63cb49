"""The life of the upstream session: attempts and the waits between them, loss, restoring, rollover, and the end.

Acts on `SessionData`; every change of state goes through the table in `states.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.core import recovery
from bridge.core.backoff import delay_seconds, worth_waiting
from bridge.core.commands import CloseClient, CloseUpstream, Configure, Forward, OpenUpstream, SendEvent
from bridge.core.events import ClientAudio, Failure, SessionConfigured, SessionCreated
from bridge.core.input_buffer import BYTES_PER_MS
from bridge.core.json_access import as_object
from bridge.core.session_updates import SessionUpdates
from bridge.core.states import State, Trigger
from bridge.core.to_upstream import commit, request_next_response, send

if TYPE_CHECKING:
    from bridge.core.history import RestoredHistory
    from bridge.core.session_data import SessionData

#: A session that lived shorter than this did not heal the loss before it: the attempts go on counting.
STABLE_AFTER_SECONDS = 10.0
#: What the log says of a failure's detail: `sherpa-probe explain` knows the refusal, the service's support the request.
_WHY = ("refusal", "status", "closeCode", "reason", "requestId")


def start(data: SessionData) -> None:
    """Begin the first attempt for a session that was asked for."""
    data.transition(Trigger.ASKED)
    data.attempt = 1
    data.updates = SessionUpdates()
    open_upstream(data)


def open_upstream(data: SessionData) -> None:
    """Begin an attempt of a new generation."""
    data.generation += 1
    data.begin_generation()
    data.opening = True
    data.retry_at = None
    data.ready_by = data.now + data.settings.ready_seconds
    if data.state is State.INITIALIZING:
        data.send_message("session_initializing", attempt=data.attempt, maxAttempts=data.settings.attempts)
    data.log("upstream.opening", attempt=data.attempt)
    data.emit(OpenUpstream(data.generation, data.session_options))


def configure_upstream(data: SessionData, event: SessionCreated) -> None:
    """The upstream says that there is a session: send it the configuration."""
    data.last_event_at = data.now
    data.emit(Forward(event.type, event.frame))
    if data.created:
        return
    data.created = True
    data.session_id, data.model, data.dialect = event.session_id, event.model, event.dialect
    if event.expires_at is not None and event.expires_at > data.now:  # clocks differ: an end in the past is none
        data.expires_at, data.expires_at_text = event.expires_at, event.expires_at_text
    data.log("session.created", model=event.model, dialect=event.dialect)
    data.emit(Configure(data.generation, data.session_options, data.updates.effective))


def attempt_failed(data: SessionData, failure: Failure) -> None:
    """An attempt came to nothing: wait and try again, or give up."""
    data.opening = data.created = False
    data.ready_by = None
    why = {name: failure.detail[name] for name in _WHY if name in failure.detail}
    data.log("attempt.failed", code=failure.code, attempt=data.attempt, retryable=failure.retryable, **why)
    if _hopeless(failure) or data.attempt >= _attempts(data):
        give_up(data, failure, attempts=data.attempt)
        return
    data.transition(Trigger.RETRIED)
    data.attempt += 1
    _wait(data, failure.retry_after_seconds, failure.message)


def _hopeless(failure: Failure) -> bool:
    """Whether another attempt cannot help, or not before the caller has gone."""
    return not failure.retryable or not worth_waiting(failure.retry_after_seconds)


def _attempts(data: SessionData) -> int:
    again = data.state is State.RECONNECTING
    return data.settings.reconnect_attempts if again else data.settings.attempts


def _wait(data: SessionData, retry_after: float | None, reason: str, *, at_once: bool = False) -> None:
    """Set the time of the next attempt, and say so to a client that had a session."""
    settings = data.settings
    delay = delay_seconds(
        data.attempt,
        data.rng,
        base_seconds=settings.backoff_base_seconds,
        cap_seconds=settings.backoff_cap_seconds,
        retry_after_seconds=retry_after,
    )
    delay = 0.0 if at_once else delay
    data.retry_at = data.now + delay
    if data.state is State.RECONNECTING:
        counts = {"attempt": data.attempt, "maxAttempts": settings.reconnect_attempts}
        data.send_message("reconnecting", **counts, delayMs=round(delay * 1000), reason=reason)


def give_up(data: SessionData, failure: Failure, *, attempts: int) -> None:
    """No attempt is left, or none can help: say why, and what is given up with it."""
    again = data.state is State.RECONNECTING
    data.transition(Trigger.GAVE_UP)
    data.retry_at = data.ready_by = None
    recovery.drop_replay(data)
    recovery.drop_input(data)
    code = failure.code
    if not _hopeless(failure):
        code = "CONNECTION_LOST" if again else "SESSION_INITIALIZATION_FAILED"
    detail = {**failure.detail, "cause": failure.code, "attempts": attempts}
    if failure.retry_after_seconds is not None:
        detail["retryAfterMs"] = round(failure.retry_after_seconds * 1000)
    data.log("session.failed", code=code, cause=failure.code)
    data.send_error(code, failure.message, retryable=failure.retryable, ending=True, detail=detail)
    _forget(data)


def _forget(data: SessionData) -> None:
    """Nothing of the conversation is kept for the next session."""
    data.history.clear()
    data.take_replay()
    data.responses.queued.clear()
    data.lost_parts, data.request_to_repeat, data.lost_at = [], None, None
    data.begin_generation()


def upstream_ready(data: SessionData, event: SessionConfigured) -> None:
    """The configuration is confirmed: tell the client, bring back what was, and let up what waits."""
    again = data.state is State.RECONNECTING
    data.transition(Trigger.CONFIRMED)
    data.opening = False
    data.ready_by = None
    data.ready_at = data.last_event_at = data.now
    data.updates.confirm_all()
    data.emit(Forward(event.type, event.frame))
    data.input_buffer.expire(data.now)
    data.report_dropped()
    unanswered = data.take_replay() if again else []
    data.apply_configuration(as_object(event.body.get("session")))
    if again:
        _tell_reconnected(data, unanswered)
        _send_again(data, unanswered)
    else:
        data.attempt = 0
        _tell_ready(data)
    while (held := data.input_buffer.pop()) is not None:
        send(data, held)


def _send_again(data: SessionData, unanswered: list[bytes | None]) -> None:
    """Send what was said and not answered, with its commits, and ask for what was asked for."""
    for pcm in unanswered:
        if pcm is None:
            commit(data)
        else:
            send(data, ClientAudio(pcm))
    if data.respond_after_last_commit and data.responses.respond_after_commit:
        data.responses.respond_after_commit[-1] = True
    if data.request_to_repeat is not None:
        data.responses.queued.appendleft(data.request_to_repeat)
        data.request_to_repeat = None
    request_next_response(data)


def _tell_ready(data: SessionData) -> None:
    buffered = {"bufferedChunks": data.input_buffer.chunks, "bufferedMs": round(data.input_buffer.ms)}
    data.send_message(
        "session_ready",
        message="OpenAI session is ready",
        sessionId=data.session_id,
        model=data.model,
        dialect=data.dialect,
        **buffered,
    )
    data.log("session.ready", **buffered)


def _tell_reconnected(data: SessionData, unanswered: list[bytes | None]) -> None:
    """Bring the conversation back and say honestly what came with it."""
    restored: RestoredHistory = data.history.restore(data.dialect)
    resent_ms = round(sum(len(pcm) for pcm in unanswered if pcm is not None) / BYTES_PER_MS)
    data.send_message(
        "reconnected",
        message="Reconnected to OpenAI",
        sessionId=data.session_id,
        heldMs=round(data.input_buffer.ms),
        resentMs=resent_ms,
        restored={
            "config": True,
            "tools": bool(data.updates.effective.get("tools", data.session_options.get("tools"))),
            "turns": restored.turns,
            "pendingTools": restored.pending_tools,
        },
        lost=[*data.lost_parts, *restored.lost],
    )
    took = data.now - data.lost_at if data.lost_at is not None else 0.0
    data.log("session.reconnected", seconds=took, resentMs=resent_ms, turns=restored.turns)
    data.lost_parts, data.lost_at = [], None
    for item in restored.items:
        data.emit(SendEvent(data.generation, {"type": "conversation.item.create", "item": item}))


def upstream_lost(data: SessionData, reason: str, failure: Failure | None = None, *, by_intent: bool = False) -> None:
    """The ready session is gone, or is given up by intent: open a fresh one, with what this one held."""
    data.transition(Trigger.LOST)
    data.created = False
    data.lost_at = data.now
    past_bound_ms = round(data.replay_buffer.overflow_ms)
    data.log("session.lost", reason=reason, byIntent=by_intent, pastBoundMs=past_bound_ms)
    recovery.plan_recovery(data)
    stable = data.now - data.ready_at >= STABLE_AFTER_SECONDS
    data.attempt = 1 if by_intent or stable else data.attempt + 1
    data.reconnects += not (by_intent and stable)
    message = f"The session was lost: {reason}."
    failure = failure or Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True)
    exhausted = data.reconnects > data.settings.max_reconnects or data.attempt > data.settings.reconnect_attempts
    if exhausted or _hopeless(failure):
        give_up(data, failure, attempts=data.attempt - 1)
    else:
        _wait(data, failure.retry_after_seconds, reason, at_once=by_intent)


def restart(data: SessionData) -> None:
    """The client wants a fresh session with the same context."""
    if data.state is State.READY:
        close_upstream(data, "restart")
        upstream_lost(data, "restart", by_intent=True)
    elif data.state is State.RECONNECTING and not data.opening:
        data.retry_at = data.now


def expire(data: SessionData, failure: Failure) -> None:
    """The maximum age was reached and rollover is off: the session is over by intent."""
    data.transition(Trigger.ENDED)
    data.created = False
    data.send_error("SESSION_EXPIRED", failure.message, retryable=True, ending=True, detail=failure.detail)
    past_bound_ms = round(data.replay_buffer.overflow_ms)
    recovery.drop_overflow(data)
    recovery.drop_replay(data)
    recovery.drop_input(data)
    _closed(data, "expired", pastBoundMs=past_bound_ms)
    _forget(data)


def end(data: SessionData) -> None:
    """The client ends its session and keeps its socket."""
    had_session = data.state not in (State.IDLE, State.FAILED)
    data.transition(Trigger.ENDED)
    close_upstream(data, "ended")
    recovery.drop_input(data)
    if had_session:
        _closed(data, "ended")
    _forget(data)


def _closed(data: SessionData, reason: str, **noted: int) -> None:
    data.send_message("session_closed", reason=reason)
    data.log("session.closed", reason=reason, **noted)


def close_upstream(data: SessionData, reason: str) -> None:
    """Let go of the attempt or the session of the newest generation, and of the wait for the next."""
    data.retry_at = data.ready_by = None
    if data.opening or data.created:
        data.emit(CloseUpstream(data.generation, reason))
    data.opening = data.created = False


def client_gone(data: SessionData) -> None:
    """The client is gone: nothing is left behind, and nothing more is said."""
    data.transition(Trigger.LEFT)
    close_upstream(data, "client gone")
    data.input_buffer.drop_all("session_failed")
    while (dropped := data.input_buffer.pop_dropped()) is not None:
        counts = {"chunks": dropped.chunks, "ms": round(dropped.ms), "messages": dropped.messages}
        data.log("held.dropped", reason="client_gone", **counts)
    data.throttle.flush(data.now)
    _forget(data)
    data.log("client.gone")


def close_client(data: SessionData, code: int, reason: str) -> None:
    """Close the client's socket; the worst error that was held back goes out first, window or not."""
    data.transition(Trigger.LEFT)
    close_upstream(data, reason)
    data.input_buffer.drop_all("session_failed")
    data.report_dropped(at_once=True)
    released = data.throttle.flush(data.now)
    if released is not None:
        data.send_released(released)
    _forget(data)
    data.emit(CloseClient(code, reason))


def finish_drain(data: SessionData) -> None:
    """The bridge goes down, and this client was given its time."""
    if data.state in (State.INITIALIZING, State.READY, State.RECONNECTING):
        _closed(data, "draining")
    close_client(data, 1001, "draining")


def in_pause(data: SessionData) -> bool:
    """Whether nobody is speaking and nothing is owed: a good moment to end or to change sessions."""
    unanswered = data.replay_buffer
    mid_sentence = (
        unanswered.speaking or unanswered.commit_pending or (not unanswered.turn_detection and unanswered.ms > 0)
    )
    return not mid_sentence and not data.responses.owed and not len(data.input_buffer)
