"""The bridge's two protocols from the caller's side: frames to send, and events from received frames. Pure.

An `EndpointProtocol` belongs to one socket and keeps the state that decoding needs (the generation, whether a session
was ready before). There is one class for the client endpoint and one for the native endpoint.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from bridge.client_protocol.client import AudioReceived, MessageReceived, NativeEventReceived, ProtocolClient
from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH, websocket_url
from bridge.client_protocol.errors import ClientCode
from bridge.client_protocol.fields import parse_timestamp
from bridge.client_protocol.messages import (
    CreateSessionMessage,
    EndSessionMessage,
    InterruptMessage,
    TextMessage,
)
from bridge.client_protocol.native_errors import bridge_code
from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.events.groups import AUDIO_DELTAS, TEXT_DELTAS, TRANSCRIPT_DELTAS
from bridge.protocol.events.peek import peek
from loadtests.callers.charges import SESSION_EVENTS, TRANSCRIBED, ChargeReader
from loadtests.callers.client_events import (
    AnswerAudioEvent,
    AnswerDoneEvent,
    AnswerTextEvent,
    AttemptEvent,
    ClientEvent,
    DroppedEvent,
    EndedEvent,
    ErrorEvent,
    LostEvent,
    OpenedEvent,
    ReadyEvent,
    StaleEvent,
    TranscribedEvent,
)
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Base64 encodes 3 bytes as 4 characters.
_BYTES_PER_CHARACTER = 0.75
_WRITTEN_DELTAS = TEXT_DELTAS | TRANSCRIPT_DELTAS


class _Delta(msgspec.Struct, gc=False):
    delta: str
    item_id: str = ""


_read_delta = msgspec.json.Decoder(_Delta).decode


class EndpointProtocol(Protocol):
    """The protocol of one socket."""

    @property
    def reports_attempts(self) -> bool:
        """Whether the bridge reports each attempt to open a session."""
        ...

    def endpoint_url(self, url: str, model: str) -> str:
        """Return the endpoint's URL for a bridge URL, to which path and query are added."""
        ...

    def create_session(self) -> tuple[str, ...]:
        """Return the frames that request a session."""
        ...

    def encode_audio(self, pcm: bytes) -> str | bytes:
        """Return the frame that carries audio: text, or bytes for a binary frame."""
        ...

    def encode_text(self, text: str) -> tuple[str, ...]:
        """Return the frames of a text turn."""
        ...

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Return the frames that interrupt the answer."""
        ...

    def end_session(self) -> tuple[str, ...]:
        """Return the frames that end the session."""
        ...

    def decode(self, frame: str | bytes) -> ClientEvent | None:
        """Return the event of a frame; None for a frame that a caller ignores."""
        ...


def protocol_for(behaviour: CallerBehaviour) -> EndpointProtocol:
    """Make the protocol of a new socket."""
    return (
        ClientEndpointProtocol(behaviour)
        if behaviour.endpoint is TargetEndpoint.CLIENT
        else NativeEndpointProtocol(behaviour)
    )


def _text(event: Mapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()


class ClientEndpointProtocol:
    """The client protocol: binary audio up, messages and native events down."""

    reports_attempts = True

    def __init__(self, behaviour: CallerBehaviour) -> None:
        self._behaviour = behaviour
        self._client = ProtocolClient()
        self._charges = ChargeReader()

    def endpoint_url(self, url: str, model: str) -> str:  # noqa: ARG002 - `create_session` names the model
        """Return the URL of the client endpoint; a path in `url` takes precedence."""
        return websocket_url(url, CLIENT_PATH)

    def create_session(self) -> tuple[str, ...]:
        """Return the `create_session` frame, which also asks for binary audio if the behaviour wants it."""
        audio_out: Literal["binary"] | None = "binary" if self._behaviour.binary_audio_out else None
        return (self._client.send(CreateSessionMessage(audio_out=audio_out)),)

    def encode_audio(self, pcm: bytes) -> bytes:
        """Return the binary frame that carries PCM16 audio."""
        return self._client.send_audio(pcm)

    def encode_text(self, text: str) -> tuple[str, ...]:
        """Return the frame of a text turn."""
        return (self._client.send(TextMessage(text=text)),)

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Return the frame that interrupts the answer after `played_ms`."""
        return (self._client.send(InterruptMessage(item_id=item_id, played_ms=played_ms)),)

    def end_session(self) -> tuple[str, ...]:
        """Return the frame that ends the session."""
        return (self._client.send(EndSessionMessage()),)

    def decode(self, frame: str | bytes) -> ClientEvent | None:
        """Return the event of a frame; None for a frame that a caller ignores."""
        received = self._client.receive(frame)
        match received:
            case AudioReceived(pcm):
                return AnswerAudioEvent(bytes_to_ms(len(pcm)), pcm=pcm if self._behaviour.echo else b"")
            case NativeEventReceived(kind, text):
                return self._native_event(kind, text)
            case MessageReceived():
                if received.type == "session_ready":
                    self._charges.model_told(received.fields.get("model"))
                if received.type == "error":  # the bridge may hold one back until the session it is about is over
                    return _bridge_error(received)
                return StaleEvent() if received.stale else _message_event(received)
        return None

    def _native_event(self, kind: str, frame: str) -> ClientEvent | None:
        if kind in AUDIO_DELTAS:
            return _audio_event(frame, with_pcm=self._behaviour.echo)
        if kind in _WRITTEN_DELTAS:
            return AnswerTextEvent()
        if kind == "response.done":
            return _done_event(msgspec.json.decode(frame), self._charges)
        if kind == TRANSCRIBED:
            return _transcribed_event(msgspec.json.decode(frame), self._charges)
        if kind in SESSION_EVENTS:
            self._charges.session_told(msgspec.json.decode(frame))
        return None


