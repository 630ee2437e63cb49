"""One session of the simulated service. Sans-I/O: frames and times in, server events and a close out.

    outputs = session.start(now)            # once, right after the 101; then repeatedly:
    outputs = session.receive(event, now)   # when the client has sent an event; `receive_binary` for a binary message
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

from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.simulator.errors.service_errors import ServiceError
from bridge.simulator.session import items, mcp, updates
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.client_events import (
    MAX_EVENT_ID,
    decode_usual_append,
    unknown_field,
    unknown_type_message,
)
from bridge.simulator.session.input_audio import InputAudio, creates_response, interrupts_response
from bridge.simulator.session.responses import SessionResponses
from bridge.simulator.session.state import ServerClose, ServerEvent, ServerOutput, SessionSetup, SessionState
from bridge.simulator.session.transcripts import start_transcription
from bridge.simulator.session.translation import Translation

if TYPE_CHECKING:
    from bridge.simulator.session.conversation import ConversationItem
    from bridge.simulator.session.schedule import ScheduledCall

__all__ = ["ServerClose", "ServerEvent", "ServerOutput", "SessionSetup", "SimulatedSession"]

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

EventHandler = Callable[["SimulatedSession", Mapping[str, Any]], None]


class SimulatedSession:
    """One session, from the 101 to the close."""

    __slots__ = (
        "_audio", "_configured", "_early_frames", "_early_size", "_expiry", "_handlers",
        "_idle_number", "_responses", "_state", "_storming", "_takes_appends",
    )  # fmt: skip

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
        self._early_frames: list[str | bytes | None] | None = []
        """What came before `session.created`; None for a binary message."""
        self._early_size = 0
        self._audio = InputAudio(state, on_speech=self._on_speech, on_turn=self._on_turn, on_audio=on_audio)
        self._responses = SessionResponses(
            state, echo=lambda: self._audio.last_turn_audio, on_idle=self._schedule_idle_timeout
        )
        self._idle_number = 0
        self._handlers = self._handlers_for(on_audio)
        self._takes_appends = "input_audio_buffer.append" in self._handlers

    def _handlers_for(self, on_audio: Callable[[bytes], None] | None) -> Mapping[str, EventHandler]:
        """Return the handler of each client event in this session's dialect and kind."""
        setup = self._state.setup
        if setup.kind is not SessionKind.TRANSLATION:
            return _BETA_HANDLERS if self._state.is_beta else _GA_HANDLERS
        return {"session.update": SimulatedSession.update, **Translation(self._state, on_audio).handlers()}

    @staticmethod
    def conversation_handlers() -> Mapping[str, EventHandler]:
        """Return the handlers that both dialects have, for all sessions but those that translate."""
        return {
            "session.update": SimulatedSession.update,
            "input_audio_buffer.append": lambda self, event: self._audio.append(event),
            "input_audio_buffer.commit": lambda self, event: self._audio.commit(event),
            "input_audio_buffer.clear": lambda self, event: self._audio.clear(event),
            "conversation.item.create": lambda self, event: items.create(self._state, event),
            "conversation.item.truncate": lambda self, event: items.truncate(self._state, event),
            "conversation.item.delete": lambda self, event: items.delete(self._state, event),
            "conversation.item.retrieve": lambda self, event: items.retrieve(self._state, event),
            "response.create": lambda self, event: self._responses.create(event),
            "response.cancel": lambda self, event: self._responses.cancel(event),
        }

    def close(self) -> None:
        """Handle `session.close`."""
        self._state.close(1000, "")

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

    def receive(self, event: str | bytes, now: float) -> list[ServerOutput]:
        """Handle a client event: a text message, as it came (in UTF-8) or decoded."""
        self._run_due(now)
        if self._early_frames is not None:
            self._keep_early(self._early_frames, event, sys.getsizeof(event))
        elif not self._append(event):
            self._handle_frame(event)
        return self._take_outputs()

    def receive_binary(self, message: bytes, now: float) -> list[ServerOutput]:
        """Handle a binary message: it is answered with an error (recorded)."""
        self._run_due(now)
        if self._early_frames is None:
            self._handle_frame(None)
        else:
            self._keep_early(self._early_frames, None, sys.getsizeof(message))
        return self._take_outputs()

    def _keep_early(self, early: list[str | bytes | None], frame: str | bytes | None, size: int) -> None:
        """Keep a frame until the session is created. After the first frame beyond the limits, no more are kept."""
        self._early_size += size
        if len(early) < _MAX_EARLY_FRAMES and self._early_size <= _MAX_EARLY_BYTES and not self._state.closed:
            early.append(frame)

    def wake(self, now: float) -> list[ServerOutput]:
        """Do everything that is due by now."""
        self._run_due(now)
        return self._take_outputs()

    def _run_due(self, now: float) -> None:
        """Run the calls that are due, in order, each at the time at which it was due."""
        state = self._state
        due_at = state.schedule.next_time
        if due_at is not None and due_at <= now:
            self._run_calls(now)
        state.now = now

    def _run_calls(self, now: float) -> None:
        state = self._state
        for _ in range(_MAX_CALLS_AT_ONCE):
            due = None if state.closed else state.schedule.pop(now)
            if due is None:
                break
            state.now, callback = due
            state.client_event_id = None
            callback()

    def _take_outputs(self) -> list[ServerOutput]:
        outputs = self._state.outputs
        if not outputs:
            return []
        self._state.outputs = []
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

    def _handle_frame(self, frame: str | bytes | None) -> None:
        state = self._state
        if state.closed:
            return
        state.client_event_id = None
        if frame is None:
            state.reject("invalid_event", "Expected a text WebSocket message.")
            return
        try:
            event = _DECODE(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            state.reject("invalid_json", "The message could not be parsed as JSON.")
        else:
            self._handle_event(event)

    def _append(self, event: str | bytes) -> bool:
        """Handle an append as `_handle_frame` does, in less time. False, and nothing is done, if it is not a usual one.

        Appends are nearly all that clients send.
        """
        append = decode_usual_append(event)
        if append is None or self._state.closed or not self._takes_appends:
            return False
        self._state.client_event_id = append.event_id
        self._audio.append_decoded(append.audio)
        return True

    def _handle_event(self, event: object) -> None:
        state = self._state
        if not isinstance(event, dict):
            return state.reject("invalid_event", "The 'type' field is missing.")
        event_id = event.get("event_id")
        state.client_event_id = event_id if isinstance(event_id, str) else None
        if isinstance(event_id, str) and len(event_id) > MAX_EVENT_ID:
            state.client_event_id = None
            message = f"Invalid 'event_id': string too long. Expected a string with maximum length {MAX_EVENT_ID}."
            return state.reject("string_above_max_length", message, "event_id")
        if not isinstance(event.get("type"), str):
            return state.reject("invalid_event", "The 'type' field is missing.")
        handler = self._handlers.get(event["type"])
        if handler is None:
            message = unknown_type_message(event["type"], state.setup.dialect, self._handlers)
            return state.reject("invalid_value", message, "type")
        name = unknown_field(event, state.setup.dialect)
        if name is not None:
            return state.reject("unknown_parameter", f"Unknown parameter: '{name}'.", name)
        return handler(self, event)

    def update(self, event: Mapping[str, Any]) -> None:
        """Handle `session.update`."""
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


_BETA_HANDLERS: Mapping[str, EventHandler] = {
    **SimulatedSession.conversation_handlers(),
    "transcription_session.update": SimulatedSession.update,
}
#: The live service lists the last two types as accepted; what they do there has not been recorded.
_GA_HANDLERS: Mapping[str, EventHandler] = {
    **SimulatedSession.conversation_handlers(),
    "session.close": lambda session, _: session.close(),
    "session.input_audio_buffer.append": _BETA_HANDLERS["input_audio_buffer.append"],
}
