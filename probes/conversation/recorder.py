"""Recording a live session: every frame becomes a capture entry, without its content unless that is requested."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from probes.conversation.ordering import TEXT_RULE, EventOrder
from probes.recording.capture import CaptureEntry
from probes.recording.content import AUDIO_PLACEHOLDER, audio_ms, is_silent, keep_content, strip_content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from probes.conversation.facts import SessionFacts
    from probes.runner.redaction import Secrets
    from probes.voice.voice_client import ReceivedFrame

#: Limit of a recording: a script lasts minutes, at 20 events a second.
MAX_ENTRIES = 20_000
#: The same in bytes of frames: a little more than ten minutes of audio in base64.
MAX_BYTES = 64 * 2**20
#: `who` of marker entries.
_PROBE = "probe"


class RecorderFull(Exception):  # noqa: N818 - what happened, not a mistake
    """The recording reached its limit of entries or bytes."""


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Records every frame and keeps the facts up to date. With `show_content`, texts and audio stay in the entries."""

    facts: SessionFacts
    secrets: Secrets
    """Removed from every entry, with or without content."""
    show_content: bool = False
    on_entry: Callable[[CaptureEntry], None] = lambda _: None
    entries: list[CaptureEntry] = field(default_factory=list)
    started_at: float = field(default_factory=trio.current_time)
    """On trio's clock; the `at` of entries counts from here."""
    progress_at: float = field(default_factory=trio.current_time)
    """When the other side last made progress, on trio's clock."""
    _bytes: int = 0
    _order: EventOrder = field(init=False)

    def __post_init__(self) -> None:
        self._order = EventOrder(self.facts.requested_dialect, self.facts.kind)

    def record_received(self, frame: ReceivedFrame) -> None:
        """Record a received frame. Raises RecorderFull past the limits."""
        pcm = _audio_of(frame)
        unreadable = frame.unreadable or ("audio that isn't base64" if pcm is None else "")
        event = self._redacted(frame.event, has_audio=bool(pcm))
        entry = CaptureEntry(
            at=frame.at - self.started_at,
            who="server" if frame.native else "bridge",
            event={} if frame.unreadable else event,
            frame_bytes=frame.frame_bytes,
            audio_ms=audio_ms(pcm or b""),
            silent=bool(pcm) and is_silent(pcm or b""),
            unreadable=unreadable,
            differs=not unreadable and frame.native and self._differs(frame.event),
        )
        if self._add(entry):
            self.progress_at = frame.at

    def record_sent(self, event: Mapping[str, Any], detail: str) -> None:
        """Record a sent event; `detail` describes it without its content. Raises RecorderFull past the limits."""
        pcm = _decoded(event.get("audio")) or b""
        redacted = self._redacted(event, has_audio=bool(pcm))
        self._add(CaptureEntry(at=self.now(), who="client", event=redacted, audio_ms=audio_ms(pcm), detail=detail))

    def record_marker(self, name: str) -> None:
        """Record a marker, such as the end of the user's turn. Raises RecorderFull past the limits."""
        self._add(CaptureEntry(at=self.now(), who=_PROBE, event={"type": name}))

    def _add(self, entry: CaptureEntry) -> bool:
        """Add an entry and return whether it is progress of the other side."""
        self._bytes += entry.frame_bytes
        if len(self.entries) >= MAX_ENTRIES or self._bytes > MAX_BYTES:
            raise RecorderFull
        self.entries.append(entry)
        progress = self.facts.feed(entry)
        self.on_entry(entry)
        return progress

    def _redacted(self, event: Mapping[str, Any], *, has_audio: bool) -> dict[str, Any]:
        if self.show_content:
            return keep_content(event, self.secrets)
        stripped = strip_content(event, self.secrets)
        return {**stripped, "delta": AUDIO_PLACEHOLDER} if has_audio and "delta" in stripped else stripped

    def _differs(self, event: Mapping[str, Any]) -> bool:
        """Whether a final text differs from its deltas, which is only visible before the content is removed."""
        if self.show_content or self._order.is_repeat(event):
            return False
        return any(rule == TEXT_RULE for rule, _ in self._order.feed(event))

    def now(self) -> float:
        """Return the seconds since the recording began."""
        return trio.current_time() - self.started_at


def _audio_of(frame: ReceivedFrame) -> bytes | None:
    """Return the audio of a frame, empty if it has none; None if it can't be decoded."""
    event = frame.event
    if not frame.native or not str(event.get("type")).endswith("audio.delta"):
        return b""
    return _decoded(event.get("delta"))


def _decoded(audio: object) -> bytes | None:
    try:
        return base64.b64decode(str(audio or ""), validate=True)
    except binascii.Error:
        return None
