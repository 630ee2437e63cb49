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
from bridge.core.commands import Command, SendMessage
from bridge.core.events import (
    AttemptFailed,
    BadMessage,
    ClientAudio,
    ClientCommit,
    ClientGone,
    ClientInput,
    ClientLimitExceeded,
    ClientNative,
    ClientText,
    ClientToolResult,
    CreateSession,
    Drain,
    EndSession,
    Event,
    Failure,
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
class SessionStatistics:
    """A session as it stands; for metrics, health and tests."""

    state: State
    generation: int
    buffered_ms: float
    buffered_messages: int
    replay_ms: float
    reconnects: int
    opening: bool
    """Whether an attempt runs."""
    live: bool
    """Whether an upstream socket is open as far as the core knows."""


class Session:
    """The session of one client's socket."""

    def __init__(self, settings: CoreSettings | None = None, *, rng: Callable[[], float]) -> None:
        self._data = SessionData(settings or CoreSettings(), rng)

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take one event at a time that never goes backwards; give what is to be done, in order."""
        data = self._data
        data.now = max(data.now, now)
        if not data.closed:
            self._dispatch(event)
        if not data.closed:
            deadlines.run_due(data)
        out, data.commands = data.commands, []
        return out

    @property
    def deadline(self) -> float | None:
        """When a `Tick` is wanted next."""
        return deadlines.next_deadline(self._data)

    def statistics(self) -> SessionStatistics:
        """Give the session as it stands."""
        data = self._data
        return SessionStatistics(
            state=data.state,
            generation=data.generation,
            buffered_ms=data.input_buffer.ms,
            buffered_messages=len(data.input_buffer) - data.input_buffer.chunks,
            replay_ms=data.replay_buffer.ms,
            reconnects=data.reconnects,
            opening=data.opening,
            live=data.created,
        )

    def _dispatch(self, event: Event) -> None:
        match event:
            case ClientAudio() | ClientCommit() | ClientText() | ClientToolResult() | ClientNative():
                self._accept_input(event)
            case UpstreamEvent(generation):
                if self._current(generation):
                    to_client.forward(self._data, event)
            case SessionCreated() | SessionConfigured() | AttemptFailed() | UpstreamError() | UpstreamLost():
                if self._current(event.generation):
                    self._handle_upstream(event)
            case CreateSession() | Interrupt() | RestartSession() | EndSession() | Ping():
                self._handle_request(event)
            case BadMessage() | ClientLimitExceeded() | ClientGone():
                self._handle_misuse(event)
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
            data.log("upstream.late_event", of=generation)
        return wanted

    def _accept_input(self, event: ClientInput) -> None:
        """Send up what needs a session, or hold it and say why."""
        data = self._data
        if data.state is State.READY:
            to_upstream.send(data, event)
            return
        data.input_buffer.add(event, data.now)
        code = NOT_READY_CODES.get(data.state)
        if code is not None:
            data.send_error(code, _NOT_READY_MESSAGES[code], retryable=True)

    def _handle_request(self, event: CreateSession | Interrupt | RestartSession | EndSession | Ping) -> None:
        data = self._data
        match event:
            case CreateSession(wish):
                self._create(wish)
            case Interrupt():
                if data.state is State.READY:
                    to_upstream.interrupt(data, event)
                elif (code := NOT_READY_CODES.get(data.state)) is not None:
                    data.send_error(code, "There is nothing to interrupt.", retryable=True)
            case RestartSession():
                if data.state in (State.IDLE, State.FAILED):
                    data.send_error("NO_SESSION_EXISTS", "There is no session to restart.", retryable=True)
                else:
                    lifecycle.restart(data)
            case EndSession():
                lifecycle.end(data)
            case Ping(ping_id):
                data.emit(SendMessage({"type": "pong"} if ping_id is None else {"type": "pong", "id": ping_id}))
            case _:
                assert_never(event)

    def _handle_misuse(self, event: BadMessage | ClientLimitExceeded | ClientGone) -> None:
        data = self._data
        match event:
            case BadMessage(code, message, detail):
                data.send_error(code, message, retryable=False, detail=detail)
            case ClientLimitExceeded(code, message, close_code):
                data.send_error(code, message, retryable=code != "MESSAGE_TOO_LARGE", ending=True)
                lifecycle.close_client(data, close_code, code)
            case ClientGone():
                lifecycle.client_gone(data)
            case _:
                assert_never(event)

    def _create(self, wish: Mapping[str, Any]) -> None:
        data = self._data
        if data.drain_by is not None:
            data.send_error("SERVER_BUSY", "The bridge is going down; connect again.", retryable=True)
        elif data.state in (State.READY, State.RECONNECTING):
            data.send_error("SESSION_ALREADY_EXISTS", "There is a session already.", retryable=False)
        elif data.state in (State.IDLE, State.FAILED):
            data.session_options = dict(wish)
            lifecycle.start(data)

    def _handle_upstream(
        self, event: SessionCreated | SessionConfigured | AttemptFailed | UpstreamError | UpstreamLost
    ) -> None:
        data = self._data
        match event:
            case SessionCreated():
                lifecycle.configure_upstream(data, event)
            case SessionConfigured():
                self._configured(event)
            case AttemptFailed(_, failure):
                self._upstream_lost(failure, failure.message)
            case UpstreamError():
                self._upstream_error(event)
            case UpstreamLost(_, failure, reason, taken_bytes):
                data.replay_buffer.acknowledged(taken_bytes or 0)
                self._upstream_lost(failure, reason)
            case _:
                assert_never(event)

    def _configured(self, event: SessionConfigured) -> None:
        """Only a session that was created can be ready; one that is ready has been told something new."""
        data = self._data
        if data.opening and data.created:
            lifecycle.upstream_ready(data, event)
        else:
            to_client.forward(data, UpstreamEvent(event.generation, event.type, event.frame, event.body))

    def _upstream_error(self, event: UpstreamError) -> None:
        """Before the session is ready only the configuration can be what is wrong."""
        data = self._data
        if data.opening and not event.harmless:
            lifecycle.close_upstream(data, "refused")
            lifecycle.attempt_failed(data, event.failure)
        else:
            to_client.handle_error(data, event)

    def _upstream_lost(self, failure: Failure, reason: str) -> None:
        data = self._data
        if data.opening:
            lifecycle.attempt_failed(data, recovery.drop_unconfirmed_updates(data, failure))
        elif failure.code == "SESSION_EXPIRED" and not data.settings.rollover:
            lifecycle.expire(data, failure)
        else:
            lifecycle.upstream_lost(data, reason, failure)
