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
from bridge.core.json_access import an_object
from bridge.core.session_updates import Updates
from bridge.core.states import Move, State
from bridge.core.to_upstream import ask_next, commit, send_up

if TYPE_CHECKING:
    from bridge.core.history import Restored
    from bridge.core.session_data import SessionData

#: A session that lived shorter than this did not heal the loss before it: the attempts go on counting.
STABLE_SECONDS = 10.0
#: What the log says of a failure's detail: `sherpa-probe explain` knows the refusal, the service's support the request.
_WHY = ("refusal", "status", "closeCode", "reason", "requestId")


def begin(data: SessionData) -> None:
    """Begin the first attempt for a session that was asked for."""
    data.move(Move.ASKED)
    data.attempt = 1
    data.updates = Updates()
    open_upstream(data)


def open_upstream(data: SessionData) -> None:
    """Begin an attempt of a new generation."""
    data.generation += 1
    data.begin_upstream()
    data.opening = True
    data.retry_at = None
    data.ready_by = data.now + data.settings.ready_seconds
    if data.state is State.INITIALIZING:
        data.tell("session_initializing", attempt=data.attempt, maxAttempts=data.settings.attempts)
    data.note("upstream.opening", attempt=data.attempt)
    data.do(OpenUpstream(data.generation, data.wish))


def created(data: SessionData, event: SessionCreated) -> None:
    """The upstream says that there is a session: send it the configuration."""
    data.heard_at = data.now
    data.do(Forward(event.type, event.frame))
    if data.created:
        return
    data.created = True
    data.session_id, data.model, data.dialect = event.session_id, event.model, event.dialect
    if event.expires_at is not None and event.expires_at > data.now:  # clocks differ: an end in the past is none
        data.expires_at, data.expires_at_text = event.expires_at, event.expires_at_text
    data.note("session.created", model=event.model, dialect=event.dialect)
    data.do(Configure(data.generation, data.wish, data.updates.wanted))


def attempt_failed(data: SessionData, failure: Failure) -> None:
    """An attempt came to nothing: wait and try again, or give up."""
    data.opening = data.created = False
    data.ready_by = None
    why = {name: failure.detail[name] for name in _WHY if name in failure.detail}
    data.note("attempt.failed", code=failure.code, attempt=data.attempt, retryable=failure.retryable, **why)
    if _hopeless(failure) or data.attempt >= _attempts(data):
        give_up(data, failure, attempts=data.attempt)
        return
    data.move(Move.RETRIED)
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
        data.chance,
        base_seconds=settings.base_seconds,
        cap_seconds=settings.cap_seconds,
        retry_after_seconds=retry_after,
    )
    delay = 0.0 if at_once else delay
    data.retry_at = data.now + delay
    if data.state is State.RECONNECTING:
        counts = {"attempt": data.attempt, "maxAttempts": settings.reconnect_attempts}
        data.tell("reconnecting", **counts, delayMs=round(delay * 1000), reason=reason)


def give_up(data: SessionData, failure: Failure, *, attempts: int) -> None:
    """No attempt is left, or none can help: say why, and what is given up with it."""
    again = data.state is State.RECONNECTING
    data.move(Move.GAVE_UP)
    data.retry_at = data.ready_by = None
    recovery.drop_unanswered(data)
    recovery.drop_held(data)
    code = failure.code
    if not _hopeless(failure):
        code = "CONNECTION_LOST" if again else "SESSION_INITIALIZATION_FAILED"
    detail = {**failure.detail, "cause": failure.code, "attempts": attempts}
    if failure.retry_after_seconds is not None:
        detail["retryAfterMs"] = round(failure.retry_after_seconds * 1000)
    data.note("session.failed", code=code, cause=failure.code)
    data.fail(code, failure.message, retryable=failure.retryable, ending=True, detail=detail)
    _forget(data)


def _forget(data: SessionData) -> None:
    """Nothing of the conversation is kept for the next session."""
    data.context.clear()
    data.take_unanswered()
    data.turns.waiting.clear()
    data.lost, data.ask_again, data.lost_at = [], None, None
    data.begin_upstream()


def ready(data: SessionData, event: SessionConfigured) -> None:
    """The configuration is confirmed: tell the client, bring back what was, and let up what waits."""
    again = data.state is State.RECONNECTING
    data.move(Move.CONFIRMED)
    data.opening = False
    data.ready_by = None
    data.ready_at = data.heard_at = data.now
    data.updates.all_hold()
    data.do(Forward(event.type, event.frame))
    data.held.expire(data.now)
    data.tell_dropped()
    unanswered = data.take_unanswered() if again else []
    data.note_configuration(an_object(event.body.get("session")))
    if again:
        _tell_reconnected(data, unanswered)
        _send_again(data, unanswered)
    else:
        data.attempt = 0
        _tell_ready(data)
    while (held := data.held.take()) is not None:
        send_up(data, held)


def _send_again(data: SessionData, unanswered: list[bytes | None]) -> None:
    """Send what was said and not answered, with its commits, and ask for what was asked for."""
    for pcm in unanswered:
        if pcm is None:
            commit(data)
        else:
            send_up(data, ClientAudio(pcm))
    if data.ask_after_commit and data.turns.after_commit:
        data.turns.after_commit[-1] = True
    if data.ask_again is not None:
        data.turns.waiting.appendleft(data.ask_again)
        data.ask_again = None
    ask_next(data)


def _tell_ready(data: SessionData) -> None:
    buffered = {"bufferedChunks": data.held.chunks, "bufferedMs": round(data.held.ms)}
    data.tell(
        "session_ready",
        message="OpenAI session is ready",
        sessionId=data.session_id,
        model=data.model,
        dialect=data.dialect,
        **buffered,
    )
    data.note("session.ready", **buffered)