def _message_event(message: MessageReceived) -> ClientEvent | None:
    match message.type:
        case "connected":
            return OpenedEvent()
        case "session_initializing":
            return AttemptEvent()
        case "session_ready":
            return ReadyEvent()
        case "reconnecting":
            return LostEvent(message.number("delayMs") / 1000)
        case "reconnected":
            return ReadyEvent(is_reconnect=True, resent_ms=message.number("resentMs"))
        case "audio_dropped":
            return DroppedEvent(message.number("ms"))
        case "session_closed":
            return EndedEvent(str(message.fields.get("reason")))
    return None


def _bridge_error(message: MessageReceived) -> ErrorEvent:
    retry_after_ms = message.detail.get("retryAfterMs")
    return ErrorEvent(
        str(message.fields.get("code")),
        parse_timestamp(message.fields.get("timestamp")),
        reason=_upstream_reason(message.detail),
        answers_messages=message.fields.get("code") != ClientCode.UPSTREAM_ERROR or message.number("suppressed") > 0,
        ends_session=message.ends_session,
        retryable=message.fields.get("retryable") is not False,
        retry_after_seconds=_number(retry_after_ms) / 1000,
    )


class NativeEndpointProtocol:
    """The native endpoint: the Realtime API's own protocol, as an SDK speaks it."""

    reports_attempts = False

    def __init__(self, behaviour: CallerBehaviour) -> None:
        self._behaviour = behaviour
        self._was_ready = False
        self._charges = ChargeReader()
        self._decoders: Mapping[str, Callable[[Mapping[str, Any]], ClientEvent | None]] = {
            "session.created": self._opened,
            "session.updated": self._ready,
            "response.done": lambda fields: _done_event(fields, self._charges),
            TRANSCRIBED: lambda fields: _transcribed_event(fields, self._charges),
            "error": self._error,
        }

    def endpoint_url(self, url: str, model: str) -> str:
        """Return the URL of the native endpoint with the model. A path in `url` takes precedence."""
        return websocket_url(url, NATIVE_PATH, {"model": model})

    def create_session(self) -> tuple[str, ...]:
        """Return the `session.update` frame that configures the session."""
        audio = {"input": {"turn_detection": {"type": "server_vad"}}}
        return (_text({"type": "session.update", "session": {"type": "realtime", "audio": audio}}),)

    def encode_audio(self, pcm: bytes) -> str:
        """Return the `input_audio_buffer.append` frame for PCM16 audio."""
        return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(pcm).decode()}"}}'

    def encode_text(self, text: str) -> tuple[str, ...]:
        """Return the frames that add a text turn and request a response."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        return _text({"type": "conversation.item.create", "item": item}), _text({"type": "response.create"})

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Return the frames that cancel the response and truncate the answer after `played_ms`."""
        truncate = {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": played_ms,
        }
        return _text({"type": "response.cancel"}), _text(truncate)

    def end_session(self) -> tuple[str, ...]:
        """Return no frames: at this endpoint, the close frame ends the session."""
        return ()

    def decode(self, frame: str | bytes) -> ClientEvent | None:
        """Return the event of a frame; None for a frame that a caller ignores."""
        kind = peek(frame)
        if kind in AUDIO_DELTAS:
            return _audio_event(frame, with_pcm=self._behaviour.echo)
        if kind in _WRITTEN_DELTAS:
            return AnswerTextEvent()
        decoder = self._decoders.get(kind or "")
        return None if decoder is None else decoder(msgspec.json.decode(frame))

    def _opened(self, fields: Mapping[str, Any]) -> ClientEvent:
        self._charges.session_told(fields)
        return OpenedEvent()

    def _ready(self, fields: Mapping[str, Any]) -> ClientEvent:
        self._charges.session_told(fields)
        is_reconnect, self._was_ready = self._was_ready, True
        return ReadyEvent(is_reconnect=is_reconnect)

    def _error(self, fields: Mapping[str, Any]) -> ClientEvent:
        error = _object(fields.get("error"))
        return ErrorEvent(str(bridge_code(error) or error.get("code") or error.get("type")), None)


