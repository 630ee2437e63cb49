"""One session of the simulated service. Sans-I/O: frames and times in, server events and a close out.

    outputs = session.start(now)            # once, right after the 101; then repeatedly:
    outputs = session.receive(frame, now)   # when the client has sent a frame
    outputs = session.wake(now)             # when `next_wake` has come

The caller (a connection, a property test) provides the clock and sends the outputs. The session is deterministic: the
same seed, frames and times produce the same events, ids included.

The session itself dispatches client events and owns what spans several parts: creation, expiry, error storms and the
idle time-out. The parts are `InputAudio`, `SessionResponses`, `Translation` and the functions of `items`, `updates` and
`transcripts`; all of them act on one `SessionState`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.fields import CLIENT_EVENTS, OBSERVED_ACCEPTED_TYPES
from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.protocol.schema.validators import quote_values
from bridge.simulator.errors.service_errors import ServiceError
from bridge.simulator.session import items, mcp, updates
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.input_audio import InputAudio, creates_response, interrupts_response
from bridge.simulator.session.responses import SessionResponses
from bridge.simulator.session.state import ServerClose, ServerEvent, ServerOutput, SessionSetup, SessionState
from bridge.simulator.session.transcripts import start_transcription
from bridge.simulator.session.translation import Translation

if TYPE_CHECKING:
    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.schedule import ScheduledCall

__all__ = ["ServerClose", "ServerEvent", "ServerOutput", "SessionSetup", "SimulatedSession"]

_MAX_EVENT_ID = 512
#: How many frames are kept until `session.created`: 20 s of speech. The official SDKs send right after the 101.
_MAX_EARLY_FRAMES = 1_000
#: How many bytes they may have: as many as a single frame. Frames beyond either limit are lost.
_MAX_EARLY_BYTES = MAX_MESSAGE_BYTES
#: The shortest interval between the errors of a storm, whatever its rate. At an interval of 0 it would never end.
_MIN_STORM_SECONDS = 0.001
#: How many overdue calls run at once. The caller sends the outputs before the next batch, so they cannot pile up.
_MAX_CALLS_AT_ONCE = 1_000
_EXPIRED = "Your session hit the maximum duration of {minutes} minutes."
_DECODE = msgspec.json.Decoder().decode

EventHandler = Callable[[Mapping[str, Any]], None]


class SimulatedSession:
    """One session, from the 101 to the close."""

    def __init__(
        self,
        setup: SessionSetup,
        *,
        behaviour: SessionBehaviour | None = None,
        seed: int = 0,
        now: float = 0.0,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> None:
        """`on_audio` receives each piece of input audio, decoded to PCM16 at 24 kHz."""
        self._state = state = SessionState(setup, behaviour or SessionBehaviour(), seed, now)
        self._configured = False
        self._expiry: ScheduledCall | None = None
        self._storming = False
        self._early_frames: list[str | bytes] | None = []
        self._early_size = 0
        self._audio = InputAudio(state, on_speech=self._on_speech, on_turn=self._on_turn, on_audio=on_audio)
        self._responses = SessionResponses(
            state, echo=lambda: self._audio.last_turn_audio, on_idle=self._schedule_idle_timeout
        )
        self._idle_number = 0
        self._handlers = self._handlers_for(Translation(state, on_audio))

    def _handlers_for(self, translation: Translation) -> Mapping[str, EventHandler]:
        """Return the handler of each client event in this session's dialect and kind."""
        state, audio = self._state, self._audio
        if state.setup.kind is SessionKind.TRANSLATION:
            return {"session.update": self._update, **translation.handlers()}
        handlers: dict[str, EventHandler] = {
            "session.update": self._update,
            "input_audio_buffer.append": audio.append,
            "input_audio_buffer.commit": audio.commit,
            "input_audio_buffer.clear": audio.clear,
            "conversation.item.create": lambda event: items.create(state, event),
            "conversation.item.truncate": lambda event: items.truncate(state, event),
            "conversation.item.delete": lambda event: items.delete(state, event),
            "conversation.item.retrieve": lambda event: items.retrieve(state, event),
            "response.create": self._responses.create,
            "response.cancel": self._responses.cancel,
        }
        if state.is_beta:
            return {**handlers, "transcription_session.update": self._update}
        # The live service lists both types as accepted; what they do there has not been recorded.
        return {
            **handlers,
            "session.close": lambda _: state.close(1000, ""),
            "session.input_audio_buffer.append": audio.append,
        }

    # What the caller uses.

    @property
    def session_id(self) -> str:
        """The session id, as in `session.created`."""
        return self._state.session_id

    def change_behaviour(self, change: Callable[[SessionBehaviour], SessionBehaviour]) -> None:
        """Change how the session behaves from now on. A new maximum duration or error rate applies at once."""
        self._state.behaviour = change(self._state.behaviour)
        if self._expiry is not None:
            self._expiry.cancel()
            self._schedule_expiry()
        self._schedule_storm()

    @property
    def next_wake(self) -> float | None:
        """When to call `wake` next; None if nothing happens until a frame arrives."""
        return None if self._state.closed else self._state.schedule.next_time

    def start(self, now: float) -> list[ServerOutput]:
        """Start the session; call this once. `session.created` follows after 5 ms (recorded), or as configured."""
        state, behaviour = self._state, self._state.behaviour
        state.now = now
        if behaviour.refusal is not None:
            state.send_error(behaviour.refusal)
        elif behaviour.create_seconds is not None:
            state.call_later(behaviour.create_seconds, self._create)
        return self._take_outputs()

    def receive(self, frame: str | bytes, now: float) -> list[ServerOutput]:
        """Handle a frame: text is a client event, binary is answered with an error (recorded)."""
        self._run_due(now)
        if self._early_frames is None:
            self._handle_frame(frame)
        else:
            self._keep_early(self._early_frames, frame)
        return self._take_outputs()

    def _keep_early(self, early: list[str | bytes], frame: str | bytes) -> None:
        """Keep a frame until the session is created. After the first frame beyond the limits, no more are kept."""
        self._early_size += sys.getsizeof(frame)
        if len(early) < _MAX_EARLY_FRAMES and self._early_size <= _MAX_EARLY_BYTES and not self._state.closed:
            early.append(frame)

    def wake(self, now: float) -> list[ServerOutput]:
        """Do everything that is due by now."""
        self._run_due(now)
        return self._take_outputs()

    def _run_due(self, now: float) -> None:
        """Run the calls that are due, in order, each at the time at which it was due."""
        state = self._state
        for _ in range(_MAX_CALLS_AT_ONCE):
            due = None if state.closed else state.schedule.pop(now)
            if due is None:
                break
            state.now, callback = due
            state.client_event_id = None
            callback()
        state.now = now

    def _take_outputs(self) -> list[ServerOutput]:
        outputs, self._state.outputs = self._state.outputs, []
        return outputs

    # What happens within the session.

    def _create(self) -> None:
        state, setup = self._state, self._state.setup
        state.config = updates.initial_config(state)
        self._audio.configure_vad()
        transcribing = state.is_beta and setup.kind is SessionKind.TRANSCRIPTION
        state.send("transcription_session.created" if transcribing else "session.created", session=dict(state.config))
        if state.behaviour.conversation_created and setup.kind is SessionKind.CONVERSATION:
            conversation = {"id": state.conversation_id, "object": "realtime.conversation"}
            state.send("conversation.created", conversation=conversation)
        mcp.list_tools(state, state.config.get("tools"))
        early, self._early_frames = self._early_frames or [], None
        for frame in early:
            self._handle_frame(frame)
        self._schedule_expiry()

    def _schedule_expiry(self) -> None:
        state = self._state
        self._expiry = state.schedule.call_at(
            max(state.now, state.started_at + state.behaviour.session_seconds), self._expire
        )

    def _expire(self) -> None:
        message = _EXPIRED.format(minutes=self._state.behaviour.stated_minutes)
        self._state.send_error(ServiceError(type="invalid_request_error", code="session_expired", message=message))
        self._state.close(1001, message)

    def _handle_frame(self, frame: str | bytes) -> None:
        state = self._state
        if state.closed:
            return
        state.client_event_id = None
        if isinstance(frame, bytes):
            state.reject("invalid_event", "Expected a text WebSocket message.")
            return
        try:
            event = _DECODE(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            state.reject("invalid_json", "The message could not be parsed as JSON.")
        else:
            self._handle_event(event)

    def _handle_event(self, event: object) -> None:
        state = self._state
        if not isinstance(event, dict):
            return state.reject("invalid_event", "The 'type' field is missing.")
        event_id = event.get("event_id")
        state.client_event_id = event_id if isinstance(event_id, str) else None
        if isinstance(event_id, str) and len(event_id) > _MAX_EVENT_ID:
            state.client_event_id = None
            message = f"Invalid 'event_id': string too long. Expected a string with maximum length {_MAX_EVENT_ID}."
            return state.reject("string_above_max_length", message, "event_id")
        if not isinstance(event.get("type"), str):
            return state.reject("invalid_event", "The 'type' field is missing.")
        handler = self._handlers.get(event["type"])
        if handler is None:
            return state.reject("invalid_value", self._unknown_type(event["type"]), "type")
        unknown = event.keys() - _fields_of(event["type"], state.setup.dialect)
        if unknown:
            name = next(name for name in event if name in unknown)[:200]
            return state.reject("unknown_parameter", f"Unknown parameter: '{name}'.", name)
        return handler(event)

    def _unknown_type(self, event_type: str) -> str:
        """The error message for an unknown type, which lists the accepted ones (recorded 2026-09-18)."""
        known = OBSERVED_ACCEPTED_TYPES if self._state.setup.dialect is Dialect.GA else tuple(self._handlers)
        return f"Invalid value: '{event_type[:100]}'. Supported values are: {quote_values(known)}."

    def _update(self, event: Mapping[str, Any]) -> None:
        before = self._state.config
        updates.update_session(self._state, event)
        if self._state.config is not before:
            self._configured = True
            self._audio.configure_vad()
            mcp.list_tools(self._state, self._state.config.get("tools"))
            self._schedule_storm()

    def _schedule_storm(self) -> None:
        rate = self._state.behaviour.errors_per_second
        if self._configured and rate > 0 and not self._storming:
            self._storming = True
            self._state.call_later(max(1 / rate, _MIN_STORM_SECONDS), self._storm)

    def _storm(self) -> None:
        """Send one harmless error and schedule the next."""
        self._storming = False
        if self._state.behaviour.errors_per_second > 0:
            self._state.reject("invalid_value", "Invalid value: this error is part of a storm.", "storm")
            self._schedule_storm()

    def _on_speech(self) -> None:
        if interrupts_response(self._state):
            self._responses.interrupt()
        self._idle_number += 1

    def _on_turn(self, item: ConversationItem, *, detected: bool) -> None:
        """Add a committed turn to the conversation and transcribe it. Respond if turn detection ended the turn."""
        state = self._state
        items.add_item(state, item)
        start_transcription(state, item)
        if detected and creates_response(state) and self._responses.active is None:
            state.client_event_id = None  # an error would not be about the append that ended the turn
            self._responses.start({})

    def _schedule_idle_timeout(self, playback_seconds: float) -> None:
        """Start `idle_timeout_ms` once the audio of a response was played. Speech or a new response restarts it."""
        idle_ms = self._idle_ms()
        if idle_ms and not self._audio.speaking:
            self._idle_number += 1
            number = self._idle_number
            self._state.call_later(playback_seconds + idle_ms / 1000, lambda: self._on_idle_timeout(number, idle_ms))

    def _idle_ms(self) -> int:
        """The configured `idle_timeout_ms`; 0 if there is none."""
        return int((updates.turn_detection(self._state) or {}).get("idle_timeout_ms") or 0)

    def _on_idle_timeout(self, number: int, idle_ms: int) -> None:
        busy = self._responses.active is not None or self._audio.speaking
        if number == self._idle_number and not busy and self._idle_ms():
            self._audio.commit_silence(idle_ms)


def _fields_of(event_type: str, dialect: Dialect) -> frozenset[str]:
    """The fields of a client event. Two that GA sessions accept are documented for translation sessions only."""
    known = CLIENT_EVENTS[dialect].get(event_type) or CLIENT_EVENTS[Dialect.TRANSLATION][event_type]
    return known.required | known.optional
