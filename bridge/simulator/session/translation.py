"""A translation session: audio in; audio and two transcripts out while there is speech. No turns, no responses."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import BYTES_PER_MS, loudness
from bridge.simulator.session.input_audio import decode_append
from bridge.simulator.session.voice import synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.session.state import SessionState


#: The chunk size in ms that OpenAI's guide recommends. The simulator translates in chunks of this size.
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

    def handlers(self) -> Mapping[str, Callable[[Mapping[str, Any]], None]]:
        """Return the handlers of the client events that only translation sessions have."""
        return {"session.input_audio_buffer.append": self.append, "session.close": self.close}

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
            self._elapsed_ms += CHUNK_MS
            if loudness(chunk) > _AUDIBLE:
                self._translate(size)

    def _translate(self, size: int) -> None:
        words = _TEXT.split()
        word = words[self._chunk_count % len(words)] + " "
        voice = synthesize(_TEXT, "alloy")
        start = self._chunk_count * size % max(1, len(voice) - size)
        self._chunk_count += 1
        elapsed = {"elapsed_ms": self._elapsed_ms}
        self._state.send("session.input_transcript.delta", delta="(speech) ", **elapsed)
        self._state.send("session.output_transcript.delta", delta=word, **elapsed)
        start -= start % 2
        audio = binascii.b2a_base64(voice[start : start + size], newline=False).decode("ascii")
        audio_format = {"sample_rate": 24_000, "channels": 1, "format": "pcm16"}
        self._state.send("session.output_audio.delta", delta=audio, **audio_format, **elapsed)

    def close(self, _event: Mapping[str, Any]) -> None:
        """Handle `session.close`, the only graceful end of a session in the protocol."""
        self._state.send("session.closed")
        self._state.close(1000, "")