def _audio_event(frame: str | bytes, *, with_pcm: bool) -> AnswerAudioEvent:
    """Decode a delta. Its audio is decoded only with `with_pcm`, since that costs more than everything else."""
    delta = _read_delta(frame)
    pcm = b""
    if with_pcm:
        with suppress(ValueError):
            pcm = base64.b64decode(delta.delta, validate=True)
    return AnswerAudioEvent(bytes_to_ms(round(len(delta.delta) * _BYTES_PER_CHARACTER)), delta.item_id, pcm)


def _transcribed_event(fields: Mapping[str, Any], charges: ChargeReader) -> ClientEvent | None:
    charge = charges.of_transcript(fields)
    return None if charge is None else TranscribedEvent(charge)


def _done_event(fields: Mapping[str, Any], charges: ChargeReader) -> ClientEvent:
    response = _object(fields.get("response"))
    status = response.get("status")
    error = _object(_object(response.get("status_details")).get("error"))
    reason = error.get("code") or error.get("type") or ""
    failed = status == "failed"
    return AnswerDoneEvent(
        failed=failed,
        reason=str(reason) if failed else "",
        cancelled=status == "cancelled",
        charge=charges.of_response(fields),
    )


def _upstream_reason(detail: Mapping[str, Any]) -> str:
    """Return the service's own name for what went wrong, from an error's `detail`; empty if it isn't there."""
    upstream = _object(detail.get("upstream"))
    for value in (upstream.get("code"), upstream.get("type"), detail.get("code")):
        if isinstance(value, str) and value:
            return value
    for name, word in (("status", "HTTP"), ("closeCode", "close code")):
        if isinstance(detail.get(name), int):
            return f"{word} {detail[name]}"
    return str(detail.get("reason") or "")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
