"""The input audio buffer: append, clear, commit, and server-side turn detection.

Audio is measured and forgotten: the buffer knows how much it holds, not what, except for a session that echoes.
Positions are bytes of 24 kHz PCM16 since the session began, whatever the audio came as.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any, Protocol

from bridge.protocol.audio.g711 import alaw_to_pcm24k, ulaw_to_pcm24k
from bridge.protocol.audio.pcm import bytes_to_ms, ms_to_bytes
from bridge.protocol.dialects.detection import SessionKind
from bridge.protocol.events.limits import MAX_APPEND_BYTES
from bridge.protocol.schema.validators import InvalidField
from bridge.simulator.session import updates
from bridge.simulator.session.conversation import ConversationItem
from bridge.simulator.session.vad import EnergyVad, SpeechStarted, SpeechStopped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.session.state import SessionState

#: What one append may carry (OpenAPI).
#: A commit of less than this is refused (reports; the message names both figures).
MIN_COMMIT_MS = 100.0
#: How much audio a session that echoes keeps: a minute.
MAX_ECHO_BYTES = ms_to_bytes(60_000)
#: How long a pause ends a turn under `semantic_vad`: a stand-in for the meaning that the simulator does not hear.
_EAGERNESS_MS = {"low": 1000, "medium": 600, "high": 300, "auto": 600}

_DECODERS = {"g711_ulaw": ulaw_to_pcm24k, "g711_alaw": alaw_to_pcm24k}


class TurnCallback(Protocol):
    """Takes the item of a committed turn; `detected` where turn detection committed it, not the client."""

    def __call__(self, item: ConversationItem, *, detected: bool) -> None:
        """Take one."""


class InputAudio:
    """One session's input buffer. `on_turn` is called with the item of each committed turn."""

    def __init__(
        self,
        stage: SessionState,
        *,
        on_speech: Callable[[], None],
        on_turn: TurnCallback,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> None:
        self._stage = stage
        self._on_speech, self._on_turn, self._on_audio = on_speech, on_turn, on_audio
        self._vad: EnergyVad | None = None
        self._total = 0
        self._start = 0
        """Where the buffer begins: what came before is committed, cleared, or was silence before speech."""
        self._speaking_item: str | None = None
        self._kept = bytearray()
        self.last_turn_audio: bytes = b""
        """The audio of the last committed turn; kept only by a session that echoes."""

    def append(self, event: Mapping[str, Any]) -> None:
        """Take `input_audio_buffer.append`. There is no acknowledgement, ever (OpenAPI)."""
        pcm = decode_append(self._stage, event)
        if pcm is None:
            return
        if self._on_audio is not None:
            self._on_audio(pcm)
        self._total += len(pcm)
        if self._stage.behaviour.reply == "echo":
            self._kept += pcm
            del self._kept[:-MAX_ECHO_BYTES]
        if self._vad is not None:
            for mark in self._vad.feed(pcm):
                self._heard(mark)

    def configure_vad(self) -> None:
        """Detect turns by the settings as they are now. Speech that is going on goes on, or is forgotten."""
        settings = updates.turn_detection(self._stage)
        if settings is None:
            self._vad, self._speaking_item = None, None
        elif self._vad is None:
            self._vad = EnergyVad(*_tuning(settings), start_ms=bytes_to_ms(self._total))
        else:
            self._vad.configure(*_tuning(settings))

    def _heard(self, mark: SpeechStarted | SpeechStopped) -> None:
        stage = self._stage
        match mark:
            case SpeechStarted(audio_start_ms):
                self._speaking_item = stage.new_id("item")
                self._drop_before(ms_to_bytes(audio_start_ms))
                stage.send(
                    "input_audio_buffer.speech_started",
                    audio_start_ms=audio_start_ms,
                    item_id=self._speaking_item,
                )
                self._on_speech()
            case SpeechStopped(audio_end_ms):
                item_id = self._stop_speech(audio_end_ms)
                self._commit(item_id, min(ms_to_bytes(audio_end_ms), self._total), detected=True)

    def _stop_speech(self, audio_end_ms: int) -> str:
        item_id, self._speaking_item = self._speaking_item, None
        if item_id is None:
            raise AssertionError("turn detection stops only what it started")
        self._stage.send("input_audio_buffer.speech_stopped", audio_end_ms=audio_end_ms, item_id=item_id)
        return item_id

    def commit(self, _event: Mapping[str, Any]) -> None:
        """Take `input_audio_buffer.commit`: refused under 100 ms, the session goes on.

        In the middle of speech it ends the speech. It creates no response, whatever turn detection does (OpenAPI).
        """
        held_ms = bytes_to_ms(self._total - self._start)
        if held_ms < MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS:.0f}ms of audio, but buffer only has {held_ms:.2f}ms of audio."
            )
            self._stage.reject("input_audio_buffer_commit_empty", message)
            return
        item_id = self._stop_speech(round(bytes_to_ms(self._total))) if self.speaking else self._stage.new_id("item")
        if self._vad is not None:
            self._vad.reset_speech()
        self._commit(item_id, self._total, detected=False)

    def commit_silence(self, idle_ms: int) -> None:
        """Commit what an idle time-out commits: the silence since the last answer, as a turn of its own."""
        item_id, end = self._stage.new_id("item"), round(bytes_to_ms(self._total))
        self._stage.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=max(0, end - idle_ms),
            audio_end_ms=end,
            item_id=item_id,
        )
        self._commit(item_id, self._total, detected=True)

    def _commit(self, item_id: str, end: int, *, detected: bool) -> None:
        stage = self._stage
        item = ConversationItem(id=item_id, role="user", audio_ms=bytes_to_ms(end - self._start))
        item.content.append({"type": "input_audio", "transcript": None})
        after = self._total - end
        self.last_turn_audio = bytes(self._kept[: len(self._kept) - after])
        self._drop_before(end)
        previous = stage.conversation.last
        previous_id = previous.id if previous else None
        stage.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous_id)
        self._on_turn(item, detected=detected)

    def _drop_before(self, position: int) -> None:
        """Let the buffer begin here, if it began earlier."""
        if position > self._start:
            self._start = position
            del self._kept[: max(0, len(self._kept) - (self._total - position))]

    def clear(self, _event: Mapping[str, Any]) -> None:
        """Take `input_audio_buffer.clear`."""
        self._drop_before(self._total)
        self._speaking_item = None
        if self._vad is not None:
            self._vad.reset_speech()
        self._stage.send("input_audio_buffer.cleared")

    @property
    def speaking(self) -> bool:
        """Whether the user is speaking as far as turn detection knows."""
        return self._speaking_item is not None


