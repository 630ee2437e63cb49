"""The life of the upstream session: attempts and the waits between them, loss and recovery.

How it ends is in `ending.py`. These functions act on `SessionData`; every change of state goes through the table in
`states.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bridge.core import recovery
from bridge.core.client_items import ClientItems
from bridge.core.commands import CloseUpstream, Configure, Forward, OpenUpstream
from bridge.core.events import ClientAudio, Failure, SessionConfigured, SessionCreated
from bridge.core.generation import Recovery
from bridge.core.json_access import as_object
from bridge.core.pacing.backoff import delay_seconds, worth_waiting
from bridge.core.session_updates import SessionUpdates
from bridge.core.speech.kept_audio import join_chunks
from bridge.core.states import CONNECTED, OPENING, Phase, State, Trigger
from bridge.core.to_upstream import commit, request_next_response, send, send_own_event

if TYPE_CHECKING:
    from bridge.core.session_data import SessionData

#: A session that lived for less than this has not recovered from the loss before it: the attempts are counted on.
STABLE_AFTER_SECONDS = 10.0
#: Details of a failure that are logged: `sherpa-probe explain` knows the refusal, the service's support the request.
_LOGGED_DETAILS = ("refusal", "status", "closeCode", "reason", "requestId")
#: The name of a model, or of a deployment of one.
_MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.:/-]{0,63}", re.ASCII)


# Opening


def start(data: SessionData) -> None:
    """Start the first attempt at the session that the client requested, or wait if it had too many of late."""
    data.attempt = 1
    data.began_at = min(data.began_at, data.now)
    data.updates = SessionUpdates()
    data.retry_at = data.openings.next_at(data.now)
    if data.retry_at > data.now:
        data.transition(Trigger.SESSION_POSTPONED)
        data.log("session.postponed", seconds=data.retry_at - data.now)
    else:
        data.transition(Trigger.SESSION_REQUESTED)
        _open_upstream(data)


def retry(data: SessionData) -> None:
    """Start the next attempt: the back-off has elapsed."""
    data.transition(Trigger.BACKOFF_ELAPSED)
    _open_upstream(data)


def _open_upstream(data: SessionData) -> None:
    data.openings.opened(data.now)
    data.begin_generation()
    if data.phase is Phase.INITIALIZING:
        data.send_message("session_initializing", attempt=data.attempt, maxAttempts=data.settings.attempts)
    data.log("upstream.opening", attempt=data.attempt)
    data.emit(OpenUpstream(data.generation.number, data.session_options))


def session_created(data: SessionData, event: SessionCreated) -> None:
    """Send the configuration to the session that the upstream created."""
    generation = data.generation
    generation.last_event_at = data.now
    data.emit(Forward(event.type, event.frame))
    if data.state not in OPENING:
        return
    data.transition(Trigger.SESSION_CREATED)
    generation.session_id, generation.model, generation.dialect = event.session_id, event.model, event.dialect
    if event.expires_at is not None and event.expires_at > data.now:  # an end in the past is a wrong clock
        generation.expires_at, generation.expires_at_text = event.expires_at, event.expires_at_text
    kind = data.session_options.get("kind", "conversation")
    data.log("session.created", kind=kind, model=event.model, dialect=event.dialect)
    data.emit(Configure(generation.number, data.session_options, data.updates.effective))


def session_configured(data: SessionData, event: SessionConfigured) -> None:
    """The session is ready: tell the client, restore what was lost, and send what was buffered."""
    reconnected = data.phase is Phase.RECONNECTING
    data.transition(Trigger.CONFIGURATION_CONFIRMED)
    data.generation.ready_at = data.generation.last_event_at = data.now
    data.updates.confirm_all()
    data.emit(Forward(event.type, event.frame))
    data.input_buffer.expire(data.now)
    data.report_dropped()
    data.generation.apply_configuration(as_object(event.body.get("session")), data.session_options)
    if reconnected:
        _recover(data)
    else:
        data.attempt = 0
        _report_ready(data)
    send_buffered(data)


def send_buffered(data: SessionData) -> None:
    """Send the next slice of what was buffered to the ready session; if that is not all, a `Tick` is wanted at once.

    Until everything is sent, input goes on to be buffered: it may not overtake.
    """
    for _ in range(data.settings.sent_at_once):
        entry = data.input_buffer.pop()
        if entry is None:
            return
        send(data, entry)


def _report_ready(data: SessionData) -> None:
    buffered = {"bufferedChunks": data.input_buffer.chunks, "bufferedMs": round(data.input_buffer.ms)}
    data.send_message(
        "session_ready",
        message="OpenAI session is ready",
        sessionId=data.generation.session_id,
        model=data.generation.model,
        dialect=data.generation.dialect,
        **buffered,
    )
    data.log("session.ready", **buffered, **_requested_model(data))


def _recover(data: SessionData) -> None:
    """Restore the conversation, report what came back and what did not, and send again what was not answered."""
    plan, data.recovery = data.recovery, Recovery()
    restored = data.history.restore(data.generation.dialect)
    resent_ms = round(plan.replay_ms)
    tools = data.updates.effective.get("tools", data.session_options.get("tools"))
    data.send_message(
        "reconnected",
        message="Reconnected to OpenAI",
        sessionId=data.generation.session_id,
        heldMs=round(data.input_buffer.ms),
        resentMs=resent_ms,
        restored={
            "config": True,
            "tools": bool(tools),
            "turns": restored.turns,
            "pendingTools": restored.pending_tools,
        },
        lost=[*plan.lost, *restored.lost],
    )
    data.log("session.reconnected", seconds=data.now - plan.lost_at, resentMs=resent_ms, turns=restored.turns)
    if data.native:
        data.generation.items = ClientItems(dict(restored.seen), frozenset(data.gone_items))
    for item in restored.items:
        send_own_event(data, {"type": "conversation.item.create", "item": item})
    _replay(data, plan)


def _replay(data: SessionData, plan: Recovery) -> None:
    """Send unanswered speech again, with its commits, and repeat the request for a response."""
    for pcm in join_chunks(plan.replay):
        if pcm is None:
            commit(data)
        else:
            send(data, ClientAudio(pcm))
    responses = data.generation.responses
    if plan.respond_after_last_commit and responses.respond_after_commit:
        responses.respond_after_commit[-1] = True
    if plan.request is not None:
        responses.queued.insert(0, plan.request)
    request_next_response(data)


# Failing


def attempt_failed(data: SessionData, failure: Failure) -> None:
    """Wait for the next attempt, or give up if none is left or none can help."""
    recovery.end_responses(data)
    why = {name: failure.detail[name] for name in _LOGGED_DETAILS if name in failure.detail}
    data.log(
        "attempt.failed",
        code=failure.code,
        attempt=data.attempt,
        retryable=failure.retryable,
        **why,
        **_requested_model(data),
    )
    if _not_worth_retrying(failure) or data.attempt >= _max_attempts(data):
        _give_up(data, failure, attempts=data.attempt)
        return
    data.transition(Trigger.ATTEMPT_FAILED)
    data.attempt += 1
    _back_off(data, failure.retry_after_seconds, failure.message)


def _requested_model(data: SessionData) -> dict[str, str]:
    """Return the model for the log, if the client named one; no other text of a client belongs there."""
    model = data.session_options.get("model")
    if not isinstance(model, str) or not model:
        return {}
    return {"requestedModel": model if _MODEL_NAME.fullmatch(model) else "not a name"}


def _not_worth_retrying(failure: Failure) -> bool:
    """Return whether another attempt can't help, or not before the caller has hung up."""
    return not failure.retryable or not worth_waiting(failure.retry_after_seconds)


