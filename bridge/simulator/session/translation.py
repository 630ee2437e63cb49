"""A translation session: audio in; audio and two transcripts out while there is speech. No turns, no responses.

Its clock is the audio itself: frames of 200 ms, contiguous however much time passes between them (OpenAPI).
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import BYTES_PER_MS, loudness
from bridge.simulator.session.input_audio import decode_append
from bridge.simulator.session.updates import transcription_model
from bridge.simulator.session.voice import synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.session.state import SessionState


#: The length of a frame in ms. Shorter pieces wait for the rest of their frame (OpenAPI).
CHUNK_MS = 200
#: A chunk with a higher mean amplitude than this is speech.
_AUDIBLE = 500
_TEXT = "Simulated translation, word for word. "


class Translation:
    """The audio part of a translation session."""

    def __init__(self, state: SessionState, on_audio: Callable[[bytes], None] | None) -> None:
        self._state, self._on_audio = state, on_audio
        self._pending = bytearray()
        self._elapsed_ms = 0
        self._chunk_count = 0

    def handlers(self) -> Mapping[str, Callable[[object, Mapping[str, Any]], None]]:
        """Return the handlers of the client events that only translation sessions have. They get the session, too."""
        return {
            "session.input_audio_buffer.append": lambda _, event: self.append(event),
            "session.close": lambda _, event: self.close(event),
        }

    def append(self, event: Mapping[str, Any]) -> None:
        """Handle `session.input_audio_buffer.append`: answer each 200 ms of speech with 200 ms of audio."""
        pcm = decode_append(self._state, event)
        if pcm is None:
            return
        if self._on_audio is not None:
            self._on_audio(pcm)
        self._pending += pcm
        size = CHUNK_MS * BYTES_PER_MS
        while len(self._pending) >= size:
            chunk = bytes(self._pending[:size])
            del self._pending[:size]
            self._translate_frame(chunk)

    def _translate_frame(self, chunk: bytes) -> None:
        self._elapsed_ms += CHUNK_MS
        if loudness(chunk) > _AUDIBLE:
            self._translate(len(chunk))

    def _translate(self, size: int) -> None:
        words = _TEXT.split()
        word = words[self._chunk_count % len(words)] + " "
        voice = synthesize(_TEXT, "alloy")
        start = self._chunk_count * size % max(1, len(voice) - size)
        self._chunk_count += 1
        elapsed = {"elapsed_ms": self._elapsed_ms}
        if transcription_model(self._state) is not None:
            self._state.send("session.input_transcript.delta", delta="(speech) ", **elapsed)
        self._state.send("session.output_transcript.delta", delta=word, **elapsed)
        start -= start % 2
        audio = binascii.b2a_base64(voice[start : start + size], newline=False).decode("ascii")
        audio_format = {"sample_rate": 24_000, "channels": 1, "format": "pcm16"}
        self._state.send("session.output_audio.delta", delta=audio, **audio_format, **elapsed)

    def close(self, _event: Mapping[str, Any]) -> None:
        """Handle `session.close`: translate what is pending, confirm, and close. It is the protocol's graceful end."""
        if self._pending:
            self._translate_frame(bytes(self._pending).ljust(CHUNK_MS * BYTES_PER_MS, b"\0"))
            self._pending.clear()
        self._state.send("session.closed")
        self._state.close(1000, "")
