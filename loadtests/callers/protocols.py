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

from bridge.protocol.audio.pcm import ms_of
from bridge.protocol.events.peek import peek
from loadtests.callers.client_events import (
    Answered,
    Complaint,
    Dropped,
    Lost,
    Opened,
    Over,
    Ready,
    Signal,
    Sound,
    Stale,
    Trying,
    Words,
)
from loadtests.scenarios.behaviour import Behaviour, Door

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLIENT_PATH, NATIVE_PATH = "/api/openai/realtime", "/v1/realtime"
#: Base64 writes three bytes as four characters.
_BYTES_PER_CHARACTER = 0.75
_WORDS = frozenset(
    {
        "response.output_text.delta",
        "response.output_audio_transcript.delta",
        "response.text.delta",
        "response.audio_transcript.delta",
    }
)
_SOUND = frozenset({"response.output_audio.delta", "response.audio.delta"})

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


class Line(Protocol):
    """One socket's protocol."""

    @property
    def tells_of_attempts(self) -> bool:
        """Whether the bridge has words for each attempt to make a session."""
        ...

    def address(self, url: str, model: str) -> str:
        """Give the full address for a bridge named by any of its addresses."""
        ...

    def opening(self) -> tuple[str, ...]:
        """Give what asks for a session, once the socket lives."""
        ...

    def chunk(self, pcm: bytes) -> str | bytes:
        """Give the frame that carries speech: text, or binary where it is bytes."""
        ...

    def typed(self, text: str) -> tuple[str, ...]:
        """Give what types a turn and asks for the answer."""
        ...

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Give what cuts in."""
        ...

    def goodbye(self) -> tuple[str, ...]:
        """Give what ends the session in good order."""
        ...

    def read(self, frame: str | bytes) -> Signal | None:
        """Say what a frame means; None for what a caller passes over."""
        ...


def line_for(behaviour: Behaviour) -> Line:
    """Make the line of a new socket."""
    return ClientLine(behaviour) if behaviour.door is Door.CLIENT else NativeLine(behaviour)


def _addressed(url: str, path: str, query: Mapping[str, str]) -> str:
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    own = parts.path if parts.path.strip("/") else path
    return urlunsplit((scheme, parts.netloc, own, parts.query or urlencode(query), ""))


def _text(event: Mapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()


class ClientLine:
    """The client protocol: binary speech up, messages and native events down."""

    tells_of_attempts = True

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._generation = 0
        self._meanings: Mapping[str, Callable[[Mapping[str, Any]], Signal | None]] = {
            "connected": lambda _: Opened(),
            "session_ready": lambda _: Ready(),
            "reconnected": _ready_again,
            "session_initializing": lambda _: Trying(),
            "reconnecting": lambda said: Lost(_number(said.get("delayMs")) / 1000),
            "response.done": _answered,
            "error": _complaint,
            "audio_dropped": lambda said: Dropped(max(0.0, _number(said.get("ms")))),
            "session_closed": lambda said: Over(str(said.get("reason"))),
        }

    def address(self, url: str, model: str) -> str:  # noqa: ARG002 - its model is asked for later
        """Take the path as it is, or the protocol's own."""
        return _addressed(url, CLIENT_PATH, {})

    def opening(self) -> tuple[str, ...]:
        """Ask for the session."""
        wish: dict[str, Any] = {"type": "create_session"}
        if self._behaviour.binary_answers:
            wish["audioOut"] = "binary"
        return (_text(wish),)

    def chunk(self, pcm: bytes) -> bytes:
        """Carry speech."""
        return pcm

    def typed(self, text: str) -> tuple[str, ...]:
        """Type a turn."""
        return (_text({"type": "text", "text": text}),)

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Cut in."""
        return (_text({"type": "interrupt", "itemId": item_id, "playedMs": played_ms}),)

    def goodbye(self) -> tuple[str, ...]:
        """End the session."""
        return (_text({"type": "end_session"}),)

    def read(self, frame: str | bytes) -> Signal | None:
        """Say what it means."""
        if isinstance(frame, bytes):
            return Sound(ms_of(len(frame)), pcm=frame if self._behaviour.echo else b"")
        kind = peek(frame)
        if kind in _SOUND:
            return _sound(frame, whole=self._behaviour.echo)
        if kind in _WORDS:
            return Words()
        meaning = self._meanings.get(kind or "")
        if meaning is None:
            return None
        said = msgspec.json.decode(frame)
        stale = self._is_stale(said.get("generation"))
        if kind == "error":  # the throttle may hold one back until the session that it is about is over
            return _complaint(said, is_past=stale)
        return Stale() if stale else meaning(said)

    def _is_stale(self, generation: object) -> bool:
        """Generations only grow: a message of an earlier one should not have come."""
        if not isinstance(generation, int):
            return False
        stale = generation < self._generation
        self._generation = max(self._generation, generation)
        return stale


class NativeLine:
    """OpenAI's own protocol, as an SDK speaks it."""

    tells_of_attempts = False

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._was_ready = False
        self._meanings: Mapping[str, Callable[[Mapping[str, Any]], Signal | None]] = {
            "session.created": lambda _: Opened(),
            "session.updated": self._ready,
            "response.done": _answered,
            "error": self._complaint,
        }

    def address(self, url: str, model: str) -> str:
        """Take the path as it is, or the protocol's own."""
        return _addressed(url, NATIVE_PATH, {"model": model})

    def opening(self) -> tuple[str, ...]:
        """Ask for the session."""
        audio = {"input": {"turn_detection": {"type": "server_vad"}}}
        return (_text({"type": "session.update", "session": {"type": "realtime", "audio": audio}}),)

    def chunk(self, pcm: bytes) -> str:
        """Carry speech."""
        return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(pcm).decode()}"}}'

    def typed(self, text: str) -> tuple[str, ...]:
        """Type a turn."""
        words = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": words}
        return _text({"type": "conversation.item.create", "item": item}), _text({"type": "response.create"})

    def interrupt(self, item_id: str, played_ms: int) -> tuple[str, ...]:
        """Cut in."""
        cut = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": played_ms}
        return _text({"type": "response.cancel"}), _text(cut)

    def goodbye(self) -> tuple[str, ...]:
        """End the session."""
        return ()

    def read(self, frame: str | bytes) -> Signal | None:
        """Say what it means."""
        kind = peek(frame)
        if kind in _SOUND:
            return _sound(frame, whole=self._behaviour.echo)
        if kind in _WORDS:
            return Words()
        meaning = self._meanings.get(kind or "")
        return None if meaning is None else meaning(msgspec.json.decode(frame))

    def _ready(self, _: Mapping[str, Any]) -> Signal:
        again, self._was_ready = self._was_ready, True
        return Ready(again=again)

    def _complaint(self, said: Mapping[str, Any]) -> Signal:
        error = _object(said.get("error"))
        return Complaint(str(error.get("code") or error.get("type")), None)


def _sound(frame: str | bytes, *, whole: bool) -> Sound:
    """Read a delta; its audio only where it is wanted, for that takes more than all the rest."""
    delta = _read_delta(frame)
    pcm = b""
    if whole:
        with suppress(ValueError):
            pcm = base64.b64decode(delta.delta, validate=True)
    return Sound(ms_of(round(len(delta.delta) * _BYTES_PER_CHARACTER)), delta.item_id, pcm)


def _answered(said: Mapping[str, Any]) -> Signal:
    status = _object(said.get("response")).get("status")
    return Answered(failed=status == "failed", cancelled=status == "cancelled")


def _ready_again(said: Mapping[str, Any]) -> Signal:
    return Ready(again=True, resent_ms=max(0.0, _number(said.get("resentMs"))))


def _complaint(said: Mapping[str, Any], *, is_past: bool = False) -> Signal:
    code, detail = str(said.get("code")), _object(said.get("detail"))
    return Complaint(
        code,
        _unix(said.get("timestamp")),
        ends=code in _ENDS_SESSION and not (is_past or detail.get("outdated")),
        retryable=said.get("retryable") is not False,
        wait_seconds=_number(detail.get("retryAfterMs")) / 1000,
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