def _max_attempts(data: SessionData) -> int:
    reconnecting = data.phase is Phase.RECONNECTING
    return data.settings.reconnect_attempts if reconnecting else data.settings.attempts


def _back_off(data: SessionData, retry_after: float | None, reason: str, *, at_once: bool = False) -> None:
    """Set the time of the next attempt, and tell a client that had a session."""
    settings = data.settings
    delay = delay_seconds(
        data.attempt,
        data.rng,
        base_seconds=settings.backoff_base_seconds,
        cap_seconds=settings.backoff_cap_seconds,
        retry_after_seconds=retry_after,
    )
    data.retry_at = data.openings.next_at(data.now) if at_once else data.now + delay
    delay = data.retry_at - data.now
    if data.phase is Phase.RECONNECTING:
        counts = {"attempt": data.attempt, "maxAttempts": settings.reconnect_attempts}
        data.send_message("reconnecting", **counts, delayMs=round(delay * 1000), reason=reason)


def _give_up(data: SessionData, failure: Failure, *, attempts: int) -> None:
    """Report why there is no session, and what is dropped with it."""
    reconnecting = data.phase is Phase.RECONNECTING
    data.transition(Trigger.GAVE_UP)
    recovery.drop_replay(data, data.recovery.replay)
    recovery.drop_input(data)
    code = failure.code
    if not _not_worth_retrying(failure):
        code = "CONNECTION_LOST" if reconnecting else "SESSION_INITIALIZATION_FAILED"
    detail = {**failure.detail, "cause": failure.code, "attempts": attempts}
    if failure.retry_after_seconds is not None:
        detail["retryAfterMs"] = round(failure.retry_after_seconds * 1000)
    data.log("session.failed", code=code, cause=failure.code)
    data.send_error(code, failure.message, retryable=failure.retryable, terminal=True, detail=detail)
    data.forget_conversation()


# Losing a ready session


def session_lost(data: SessionData, reason: str, failure: Failure | None = None, *, intended: bool = False) -> None:
    """Plan the recovery of a lost session, and schedule the next attempt or give up.

    `intended`: the bridge closed the session itself, for a rollover or a restart.
    """
    data.transition(Trigger.SESSION_LOST)
    overflow_ms = round(data.generation.replay.overflow_ms)
    data.log("session.lost", reason=reason, byIntent=intended, pastBoundMs=overflow_ms)
    data.recovery = recovery.plan_recovery(data)
    stable = data.now - data.generation.ready_at >= STABLE_AFTER_SECONDS
    data.attempt = 1 if intended or stable else data.attempt + 1
    data.reconnects += not (intended and stable)
    message = f"The session was lost: {reason}."
    failure = failure or Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True)
    exhausted = data.reconnects > data.settings.max_reconnects or data.attempt > data.settings.reconnect_attempts
    if exhausted or _not_worth_retrying(failure):
        _give_up(data, failure, attempts=data.attempt - 1)
    else:
        _back_off(data, failure.retry_after_seconds, reason, at_once=intended)


def restart(data: SessionData) -> None:
    """Replace the session by a fresh one with the same conversation, as the client asked."""
    if data.state is State.READY:
        close_upstream(data, "restart")
        session_lost(data, "restart", intended=True)
    elif data.state is State.RECONNECT_WAITING:
        data.retry_at = min(data.retry_at, data.openings.next_at(data.now))


def close_upstream(data: SessionData, reason: str) -> None:
    """Close the upstream session or cancel the attempt, if there is one. A transition must follow."""
    if data.state in CONNECTED:
        data.emit(CloseUpstream(data.generation.number, reason))