def decode_append(stage: SessionState, event: Mapping[str, Any]) -> bytes | None:
    """Give the audio of an append as PCM16; None when it was refused."""
    audio = event.get("audio")
    if audio is None:
        stage.reject("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
        return None
    pcm = decode_audio(audio, updates.input_encoding(stage), "audio")
    if isinstance(pcm, InvalidField):
        stage.reject(pcm.code, pcm.message, pcm.param)
        return None
    return pcm


def decode_audio(audio: object, encoding: str, param: str) -> bytes | InvalidField:
    """Give base64 audio of this encoding as PCM16, or what is wrong with it."""
    try:
        raw = binascii.a2b_base64(audio, strict_mode=True)  # type: ignore[arg-type]  # a TypeError is an answer, too
    except (binascii.Error, TypeError, ValueError):
        message = f"Invalid '{param}'. Expected base64-encoded audio bytes, but got an invalid value."
        return InvalidField("invalid_value", message, param)
    if len(raw) > MAX_APPEND_BYTES:
        message = f"Invalid '{param}': at most {MAX_APPEND_BYTES} bytes of audio at once, got {len(raw)}."
        return InvalidField("string_above_max_length", message, param)
    decoder = _DECODERS.get(encoding)
    if decoder is not None:
        return decoder(raw)
    if len(raw) % 2:
        message = f"Invalid '{param}'. PCM16 has two bytes a sample; this has an odd number."
        return InvalidField("invalid_value", message, param)
    return raw


def _tuning(settings: Mapping[str, Any]) -> tuple[float, int, int]:
    """Threshold, prefix padding and silence of a turn detection; semantic detection names none of them."""
    semantic = settings.get("type") == "semantic_vad"
    silence = _EAGERNESS_MS[settings.get("eagerness", "auto")] if semantic else settings.get("silence_duration_ms", 200)
    return settings.get("threshold", 0.5), settings.get("prefix_padding_ms", 300), silence


def creates_response(stage: SessionState) -> bool:
    """Whether the end of speech asks for a response by itself."""
    settings = updates.turn_detection(stage)
    wanted = settings is not None and bool(settings.get("create_response", True))
    return wanted and stage.setup.kind is SessionKind.CONVERSATION


def interrupts_response(stage: SessionState) -> bool:
    """Whether speech cancels the running response."""
    settings = updates.turn_detection(stage)
    return settings is not None and bool(settings.get("interrupt_response", True))
