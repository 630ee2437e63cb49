"""The input audio buffer: append, clear, commit, and server-side turn detection.

Audio is measured, not kept: the buffer knows how much it holds. Only a session that echoes keeps the last minute.
Positions count bytes of PCM16 at 24 kHz since the start of the session, whatever the encoding of the input.
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

#: A commit of less audio than this is refused (user reports; the message states both durations).
MIN_COMMIT_MS = 100.0
#: How much audio a session that echoes keeps: one minute.
MAX_ECHO_BYTES = ms_to_bytes(60_000)
#: The silence that ends a turn under `semantic_vad`, by eagerness. It stands in for understanding the words: the first
#: number for a sentence that is over, the second for one that may go on, after which the service waits no longer (SDK).
_EAGERNESS_MS = {"low": (1_000, 8_000), "medium": (600, 4_000), "high": (300, 2_000), "auto": (600, 4_000)}

_DECODERS = {"g711_ulaw": ulaw_to_pcm24k, "g711_alaw": alaw_to_pcm24k}


class TurnCallback(Protocol):
    """Called with the item of a committed turn."""

    def __call__(self, item: ConversationItem, *, detected: bool) -> None:
        """Handle a turn. `detected` says whether turn detection committed it, or the client did."""


class InputAudio:
    """The input audio buffer of one session."""

    __slots__ = (
        "_encoding",
        "_encoding_of",
        "_kept",
        "_on_audio",
        "_on_speech",
        "_on_turn",
        "_speaking_item",
        "_start",
        "_state",
        "_total",
        "_vad",
        "last_turn_audio",
    )

    def __init__(
        self,
        state: SessionState,
        *,
        on_speech: Callable[[], None],
        on_turn: TurnCallback,
        on_audio: Callable[[bytes], None] | None = None,
    ) -> None:
        """`on_speech` is called when speech starts, `on_turn` with each committed turn, `on_audio` with all audio."""
        self._state = state
        self._on_speech, self._on_turn, self._on_audio = on_speech, on_turn, on_audio
        self._vad: EnergyVad | None = None
        self._encoding = ""
        self._encoding_of: Mapping[str, Any] | None = None
        """The configuration in which the encoding was looked up."""
        self._total = 0
        self._start = 0
        """Where the buffer starts. What came before has been committed or cleared, or was silence before speech."""
        self._speaking_item: str | None = None
        self._kept = bytearray()
        self.last_turn_audio: bytes = b""
        """The audio of the last committed turn as PCM16; empty unless the session echoes."""

    def append(self, event: Mapping[str, Any]) -> None:
        """Handle `input_audio_buffer.append`. It is never acknowledged (OpenAPI)."""
        pcm = decode_append(self._state, event)
        if pcm is not None:
            self._add(pcm)

    def append_decoded(self, raw: bytes) -> None:
        """Handle an append as `append` does. `raw` is its audio, which was valid base64."""
        state = self._state
        if self._encoding_of is not state.config:  # an update replaces the whole configuration
            self._encoding, self._encoding_of = updates.input_encoding(state), state.config
        pcm = convert_audio(raw, self._encoding, "audio")
        if isinstance(pcm, InvalidField):
            state.reject(pcm.code, pcm.message, pcm.param)
        else:
            self._add(pcm)

    def _add(self, pcm: bytes) -> None:
        if self._on_audio is not None:
            self._on_audio(pcm)
        self._total += len(pcm)
        if self._state.behaviour.reply == "echo":
            self._kept += pcm
            del self._kept[:-MAX_ECHO_BYTES]
        if self._vad is not None:
            for speech_event in self._vad.feed(pcm):
                self._on_speech_event(speech_event)

    def configure_vad(self) -> None:
        """Apply the current turn-detection settings. Speech in progress continues, unless turn detection is off now."""
        settings = updates.turn_detection(self._state)
        if settings is None:
            self._vad, self._speaking_item = None, None
        elif self._vad is None:
            self._vad = EnergyVad(*self._vad_settings(settings), start_ms=bytes_to_ms(self._total))
        else:
            self._vad.configure(*self._vad_settings(settings))

    def _vad_settings(self, settings: Mapping[str, Any]) -> tuple[float, int, int]:
        """Return threshold, prefix padding and silence duration of turn detection; semantic detection has defaults."""
        if settings.get("type") == "semantic_vad":
            sure, unsure = _EAGERNESS_MS[settings.get("eagerness", "auto")]
            silence = unsure if self._state.behaviour.hesitant else sure
        else:
            silence = settings.get("silence_duration_ms", 200)
        return settings.get("threshold", 0.5), settings.get("prefix_padding_ms", 300), silence

    def _on_speech_event(self, event: SpeechStarted | SpeechStopped) -> None:
        state = self._state
        match event:
            case SpeechStarted(audio_start_ms):
                self._speaking_item = state.new_id("item")
                self._drop_before(ms_to_bytes(audio_start_ms))
                state.send(
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
            raise AssertionError("turn detection reports the end of speech only after its start")
        self._state.send("input_audio_buffer.speech_stopped", audio_end_ms=audio_end_ms, item_id=item_id)
        return item_id

    def commit(self, _event: Mapping[str, Any]) -> None:
        """Handle `input_audio_buffer.commit`. With less than 100 ms of audio it is an error; the session continues.

        During speech it also ends the speech. It never creates a response, whatever the turn detection (OpenAPI).
        """
        held_ms = bytes_to_ms(self._total - self._start)
        if held_ms < MIN_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS:.0f}ms of audio, but buffer only has {held_ms:.2f}ms of audio."
            )
            self._state.reject("input_audio_buffer_commit_empty", message)
            return
        item_id = self._stop_speech(round(bytes_to_ms(self._total))) if self.speaking else self._state.new_id("item")
        if self._vad is not None:
            self._vad.reset_speech()
        self._commit(item_id, self._total, detected=False)

    def commit_silence(self, idle_ms: int) -> None:
        """Commit what came since the last response, in which nobody spoke, as an idle time-out does."""
        item_id, end = self._state.new_id("item"), round(bytes_to_ms(self._total))
        self._state.send(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=max(0, end - idle_ms),
            audio_end_ms=end,
            item_id=item_id,
        )
        self._commit(item_id, self._total, detected=True, is_silence=True)

    def _commit(self, item_id: str, end: int, *, detected: bool, is_silence: bool = False) -> None:
        state = self._state
        item = ConversationItem(id=item_id, role="user", audio_ms=bytes_to_ms(end - self._start), is_silence=is_silence)
        item.content.append({"type": "input_audio", "transcript": None})
        after = self._total - end
        self.last_turn_audio = bytes(self._kept[: len(self._kept) - after])
        self._drop_before(end)
        previous = state.conversation.last
        previous_id = previous.id if previous else None
        state.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous_id)
        self._on_turn(item, detected=detected)

    def _drop_before(self, position: int) -> None:
        """Move the start of the buffer to this position, unless it is past it."""
        if position > self._start:
            self._start = position
            del self._kept[: max(0, len(self._kept) - (self._total - position))]

    def clear(self, _event: Mapping[str, Any]) -> None:
        """Handle `input_audio_buffer.clear`: forget the audio that is not committed, and the speech detected in it."""
        self._drop_before(self._total)
        self._speaking_item = None
        if self._vad is not None:
            self._vad.reset_speech()
        self._state.send("input_audio_buffer.cleared")

    @property
    def speaking(self) -> bool:
        """Whether the user is speaking, according to turn detection."""
        return self._speaking_item is not None


def decode_append(state: SessionState, event: Mapping[str, Any]) -> bytes | None:
    """Return the audio of an append as PCM16. If it is invalid, send the error and return None."""
    audio = event.get("audio")
    if audio is None:
        state.reject("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
        return None
    pcm = decode_audio(audio, updates.input_encoding(state), "audio")
    if isinstance(pcm, InvalidField):
        state.reject(pcm.code, pcm.message, pcm.param)
        return None
    return pcm


def decode_audio(audio: object, encoding: str, param: str) -> bytes | InvalidField:
    """Decode base64 audio of this encoding to PCM16, or return the error, with `param` as its path."""
    try:
        raw = binascii.a2b_base64(audio, strict_mode=True)  # type: ignore[arg-type]  # a TypeError is handled below
    except (binascii.Error, TypeError, ValueError):
        message = f"Invalid '{param}'. Expected base64-encoded audio bytes, but got an invalid value."
        return InvalidField("invalid_value", message, param)
    return convert_audio(raw, encoding, param)


def convert_audio(raw: bytes, encoding: str, param: str) -> bytes | InvalidField:
    """Convert audio of this encoding to PCM16, or return the error, with `param` as its path."""
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


def creates_response(state: SessionState) -> bool:
    """Whether the end of speech creates a response."""
    settings = updates.turn_detection(state)
    enabled = settings is not None and bool(settings.get("create_response", True))
    return enabled and state.setup.kind is SessionKind.CONVERSATION


def interrupts_response(state: SessionState) -> bool:
    """Whether the start of speech cancels the active response."""
    settings = updates.turn_detection(state)
    return settings is not None and bool(settings.get("interrupt_response", True))
