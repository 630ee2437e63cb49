"""The two protocols of a bridge as a caller needs them: frames to send, and what the frames that come mean. No sockets.

A `Line` belongs to one socket and remembers what it must to read the next frame (the generation, whether a session was
ready before). The client protocol and OpenAI's own are one class each.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.events.groups import AUDIO_DELTAS, TEXT_DELTAS, TRANSCRIPT_DELTAS
from bridge.protocol.events.peek import peek
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
)
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLIENT_PATH, NATIVE_PATH = "/api/openai/realtime", "/v1/realtime"
#: Base64 writes three bytes as four characters.
_BYTES_PER_CHARACTER = 0.75
_WRITTEN_DELTAS = TEXT_DELTAS | TRANSCRIPT_DELTAS

#: Client protocol, "Errors": the session is over, the socket stays open, and `create_session` is a fresh try.
_ENDS_SESSION = frozenset(
    {
        "SESSION_INITIALIZATION_FAILED",
        "CONNECTION_LOST",
        "SESSION_EXPIRED",
        "AUTHENTICATION_FAILED",
        "ACCESS_DENIED",
        "MODEL_NOT_AVAILABLE",
        "DIALECT_REFUSED",
        "QUOTA_EXHAUSTED",
    }
)


class _Delta(msgspec.Struct, gc=False):
    delta: str
    item_id: str = ""


_read_delta = msgspec.json.Decoder(_Delta).decode


class EndpointProtocol(Protocol):
    """One socket's protocol."""

    @property
    def reports_attempts(self) -> bool:
        """Whether the bridge has words for each attempt to make a session."""
        ...

    def endpoint_url(self, url: str, model: str) -> str:
        """Give the full address for a bridge named by any of its addresses."""
        ...

    def create_session(self) -> tuple[str, ...]:
        """Give what asks for a session, once the socket lives."""
        ...

    def encode_audio(self, pcm: bytes) -> str | bytes:
        """Give the frame that carries speech: text, or binary where it is bytes."""
        ...

    def encode_text(self, text: str) -> tuple[str, ...]:
        """Give what types a turn and asks for the answer."""
        ...

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Give what cuts in."""
        ...

    def end_session(self) -> tuple[str, ...]:
        """Give what ends the session in good order."""
        ...

    def decode(self, frame: str | bytes) -> ClientEvent | None:
        """Say what a frame means; None for what a caller passes over."""
        ...


def protocol_for(behaviour: CallerBehaviour) -> EndpointProtocol:
    """Make the line of a new socket."""
    return (
        ClientEndpointProtocol(behaviour)
        if behaviour.endpoint is TargetEndpoint.CLIENT
        else NativeEndpointProtocol(behaviour)
    )


def _addressed(url: str, path: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    own = parts.path if parts.path.strip("/") else path
    return urlunsplit((scheme, parts.netloc, own, parts.query or urlencode(query), ""))


def _text(event: Mapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()


class ClientEndpointProtocol:
    """The client protocol: binary speech up, messages and native events down."""

    reports_attempts = True

    def __init__(self, behaviour: CallerBehaviour) -> None:
        self._behaviour = behaviour
        self._generation = 0
        self._meanings: Mapping[str, Callable[[Mapping[str, Any]], ClientEvent | None]] = {
            "connected": lambda _: OpenedEvent(),
            "session_ready": lambda _: ReadyEvent(),
            "reconnected": _ready_again,
            "session_initializing": lambda _: AttemptEvent(),
            "reconnecting": lambda said: LostEvent(_number(said.get("delayMs")) / 1000),
            "response.done": _answered,
            "error": _complaint,
            "audio_dropped": lambda said: DroppedEvent(max(0.0, _number(said.get("ms")))),
            "session_closed": lambda said: EndedEvent(str(said.get("reason"))),
        }

    def endpoint_url(self, url: str, model: str) -> str:  # noqa: ARG002 - its model is asked for later
        """Take the path as it is, or the protocol's own."""
        return _addressed(url, CLIENT_PATH, {})

    def create_session(self) -> tuple[str, ...]:
        """Ask for the session."""
        wish: dict[str, Any] = {"type": "create_session"}
        if self._behaviour.binary_audio_out:
            wish["audioOut"] = "binary"
        return (_text(wish),)

    def encode_audio(self, pcm: bytes) -> bytes:
        """Carry speech."""
        return pcm

    def encode_text(self, text: str) -> tuple[str, ...]:
        """Type a turn."""
        return (_text({"type": "text", "text": text}),)

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Cut in."""
        return (_text({"type": "interrupt", "itemId": item_id, "playedMs": played_ms}),)

    def end_session(self) -> tuple[str, ...]:
        """End the session."""
        return (_text({"type": "end_session"}),)

    def decode(self, frame: str | bytes) -> ClientEvent | None:
        """Say what it means."""
        if isinstance(frame, bytes):
            return AnswerAudioEvent(bytes_to_ms(len(frame)), pcm=frame if self._behaviour.echo else b"")
        kind = peek(frame)
        if kind in AUDIO_DELTAS:
            return _sound(frame, whole=self._behaviour.echo)
        if kind in _WRITTEN_DELTAS:
            return AnswerTextEvent()
        meaning = self._meanings.get(kind or "")
        if meaning is None:
            return None
        said = msgspec.json.decode(frame)
        stale = self._is_stale(said.get("generation"))
        if kind == "error":  # the throttle may hold one back until the session that it is about is over
            return _complaint(said, is_past=stale)
        return StaleEvent() if stale else meaning(said)

    def _is_stale(self, generation: object) -> bool:
        """Generations only grow: a message of an earlier one should not have come."""
        if not isinstance(generation, int):
            return False
        stale = generation < self._generation
        self._generation = max(self._generation, generation)
        return stale


class NativeEndpointProtocol:
    """OpenAI's own protocol, as an SDK speaks it."""

    reports_attempts = False

    def __init__(self, behaviour: CallerBehaviour) -> None:
        self._behaviour = behaviour
        self._was_ready = False
        self._meanings: Mapping[str, Callable[[Mapping[str, Any]], ClientEvent | None]] = {
            "session.created": lambda _: OpenedEvent(),
            "session.updated": self._ready,
            "response.done": _answered,
            "error": self._complaint,
        }

    def endpoint_url(self, url: str, model: str) -> str:
        """Take the path as it is, or the protocol's own."""
        return _addressed(url, NATIVE_PATH, {"model": model})

    def create_session(self) -> tuple[str, ...]:
        """Ask for the session."""
        audio = {"input": {"turn_detection": {"type": "server_vad"}}}
        return (_text({"type": "session.update", "session": {"type": "realtime", "audio": audio}}),)

    def encode_audio(self, pcm: bytes) -> str:
        """Carry speech."""
        return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(pcm).decode()}"}}'

    def encode_text(self, text: str) -> tuple[str, ...]:
        """Type a turn."""
        words = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": words}
        return _text({"type": "conversation.item.create", "item": item}), _text({"type": "response.create"})

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Cut in."""
        cut = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": played_ms}
        return _text({"type": "response.cancel"}), _text(cut)

    def end_session(self) -> tuple[str, ...]:
        """End the session."""
        return ()

    def decode(self, frame: str | bytes) -> ClientEvent | None:
        """Say what it means."""
        kind = peek(frame)
        if kind in AUDIO_DELTAS:
            return _sound(frame, whole=self._behaviour.echo)
        if kind in _WRITTEN_DELTAS:
            return AnswerTextEvent()
        meaning = self._meanings.get(kind or "")
        return None if meaning is None else meaning(msgspec.json.decode(frame))

    def _ready(self, _: Mapping[str, Any]) -> ClientEvent:
        again, self._was_ready = self._was_ready, True
        return ReadyEvent(is_reconnect=again)

    def _complaint(self, said: Mapping[str, Any]) -> ClientEvent:
        error = _object(said.get("error"))
        return ErrorEvent(str(error.get("code") or error.get("type")), None)


def _sound(frame: str | bytes, *, whole: bool) -> AnswerAudioEvent:
    """Read a delta; its audio only where it is wanted, for that takes more than all the rest."""
    delta = _read_delta(frame)
    pcm = b""
    if whole:
        with suppress(ValueError):
            pcm = base64.b64decode(delta.delta, validate=True)
    return AnswerAudioEvent(bytes_to_ms(round(len(delta.delta) * _BYTES_PER_CHARACTER)), delta.item_id, pcm)


def _answered(said: Mapping[str, Any]) -> ClientEvent:
    status = _object(said.get("response")).get("status")
    return AnswerDoneEvent(failed=status == "failed", cancelled=status == "cancelled")


def _ready_again(said: Mapping[str, Any]) -> ClientEvent:
    return ReadyEvent(is_reconnect=True, resent_ms=max(0.0, _number(said.get("resentMs"))))


def _complaint(said: Mapping[str, Any], *, is_past: bool = False) -> ClientEvent:
    code, detail = str(said.get("code")), _object(said.get("detail"))
    return ErrorEvent(
        code,
        _unix(said.get("timestamp")),
        ends_session=code in _ENDS_SESSION and not (is_past or detail.get("outdated")),
        retryable=said.get("retryable") is not False,
        retry_after_seconds=_number(detail.get("retryAfterMs")) / 1000,
    )


def _unix(stamp: object) -> float | None:
    try:
        return datetime.fromisoformat(str(stamp)).timestamp()
    except ValueError:
        return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