def _tell_reconnected(data: SessionData, unanswered: list[bytes | None]) -> None:
    """Bring the conversation back and say honestly what came with it."""
    restored: Restored = data.context.restore(data.dialect)
    resent_ms = round(sum(len(pcm) for pcm in unanswered if pcm is not None) / BYTES_PER_MS)
    data.tell(
        "reconnected",
        message="Reconnected to OpenAI",
        sessionId=data.session_id,
        heldMs=round(data.held.ms),
        resentMs=resent_ms,
        restored={
            "config": True,
            "tools": bool(data.updates.wanted.get("tools", data.wish.get("tools"))),
            "turns": restored.turns,
            "pendingTools": restored.pending_tools,
        },
        lost=[*data.lost, *restored.lost],
    )
    took = data.now - data.lost_at if data.lost_at is not None else 0.0
    data.note("session.reconnected", seconds=took, resentMs=resent_ms, turns=restored.turns)
    data.lost, data.lost_at = [], None
    for item in restored.items:
        data.do(SendEvent(data.generation, {"type": "conversation.item.create", "item": item}))


def lost(data: SessionData, reason: str, failure: Failure | None = None, *, by_intent: bool = False) -> None:
    """The ready session is gone, or is given up by intent: open a fresh one, with what this one held."""
    data.move(Move.LOST)
    data.created = False
    data.lost_at = data.now
    past_bound_ms = round(data.unanswered.past_bound_ms)
    data.note("session.lost", reason=reason, byIntent=by_intent, pastBoundMs=past_bound_ms)
    recovery.take_stock(data)
    stable = data.now - data.ready_at >= STABLE_SECONDS
    data.attempt = 1 if by_intent or stable else data.attempt + 1
    data.reconnects += not (by_intent and stable)
    message = f"The session was lost: {reason}."
    failure = failure or Failure(code="UPSTREAM_UNAVAILABLE", message=message, retryable=True)
    exhausted = data.reconnects > data.settings.reconnects_per_life or data.attempt > data.settings.reconnect_attempts
    if exhausted or _hopeless(failure):
        give_up(data, failure, attempts=data.attempt - 1)
    else:
        _wait(data, failure.retry_after_seconds, reason, at_once=by_intent)


def restart(data: SessionData) -> None:
    """The client wants a fresh session with the same context."""
    if data.state is State.READY:
        close_upstream(data, "restart")
        lost(data, "restart", by_intent=True)
    elif data.state is State.RECONNECTING and not data.opening:
        data.retry_at = data.now


def expired(data: SessionData, failure: Failure) -> None:
    """The maximum age was reached and rollover is off: the session is over by intent."""
    data.move(Move.ENDED)
    data.created = False
    data.fail("SESSION_EXPIRED", failure.message, retryable=True, ending=True, detail=failure.detail)
    past_bound_ms = round(data.unanswered.past_bound_ms)
    recovery.drop_past_bound(data)
    recovery.drop_unanswered(data)
    recovery.drop_held(data)
    _closed(data, "expired", pastBoundMs=past_bound_ms)
    _forget(data)


def end(data: SessionData) -> None:
    """The client ends its session and keeps its socket."""
    had_session = data.state not in (State.IDLE, State.FAILED)
    data.move(Move.ENDED)
    close_upstream(data, "ended")
    recovery.drop_held(data)
    if had_session:
        _closed(data, "ended")
    _forget(data)


def _closed(data: SessionData, reason: str, **noted: int) -> None:
    data.tell("session_closed", reason=reason)
    data.note("session.closed", reason=reason, **noted)


def close_upstream(data: SessionData, reason: str) -> None:
    """Let go of the attempt or the session of the newest generation, and of the wait for the next."""
    data.retry_at = data.ready_by = None
    if data.opening or data.created:
        data.do(CloseUpstream(data.generation, reason))
    data.opening = data.created = False


def leave(data: SessionData) -> None:
    """The client is gone: nothing is left behind, and nothing more is said."""
    data.move(Move.LEFT)
    close_upstream(data, "client gone")
    data.held.drop_all("session_failed")
    while (dropped := data.held.next_dropped()) is not None:
        counts = {"chunks": dropped.chunks, "ms": round(dropped.ms), "messages": dropped.messages}
        data.note("held.dropped", reason="client_gone", **counts)
    data.throttle.flush(data.now)
    _forget(data)
    data.note("client.gone")


def send_away(data: SessionData, code: int, reason: str) -> None:
    """Close the client's socket; the worst error that was held back goes out first, window or not."""
    data.move(Move.LEFT)
    close_upstream(data, reason)
    data.held.drop_all("session_failed")
    data.tell_dropped(at_once=True)
    released = data.throttle.flush(data.now)
    if released is not None:
        data.release(released)
    _forget(data)
    data.do(CloseClient(code, reason))


def drained(data: SessionData) -> None:
    """The bridge goes down, and this client was given its time."""
    if data.state in (State.INITIALIZING, State.READY, State.RECONNECTING):
        _closed(data, "draining")
    send_away(data, 1001, "draining")


def paused(data: SessionData) -> bool:
    """Whether nobody is speaking and nothing is owed: a good moment to end or to change sessions."""
    unanswered = data.unanswered
    mid_sentence = unanswered.speaking or unanswered.owes_commit or (not unanswered.detecting and unanswered.ms > 0)
    return not mid_sentence and not data.turns.owed and not len(data.held)
