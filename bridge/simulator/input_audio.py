"""The input audio buffer: append, clear, commit, and server-side turn detection.

Audio is measured and forgotten: the buffer knows how much it holds, not what, except for a session that echoes.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio import BYTES_PER_MS
from bridge.protocol.dialects import Kind
from bridge.protocol.g711 import alaw_to_pcm24k, ulaw_to_pcm24k
from bridge.simulator import updates
from bridge.simulator.conversation import Item
from bridge.simulator.vad import EnergyVad, SpeechStarted, SpeechStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.stage import Stage

#: What one append may carry (OpenAPI).
MAX_APPEND_BYTES = 15 * 1024 * 1024
#: A commit of less than this is refused (reports; the message names both figures).
MIN_COMMIT_MS = 100.0
#: How long a pause ends a turn under `semantic_vad`: a stand-in for the meaning that the simulator does not hear.
_EAGERNESS_MS = {"low": 1000, "medium": 600, "high": 300, "auto": 600}

_DECODERS = {"g711_ulaw": ulaw_to_pcm24k, "g711_alaw": alaw_to_pcm24k}


class InputAudio:
    """One session's input buffer. `on_turn` is called with the item of each committed turn."""

    def __init__(
        self,
        stage: Stage,
        *,
        on_speech: Callable[[], None],
        on_turn: Callable[[Item], None],
        on_audio: Callable[[bytes], None] | None = None,
    ) -> None:
        self._stage = stage
        self._on_speech, self._on_turn, self._on_audio = on_speech, on_turn, on_audio
        self._vad: EnergyVad | None = None
        self._vad_settings: Mapping[str, Any] | None = None
        self._detecting: Mapping[str, Any] | None = None
        self._total_ms = 0.0
        self._pending_ms = 0.0
        self._speaking_item: str | None = None
        self._kept: list[bytes] = []
        self.last_turn: bytes = b""
        """The audio of the last committed turn; kept only by a session that echoes."""

    def append(self, event: Mapping[str, Any]) -> None:
        """Take `input_audio_buffer.append`. There is no acknowledgement, ever (OpenAPI)."""
        pcm = self._decoded(event)
        if pcm is None:
            return
        if self._on_audio is not None:
            self._on_audio(pcm)
        ms = len(pcm) / BYTES_PER_MS
        self._total_ms += ms
        self._pending_ms += ms
        if self._stage.behaviour.reply == "echo":
            self._kept.append(pcm)
        vad = self._turn_detector()
        if vad is not None:
            for mark in vad.feed(pcm):
                self._heard(mark)

    def _decoded(self, event: Mapping[str, Any]) -> bytes | None:
        audio = event.get("audio")
        stage = self._stage
        if audio is None:
            stage.fail("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
            return None
        try:
            raw = binascii.a2b_base64(audio, strict_mode=True)
        except (binascii.Error, TypeError, ValueError):
            message = "Invalid 'audio'. Expected base64-encoded audio bytes, but got an invalid value."
            stage.fail("invalid_value", message, "audio")
            return None
        if len(raw) > MAX_APPEND_BYTES:
            message = f"Invalid 'audio': at most {MAX_APPEND_BYTES} bytes of audio in one append, got {len(raw)}."
            stage.fail("string_above_max_length", message, "audio")
            return None
        decoder = _DECODERS.get(updates.input_encoding(stage))
        if decoder is not None:
            return decoder(raw)
        if len(raw) % 2:
            stage.fail(
                "invalid_value", "Invalid 'audio'. PCM16 has two bytes a sample; this has an odd number.", "audio"
            )
            return None
        return raw

    def _turn_detector(self) -> EnergyVad | None:
        """Give the detector for the settings as they are now."""
        config = self._stage.config
        if config is not self._vad_settings:
            self._vad_settings = config
            wanted = updates.turn_detection(self._stage)
            if wanted != self._detecting:
                self._detecting = wanted
                self._vad = None if wanted is None else _detector(wanted, self._total_ms - self._pending_ms)
        return self._vad

    def _heard(self, mark: SpeechStarted | SpeechStopped) -> None:
        stage = self._stage
        match mark:
            case SpeechStarted(audio_start_ms):
                self._speaking_item = stage.new_id("item")
                stage.send(
                    "input_audio_buffer.speech_started",
                    audio_start_ms=audio_start_ms,
                    item_id=self._speaking_item,
                )
                self._on_speech()
            case SpeechStopped(audio_end_ms):
                item_id = self._speaking_item or stage.new_id("item")
                stage.send("input_audio_buffer.speech_stopped", audio_end_ms=audio_end_ms, item_id=item_id)
                self._commit(item_id)

    def commit(self, _event: Mapping[str, Any]) -> None:
        """Take `input_audio_buffer.commit`: refused under 100 ms, the session goes on."""
        if self._pending_ms < MIN_COMMIT_MS:
            held = f"{self._pending_ms:.2f}"
            message = (
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS:.0f}ms of audio, but buffer only has {held}ms of audio."
            )
            self._stage.fail("input_audio_buffer_commit_empty", message)
            return
        self._commit(self._speaking_item or self._stage.new_id("item"))

    def commit_silence(self, idle_ms: int) -> None:
        """Commit what an idle time-out commits: the silence since the last answer, as a turn of its own."""
        item_id, end = self._stage.new_id("item"), round(self._total_ms)
        self._stage.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=max(0, end - idle_ms),
            audio_end_ms=end,
            item_id=item_id,
        )
        self._commit(item_id)

    def _commit(self, item_id: str) -> None:
        stage = self._stage
        item = Item(id=item_id, role="user", audio_ms=self._pending_ms)
        item.content.append({"type": "input_audio", "transcript": None})
        self._pending_ms, self._speaking_item = 0.0, None
        self.last_turn, self._kept = b"".join(self._kept), []
        previous = stage.conversation.last
        previous_id = previous.id if previous else None
        stage.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous_id)
        self._on_turn(item)

    def clear(self, _event: Mapping[str, Any]) -> None:
        """Take `input_audio_buffer.clear`."""
        self._pending_ms, self._speaking_item, self._kept = 0.0, None, []
        self._vad = None if self._detecting is None else _detector(self._detecting, self._total_ms)
        self._stage.send("input_audio_buffer.cleared")

    @property
    def speaking(self) -> bool:
        """Whether the user is speaking as far as turn detection knows."""
        return self._speaking_item is not None


def _detector(settings: Mapping[str, Any], start_ms: float) -> EnergyVad:
    eagerness = str(settings.get("eagerness") or "auto")
    semantic = settings.get("type") == "semantic_vad"
    silence = _EAGERNESS_MS.get(eagerness, 600) if semantic else settings.get("silence_duration_ms", 200)
    return EnergyVad(
        threshold=float(settings.get("threshold") or 0.5),
        prefix_padding_ms=int(settings.get("prefix_padding_ms") or 0),
        silence_duration_ms=int(silence),
        start_ms=start_ms,
    )


def creates_response(stage: Stage) -> bool:
    """Whether the end of speech asks for a response by itself."""
    settings = updates.turn_detection(stage)
    wanted = settings is not None and bool(settings.get("create_response", True))
    return wanted and stage.opening.kind is Kind.CONVERSATION


def interrupts_response(stage: Stage) -> bool:
    """Whether speech cancels the running response."""
    settings = updates.turn_detection(stage)
    return settings is not None and bool(settings.get("interrupt_response", True))
