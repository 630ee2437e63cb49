"""One client's session: an event and the time in, commands out. The only place that puts the parts together.

    session = Session(CoreSettings(), chance=random.random)
    commands = session.handle(CreateSession({}), now=12.5)
    session.deadline                # when `Tick` is wanted; None: only an event can move it

No clock, no log, no I/O, no tasks. `handle` never raises for anything that a peer can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from bridge.core import deadlines, lifecycle, recovery, to_client, to_upstream
from bridge.core.commands import Command, Tell
from bridge.core.events import (
    AttemptFailed,
    BadMessage,
    ClientAudio,
    ClientCommit,
    ClientGone,
    ClientMisbehaved,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    Drain,
    EndSession,
    Event,
    Failure,
    Held,
    Interrupt,
    Ping,
    RestartSession,
    SessionConfigured,
    SessionCreated,
    Tick,
    UpstreamError,
    UpstreamEvent,
    UpstreamLost,
)
from bridge.core.session_data import SessionData
from bridge.core.settings import CoreSettings
from bridge.core.states import NOT_READY_CODES, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NOT_READY_MESSAGES = {
    "NO_SESSION_EXISTS": "There is no session: send create_session. What you sent is held until then.",
    "SESSION_NOT_READY": "The session was lost and is being reopened. What you sent is held until then.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A session as it stands; for metrics, health and tests."""

    state: State
    generation: int
    held_ms: float
    held_others: int
    unanswered_ms: float
    reconnects: int
    opening: bool
    """Whether an attempt runs."""
    live: bool
    """Whether an upstream socket is open as far as the core knows."""


class Session:
    """The session of one client's socket."""

    def __init__(self, settings: CoreSettings | None = None, *, chance: Callable[[], float]) -> None:
        self._data = SessionData(settings or CoreSettings(), chance)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event at a time that never goes backwards; give what is to be done, in order."""
        data = self._data
        data.now = max(data.now, now)
        if not data.over:
            self._dispatch(event)
        if not data.over:
            deadlines.run_due(data)
        out, data.out = data.out, []
        return out

    @property
    def deadline(self) -> float | None:
        """When a `Tick` is wanted next."""
        return deadlines.deadline(self._data)

    def statistics(self) -> Statistics:
        """Give the session as it stands."""
        data = self._data
        return Statistics(
            state=data.state,
            generation=data.generation,
            held_ms=data.held.ms,
            held_others=len(data.held) - data.held.chunks,
            unanswered_ms=data.unanswered.ms,
            reconnects=data.reconnects,
            opening=data.opening,
            live=data.created,
        )

    def _dispatch(self, event: Event) -> None:
        match event:
            case ClientAudio() | ClientCommit() | ClientText() | ClientToolResult() | ClientNative():
                self._take(event)
            case UpstreamEvent(generation):
                if self._current(generation):
                    to_client.take(self._data, event)
            case SessionCreated() | SessionConfigured() | AttemptFailed() | UpstreamError() | UpstreamLost():
                if self._current(event.generation):
                    self._upstream(event)
            case CreateSession() | Interrupt() | RestartSession() | EndSession() | Ping():
                self._asked(event)
            case BadMessage() | ClientMisbehaved() | ClientGone():
                self._went_wrong(event)
            case Drain(grace_seconds):
                by = self._data.now + grace_seconds
                self._data.drain_by = by if self._data.drain_by is None else min(by, self._data.drain_by)
            case Tick():
                pass
            case _:
                assert_never(event)

    def _current(self, generation: int) -> bool:
        """Whether an event belongs to the upstream that is wanted; a late one of an earlier generation is dropped."""
        data = self._data
        wanted = generation == data.generation and (data.opening or data.created)
        if not wanted:
            data.note("upstream.late_event", of=generation)
        return wanted

    def _take(self, event: Held) -> None:
        """Send up what needs a session, or hold it and say why."""
        data = self._data
        if data.state is State.READY:
            to_upstream.send_up(data, event)
            return
        data.held.add(event, data.now)
        code = NOT_READY_CODES.get(data.state)
        if code is not None:
            data.fail(code, _NOT_READY_MESSAGES[code], retryable=True)

    def _asked(self, event: CreateSession | Interrupt | RestartSession | EndSession | Ping) -> None:
        data = self._data
        match event:
            case CreateSession(wish):
                self._create(wish)
            case Interrupt():
                if data.state is State.READY:
                    to_upstream.interrupt(data, event)
                elif (code := NOT_READY_CODES.get(data.state)) is not None:
                    data.fail(code, "There is nothing to interrupt.", retryable=True)
            case RestartSession():
                if data.state in (State.IDLE, State.FAILED):
                    data.fail("NO_SESSION_EXISTS", "There is no session to restart.", retryable=True)
                else:
                    lifecycle.restart(data)
            case EndSession():
                lifecycle.end(data)
            case Ping(ping_id):
                data.do(Tell({"type": "pong"} if ping_id is None else {"type": "pong", "id": ping_id}))
            case _:
                assert_never(event)

    def _went_wrong(self, event: BadMessage | ClientMisbehaved | ClientGone) -> None:
        data = self._data
        match event:
            case BadMessage(code, message, detail):
                data.fail(code, message, retryable=False, detail=detail)
            case ClientMisbehaved(code, message, close_code):
                data.fail(code, message, retryable=code != "MESSAGE_TOO_LARGE", ending=True)
                lifecycle.send_away(data, close_code, code)
            case ClientGone():
                lifecycle.leave(data)
            case _:
                assert_never(event)

    def _create(self, wish: Mapping[str, Any]) -> None:
        data = self._data
        if data.drain_by is not None:
            data.fail("SERVER_BUSY", "The bridge is going down; connect again.", retryable=True)
        elif data.state in (State.READY, State.RECONNECTING):
            data.fail("SESSION_ALREADY_EXISTS", "There is a session already.", retryable=False)
        elif data.state in (State.IDLE, State.FAILED):
            data.wish = dict(wish)
            lifecycle.begin(data)

    def _upstream(
        self, event: SessionCreated | SessionConfigured | AttemptFailed | UpstreamError | UpstreamLost
    ) -> None:
        data = self._data
        match event:
            case SessionCreated():
                lifecycle.created(data, event)
            case SessionConfigured():
                self._configured(event)
            case AttemptFailed(_, failure):
                self._lost(failure, failure.message)
            case UpstreamError():
                self._upstream_error(event)
            case UpstreamLost(_, failure, reason, taken_bytes):
                data.unanswered.took(taken_bytes or 0)
                self._lost(failure, reason)
            case _:
                assert_never(event)

    def _configured(self, event: SessionConfigured) -> None:
        """Only a session that was created can be ready; one that is ready has been told something new."""
        data = self._data
        if data.opening and data.created:
            lifecycle.ready(data, event)
        else:
            to_client.take(data, UpstreamEvent(event.generation, event.type, event.frame, event.body))

    def _upstream_error(self, event: UpstreamError) -> None:
        """Before the session is ready only the configuration can be what is wrong."""
        data = self._data
        if data.opening and not event.harmless:
            lifecycle.close_upstream(data, "refused")
            lifecycle.attempt_failed(data, event.failure)
        else:
            to_client.take_error(data, event)

    def _lost(self, failure: Failure, reason: str) -> None:
        data = self._data
        if data.opening:
            lifecycle.attempt_failed(data, recovery.without_doubtful_updates(data, failure))
        elif failure.code == "SESSION_EXPIRED" and not data.settings.rollover:
            lifecycle.expired(data, failure)
        else:
            lifecycle.lost(data, reason, failure)
