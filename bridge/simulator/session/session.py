"""One session as the service plays it, without I/O: frames and time in, events and a close out.

    outs = script.start(now)            # then again and again:
    outs = script.receive(frame, now)   # a frame has come
    outs = script.wake(now)             # `next_wake` has come

Deterministic: the same seed, frames and times give the same events, ids included. Whoever drives it (a socket, an
in-memory link, a property test) brings the clock.
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
from bridge.simulator.session import items, updates
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
#: Frames that may come before `session.created` (the official SDKs send right behind the 101): 20 s of speech.
_MAX_EARLY = 1_000
#: Nor more than one frame may hold: an append of 15 MiB of audio in base64, and some. What comes beyond is lost.
_MAX_EARLY_BYTES = MAX_MESSAGE_BYTES
#: An error storm is no denser than this, whatever rate was asked for: a wait of nothing would never end.
_STORM_SECONDS = 0.001
#: Actions done in one go. Who drives the script sends in between, so what is late cannot pile up without end.
_MAX_AT_ONCE = 1_000
_EXPIRED = "Your session hit the maximum duration of {minutes} minutes."
_DECODE = msgspec.json.Decoder().decode

EventHandler = Callable[[Mapping[str, Any]], None]


class SimulatedSession:
    """One session. `on_audio` is given every piece of audio that arrives, decoded to PCM16."""

    def __init__(
        self,
        opening: SessionSetup,
        *,
        behaviour: SessionBehaviour | None = None,
        seed: int = 0,
        now: float = 0.0,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> None:
        self._stage = stage = SessionState(opening, behaviour or SessionBehaviour(), seed, now)
        self._ready = False
        self._expiry: ScheduledCall | None = None
        self._storming = False
        self._early: list[str | bytes] | None = []
        self._early_bytes = 0
        self._audio = InputAudio(stage, on_speech=self._interrupt, on_turn=self._turn, on_audio=on_audio)
        self._responses = SessionResponses(stage, echo=lambda: self._audio.last_turn_audio, on_idle=self._watch_silence)
        self._idle_order = 0
        self._handlers = self._table(Translation(stage, on_audio))

    def _table(self, translation: Translation) -> Mapping[str, EventHandler]:
        """What each client event does, in this session's dialect and kind."""
        stage, audio = self._stage, self._audio
        if stage.setup.kind is SessionKind.TRANSLATION:
            return {"session.update": self._update, **translation.handlers()}
        handlers: dict[str, EventHandler] = {
            "session.update": self._update,
            "input_audio_buffer.append": audio.append,
            "input_audio_buffer.commit": audio.commit,
            "input_audio_buffer.clear": audio.clear,
            "conversation.item.create": lambda event: items.create(stage, event),
            "conversation.item.truncate": lambda event: items.truncate(stage, event),
            "conversation.item.delete": lambda event: items.delete(stage, event),
            "conversation.item.retrieve": lambda event: items.retrieve(stage, event),
            "response.create": self._responses.create,
            "response.cancel": self._responses.cancel,
        }
        if stage.is_beta:
            return {**handlers, "transcription_session.update": self._update}
        # Both stand in the list of accepted types that the live service gives; what they do there is not recorded.
        return {
            **handlers,
            "session.close": lambda _: stage.close(1000, ""),
            "session.input_audio_buffer.append": audio.append,
        }

    # What whoever drives the script calls.

    @property
    def session_id(self) -> str:
        """The session's id, for logs and support."""
        return self._stage.session_id

    def change_behaviour(self, change: Callable[[SessionBehaviour], SessionBehaviour]) -> None:
        """Change how the session behaves from now on; its age and a storm of errors count at once."""
        self._stage.behaviour = change(self._stage.behaviour)
        if self._expiry is not None:
            self._expiry.cancel()
            self._await_expiry()
        self._begin_storm()

    @property
    def next_wake(self) -> float | None:
        """When `wake` is wanted next; None when only a frame can move the session."""
        return None if self._stage.closed else self._stage.schedule.next_time

    def start(self, now: float) -> list[ServerOutput]:
        """Begin: usually with `session.created`, a few milliseconds after the 101 (recorded)."""
        stage, behaviour = self._stage, self._stage.behaviour
        stage.now = now
        if behaviour.refusal is not None:
            stage.send_error(behaviour.refusal)
        elif behaviour.create_seconds is not None:
            stage.call_later(behaviour.create_seconds, self._created)
        return self._taken()

    def receive(self, frame: str | bytes, now: float) -> list[ServerOutput]:
        """Take one frame of the client: text is an event, binary is refused (recorded)."""
        self._run_due(now)
        if self._early is None:
            self._take(frame)
        else:
            self._hold(self._early, frame)
        return self._taken()

    def _hold(self, early: list[str | bytes], frame: str | bytes) -> None:
        """Keep a frame until the session is created; once one was too much, none that follows is kept."""
        self._early_bytes += sys.getsizeof(frame)
        if len(early) < _MAX_EARLY and self._early_bytes <= _MAX_EARLY_BYTES and not self._stage.closed:
            early.append(frame)

    def wake(self, now: float) -> list[ServerOutput]:
        """Do what is due by now."""
        self._run_due(now)
        return self._taken()

    def _run_due(self, now: float) -> None:
        """Run due actions in order, each at the time it was due; very many are left to the next call."""
        stage = self._stage
        for _ in range(_MAX_AT_ONCE):
            due = None if stage.closed else stage.schedule.pop(now)
            if due is None:
                break
            stage.now, action = due
            stage.client_event_id = None
            action()
        stage.now = now

    def _taken(self) -> list[ServerOutput]:
        outs, self._stage.outputs = self._stage.outputs, []
        return outs

    # What happens inside.

    def _created(self) -> None:
        stage, opening = self._stage, self._stage.setup
        stage.config = updates.initial_config(stage)
        self._audio.configure_vad()
        transcribing = stage.is_beta and opening.kind is SessionKind.TRANSCRIPTION
        stage.send("transcription_session.created" if transcribing else "session.created", session=dict(stage.config))
        if stage.behaviour.conversation_created and opening.kind is SessionKind.CONVERSATION:
            conversation = {"id": stage.conversation_id, "object": "realtime.conversation"}
            stage.send("conversation.created", conversation=conversation)
        early, self._early = self._early or [], None
        for frame in early:
            self._take(frame)
        self._await_expiry()

    def _await_expiry(self) -> None:
        stage = self._stage
        self._expiry = stage.schedule.call_at(
            max(stage.now, stage.started_at + stage.behaviour.session_seconds), self._expire
        )

    def _expire(self) -> None:
        sentence = _EXPIRED.format(minutes=self._stage.behaviour.stated_minutes)
        self._stage.send_error(ServiceError(type="invalid_request_error", code="session_expired", message=sentence))
        self._stage.close(1001, sentence)

    def _take(self, frame: str | bytes) -> None:
        stage = self._stage
        if stage.closed:
            return
        stage.client_event_id = None
        if isinstance(frame, bytes):
            stage.reject("invalid_event", "Expected a text WebSocket message.")
            return
        try:
            event = _DECODE(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            stage.reject("invalid_json", "The message could not be parsed as JSON.")
        else:
            self._handle(event)

    def _handle(self, event: object) -> None:
        stage = self._stage
        if not isinstance(event, dict):
            return stage.reject("invalid_event", "The 'type' field is missing.")
        event_id = event.get("event_id")
        stage.client_event_id = event_id if isinstance(event_id, str) else None
        if isinstance(event_id, str) and len(event_id) > _MAX_EVENT_ID:
            stage.client_event_id = None
            message = f"Invalid 'event_id': string too long. Expected a string with maximum length {_MAX_EVENT_ID}."
            return stage.reject("string_above_max_length", message, "event_id")
        if not isinstance(event.get("type"), str):
            return stage.reject("invalid_event", "The 'type' field is missing.")
        handler = self._handlers.get(event["type"])
        if handler is None:
            return stage.reject("invalid_value", self._unknown(event["type"]), "type")
        unknown = event.keys() - _fields_of(event["type"], stage.setup.dialect)
        if unknown:
            name = next(name for name in event if name in unknown)[:200]
            return stage.reject("unknown_parameter", f"Unknown parameter: '{name}'.", name)
        return handler(event)

    def _unknown(self, event_type: str) -> str:
        """The live message lists every accepted type (recorded 2026-09-18)."""
        known = OBSERVED_ACCEPTED_TYPES if self._stage.setup.dialect is Dialect.GA else tuple(self._handlers)
        return f"Invalid value: '{event_type[:100]}'. Supported values are: {quote_values(known)}."

    def _update(self, event: Mapping[str, Any]) -> None:
        before = self._stage.config
        updates.update_session(self._stage, event)
        if self._stage.config is not before:
            self._ready = True
            self._audio.configure_vad()
            self._begin_storm()

    def _begin_storm(self) -> None:
        rate = self._stage.behaviour.errors_per_second
        if self._ready and rate > 0 and not self._storming:
            self._storming = True
            self._stage.call_later(max(1 / rate, _STORM_SECONDS), self._storm)

    def _storm(self) -> None:
        """Send a harmless error, again and again."""
        self._storming = False
        if self._stage.behaviour.errors_per_second > 0:
            self._stage.reject("invalid_value", "Invalid value: this error is part of a storm.", "storm")
            self._begin_storm()

    def _interrupt(self) -> None:
        if interrupts_response(self._stage):
            self._responses.interrupt()
        self._idle_order += 1

    def _turn(self, item: ConversationItem, *, detected: bool) -> None:
        """Announce a committed turn, transcribe it, and answer it where turn detection ended it and answers."""
        stage = self._stage
        items.add_item(stage, item)
        start_transcription(stage, item)
        if detected and creates_response(stage) and self._responses.active is None:
            self._responses.start({})

    def _watch_silence(self) -> None:
        """Count `idle_timeout_ms` from the end of the answer; speech or a new answer ends the count."""
        idle_ms = self._idle_ms()
        if idle_ms and not self._audio.speaking:
            self._idle_order += 1
            order = self._idle_order
            self._stage.call_later(idle_ms / 1000, lambda: self._idle(order, idle_ms))

    def _idle_ms(self) -> int:
        """The configured `idle_timeout_ms`; 0 for none."""
        return int((updates.turn_detection(self._stage) or {}).get("idle_timeout_ms") or 0)

    def _idle(self, order: int, idle_ms: int) -> None:
        busy = self._responses.active is not None or self._audio.speaking
        if order == self._idle_order and not busy and self._idle_ms():
            self._audio.commit_silence(idle_ms)


def _fields_of(event_type: str, dialect: Dialect) -> frozenset[str]:
    """The fields of a client event; two that GA sockets accept are described for translations only."""
    known = CLIENT_EVENTS[dialect].get(event_type) or CLIENT_EVENTS[Dialect.TRANSLATION][event_type]
    return known.required | known.optional
