"""The session of one client connection: an event and the time in, commands out. Puts the parts of the core together.

    session = Session(CoreSettings(), rng=random.random)
    commands = session.handle(CreateSession({}), now=12.5)
    session.relay_audio(pcm, now=12.6)  # the same for speech of a ready session, without objects; or False
    session.deadline                # when a `Tick` is wanted; None: only an event can change anything

No clock, no log, no I/O, no tasks. `handle` never raises for anything that a peer can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, assert_never

from bridge.core import deadlines, ending, lifecycle, recovery, to_client, to_upstream
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
    PlaybackProgress,
    RestartSession,
    SessionConfigured,
    SessionCreated,
    Tick,
    UpstreamError,
    UpstreamEvent,
    UpstreamLost,
)
from bridge.core.responses import AUDIO_EVENTS
from bridge.core.session_data import SessionData
from bridge.core.settings import CoreSettings
from bridge.core.spending import enforcement
from bridge.core.states import ATTEMPTING, CONFIGURING, CONNECTED, LIVE, NOT_READY_CODES, PHASES, Phase, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.spending.caps import Account

_READY: Final = State.READY
#: Input that asks for a response, whatever it says; a native event may.
_ASKING: Final = (ClientCommit, ClientText, ClientToolResult)
_NOT_READY_MESSAGES = {
    "NO_SESSION_EXISTS": "There is no session: send create_session. Your input is buffered until then.",
    "SESSION_NOT_READY": "The session was lost and is being reopened. Your input is buffered until then.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStatistics:
    """A session as it is now; for metrics, health checks and tests."""

    state: State
    generation: int
    buffered_ms: float
    """Audio in the input buffer."""
    buffered_messages: int
    """Other messages in the input buffer."""
    replay_ms: float
    """Audio that went upstream and would be sent again after a loss."""
    reconnects: int

    @property
    def phase(self) -> Phase:
        """The state as clients and metrics see it."""
        return PHASES[self.state]

    @property
    def opening(self) -> bool:
        """Whether an attempt is running."""
        return self.state in ATTEMPTING

    @property
    def live(self) -> bool:
        """Whether the upstream session exists as far as the core knows."""
        return self.state in LIVE


class Session:
    """The session of one client connection."""

    __slots__ = ("_data", "_next_deadline")

    def __init__(
        self, settings: CoreSettings | None = None, *, rng: Callable[[], float], identity: Account | None = None
    ) -> None:
        """`rng` returns numbers in [0, 1), for the jitter of back-offs.

        `identity` is the account of whoever the client is, if that is known; sessions of one identity share it.
        """
        self._data = SessionData(settings or CoreSettings(), rng, identity)
        self._next_deadline = inf

    def handle(self, event: Event, now: float) -> list[Command]:
        """Handle one event and return the commands to carry out, in order.

        `now` is the time in seconds, on any clock; time that goes backwards counts as standing still.

        Most events of a live session are audio, one way or the other. They only pass through; `relay_audio` and
        `relay_event` are a shorter way for them. None of them can make a deadline earlier, so no deadline is looked up
        for them. They can make one later (a session that talks has not stalled); then the next `Tick` comes early,
        finds nothing due, and the deadline is computed again.
        """
        data = self._data
        data.now = max(data.now, now)
        relayed = self._relay(event)
        if not relayed and not data.closed:
            self._dispatch(event)
        if not relayed or data.now >= self._next_deadline:
            if not data.closed:
                deadlines.run_due(data)
            self._next_deadline = deadlines.next_deadline(data)
        return data.take_commands()

    # The short way, for what only passes through. It records what `handle` records, by the same functions.

    def relay_audio(self, pcm: bytes, now: float) -> bool:
        """Record a chunk of speech that is sent to the ready session at once, as it is and without an `event_id`.

        True: send it, as `SendAudio` of the current generation says, and do nothing else. False: nothing was recorded;
        `handle(ClientAudio(pcm), now)` says what to do.
        """
        data = self._data
        if data.state is not _READY or not data.now <= now < self._next_deadline:
            return False
        data.now = now
        data.generation.replay.audio_sent(pcm)
        return True

    def relay_event(self, generation: int, event_type: str, frame: bytes, now: float) -> bool:
        """Record an event of the ready session that the client gets as it is: any without a parsed body.

        True: forward the frame, as `Forward` says, and do nothing else. False: nothing was recorded;
        `handle(UpstreamEvent(generation, event_type, frame), now)` says what to do.
        """
        data = self._data
        if data.state is not _READY or not data.now <= now < self._next_deadline:
            return False
        if generation != data.generation.number:
            return False
        if event_type in AUDIO_EVENTS and data.generation.responses.audio_is_awaited:
            return False  # it is told, and there are no commands here
        data.now = now
        to_client.record(data, event_type, frame)
        return True

    @property
    def deadline(self) -> float | None:
        """When a `Tick` is wanted, at the latest; None if only an event can change anything."""
        return None if self._next_deadline == inf else self._next_deadline

    @property
    def held_bytes(self) -> int:
        """About how much memory the input takes that is kept: what waits, and what would be sent again."""
        return self._data.held_bytes

    def statistics(self) -> SessionStatistics:
        """Return the session as it is now."""
        data = self._data
        reconnecting = data.phase is Phase.RECONNECTING
        return SessionStatistics(
            state=data.state,
            generation=data.generation.number,
            buffered_ms=data.input_buffer.ms,
            buffered_messages=data.input_buffer.messages,
            replay_ms=data.recovery.replay_ms if reconnecting else data.generation.replay.ms,
            reconnects=data.reconnects,
        )

    def _relay(self, event: Event) -> bool:
        """Handle an event that only passes through a ready session. Returns False if it is any other event."""
        data = self._data
        if data.state is not _READY:
            return False
        if isinstance(event, ClientAudio) and not data.input_buffer:
            to_upstream.send_audio(data, event)
            return True
        if isinstance(event, UpstreamEvent) and event.body is None and event.generation == data.generation.number:
            to_client.forward(data, event)
            return True
        return False

    def _dispatch(self, event: Event) -> None:
        match event:
            case ClientAudio() | ClientCommit() | ClientText() | ClientToolResult() | ClientNative():
                self._accept_input(event)
            case (
                SessionCreated()
                | SessionConfigured()
                | AttemptFailed()
                | UpstreamEvent()
                | UpstreamError()
                | UpstreamLost()
            ):
                if self._current(event.generation):
                    self._handle_upstream(event)
            case CreateSession() | Interrupt() | RestartSession() | EndSession() | Ping():
                self._handle_request(event)
            case PlaybackProgress():
                to_upstream.note_playback(self._data, event)
            case BadMessage() | ClientLimitExceeded() | ClientGone():
                self._handle_misuse(event)
            case Drain(grace_seconds):
                by = self._data.now + grace_seconds
                self._data.drain_by = by if self._data.drain_by is None else min(by, self._data.drain_by)
            case Tick():
                if self._data.state is State.READY:
                    lifecycle.send_buffered(self._data)
            case _:
                assert_never(event)

    def _current(self, generation: int) -> bool:
        """Return whether an upstream event counts. A late one, of a generation that was closed or lost, is ignored."""
        data = self._data
        current = generation == data.generation.number and data.state in CONNECTED
        if not current:
            data.log("upstream.late_event", of=generation)
        return current

    # From the client

    def _accept_input(self, event: ClientInput) -> None:
        """Send input that needs a session upstream, or buffer it and say why."""
        data = self._data
        if not isinstance(event, ClientAudio):
            data.active_at = data.now
        if data.exhausted and (data.state is not State.READY or isinstance(event, _ASKING)):
            to_upstream.refuse_for_budget(data)
            return
        if data.state is State.READY and not data.input_buffer:
            to_upstream.send(data, event)
            return
        data.input_buffer.add(event, data.now)
        code = NOT_READY_CODES.get(data.phase)
        if code is not None:
            data.send_error(code, _NOT_READY_MESSAGES[code], retryable=True)

    def _handle_request(self, event: CreateSession | Interrupt | RestartSession | EndSession | Ping) -> None:
        data = self._data
        match event:
            case CreateSession(session_options, native):
                self._data.native = native
                self._create_session(session_options)
            case Interrupt():
                if data.state is State.READY:
                    to_upstream.interrupt(data, event)
                elif (code := NOT_READY_CODES.get(data.phase)) is not None:
                    data.send_error(code, "There is nothing to interrupt.", retryable=True)
            case RestartSession():
                if data.state in (State.IDLE, State.FAILED):
                    data.send_error("NO_SESSION_EXISTS", "There is no session to restart.", retryable=True)
                else:
                    lifecycle.restart(data)
            case EndSession():
                ending.end(data)
            case Ping(ping_id):
                data.emit(SendMessage({"type": "pong"} if ping_id is None else {"type": "pong", "id": ping_id}))
            case _:
                assert_never(event)

    def _create_session(self, session_options: Mapping[str, Any]) -> None:
        data = self._data
        if data.drain_by is not None:
            data.send_error("SERVER_BUSY", "The bridge is shutting down; connect again.", retryable=True)
        elif data.phase in (Phase.READY, Phase.RECONNECTING):
            data.send_error("SESSION_ALREADY_EXISTS", "A session already exists.", retryable=False)
        elif data.exhausted:
            self._refuse_session()
        elif data.state in (State.IDLE, State.FAILED):
            data.session_options = dict(session_options)
            lifecycle.start(data)

    def _refuse_session(self) -> None:
        """Refuse a session to a client that may not spend any more: an SDK, which can't do without, is closed."""
        if self._data.native:
            ending.end_at_cap(self._data, *enforcement.BUDGET)
        else:
            to_upstream.refuse_for_budget(self._data)

    def _handle_misuse(self, event: BadMessage | ClientLimitExceeded | ClientGone) -> None:
        data = self._data
        match event:
            case BadMessage(code, message, detail):
                data.send_error(code, message, retryable=False, detail=detail)
            case ClientLimitExceeded(code, message, close_code):
                data.send_error(code, message, retryable=code != "MESSAGE_TOO_LARGE", terminal=True)
                ending.close_client(data, close_code, code)
            case ClientGone():
                ending.client_gone(data)
            case _:
                assert_never(event)

    # From the upstream

    def _handle_upstream(
        self,
        event: SessionCreated | SessionConfigured | AttemptFailed | UpstreamEvent | UpstreamError | UpstreamLost,
    ) -> None:
        data = self._data
        match event:
            case SessionCreated():
                lifecycle.session_created(data, event)
            case SessionConfigured():
                self._session_configured(event)
            case AttemptFailed(_, failure):
                self._upstream_failed(failure, failure.message)
            case UpstreamEvent():
                to_client.forward(data, event)
            case UpstreamError():
                self._upstream_error(event)
            case UpstreamLost(_, failure, reason, acknowledged_bytes):
                data.generation.replay.acknowledged(acknowledged_bytes or 0)
                self._upstream_failed(failure, reason)
            case _:
                assert_never(event)

    def _session_configured(self, event: SessionConfigured) -> None:
        """Only a session that was created can become ready; for a ready one this is an update like any other."""
        data = self._data
        if data.state in CONFIGURING:
            lifecycle.session_configured(data, event)
        else:
            to_client.forward(data, UpstreamEvent(event.generation, event.type, event.frame, event.body))

    def _upstream_error(self, event: UpstreamError) -> None:
        """Before the session is ready, an error can only be about its configuration."""
        data = self._data
        if data.state in ATTEMPTING and not event.harmless:
            lifecycle.close_upstream(data, "refused")
            lifecycle.attempt_failed(data, event.failure)
        else:
            to_client.handle_error(data, event)

    def _upstream_failed(self, failure: Failure, reason: str) -> None:
        data = self._data
        if data.state in ATTEMPTING:
            lifecycle.attempt_failed(data, recovery.drop_unconfirmed_updates(data, failure))
        elif failure.code == "SESSION_EXPIRED" and not data.settings.rollover:
            ending.session_expired(data, failure)
        else:
            lifecycle.session_lost(data, reason, failure)
