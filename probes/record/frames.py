"""Turns the frames of somebody else's connection into entries of a recording, without their content by default."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.recordings.capture import VIA_CLIENT, CaptureEntry
from bridge.protocol.recordings.filler import AUDIO_PLACEHOLDER
from probes.conversation.ordering import TEXT_RULE, EventOrder
from probes.recording.content import audio_ms, is_silent, keep_content, strip_content
from probes.voice.voice_client import BROKEN_JSON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from probes.runner.redaction import Secrets

#: Fields that hold audio in base64: of a client's events and items, and of a server's.
_AUDIO_FIELDS: Final = frozenset({"audio"})


@dataclass(slots=True, kw_only=True)
class FrameRecorder:
    """Makes the entries of one connection, in order. `at` of an entry is given by the caller."""

    secrets: Secrets
    """Removed from every entry, with or without content."""
    via: str
    """`service`, or `client` for a bridge's client endpoint."""
    show_content: bool = False
    _order: EventOrder = field(default_factory=lambda: EventOrder(Dialect.GA, SessionKind.CONVERSATION))

    def text(self, data: str | bytes, at: float, *, from_client: bool) -> CaptureEntry:
        """Return the entry of a text frame."""
        size = len(data.encode() if isinstance(data, str) else data)
        try:
            event = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):
            event = None
        if not isinstance(event, dict):
            why = BROKEN_JSON if str(data[:1]) in "{b'{'" else "text that isn't a JSON object"
            return CaptureEntry(
                at=at, who=self._who({}, from_client=from_client), event={}, frame_bytes=size, unreadable=why
            )
        pcm = b"".join(_audio_in(event))
        return CaptureEntry(
            at=at,
            who=self._who(event, from_client=from_client),
            event=self._redacted(event),
            frame_bytes=size,
            audio_ms=audio_ms(pcm),
            silent=bool(pcm) and is_silent(pcm),
            differs=not from_client and self._differs(event),
        )

    def binary(self, data: bytes, at: float, *, from_client: bool) -> CaptureEntry:
        """Return the entry of a binary frame: audio of the client protocol."""
        audio = base64.b64encode(data).decode() if self.show_content else AUDIO_PLACEHOLDER
        return CaptureEntry(
            at=at,
            who=self._who({}, from_client=from_client),
            event={"audio": audio},
            frame_bytes=len(data),
            audio_ms=audio_ms(data),
            silent=is_silent(data),
            binary=True,
        )

    def _who(self, event: Mapping[str, Any], *, from_client: bool) -> str:
        if from_client:
            return "client"
        kind = event.get("type")
        own = self.via == VIA_CLIENT and isinstance(kind, str) and "." not in kind
        return "bridge" if own else "server"

    def _redacted(self, event: Mapping[str, Any]) -> dict[str, Any]:
        if self.show_content:
            return keep_content(event, self.secrets)
        stripped = strip_content(event, self.secrets)
        return {**stripped, "delta": AUDIO_PLACEHOLDER} if _is_audio_delta(event) and event.get("delta") else stripped

    def _differs(self, event: Mapping[str, Any]) -> bool:
        if self.show_content or self._order.is_repeat(event):
            return False
        return any(rule == TEXT_RULE for rule, _ in self._order.feed(event))


def _is_audio_delta(event: Mapping[str, Any]) -> bool:
    return str(event.get("type")).endswith("audio.delta")


def _audio_in(event: Mapping[str, Any]) -> Iterator[bytes]:
    if _is_audio_delta(event):
        yield _decoded(event.get("delta"))
    yield from _nested_audio(event)


def _nested_audio(value: Any) -> Iterator[bytes]:
    """Yield the audio in an event, wherever an item holds it."""
    match value:
        case dict():
            for name, inner in value.items():
                if name in _AUDIO_FIELDS and isinstance(inner, str):
                    yield _decoded(inner)
                else:
                    yield from _nested_audio(inner)
        case list():
            for inner in value:
                yield from _nested_audio(inner)


def _decoded(audio: Any) -> bytes:
    try:
        return base64.b64decode(str(audio or ""), validate=True)
    except ValueError:
        return b""
