"""A translation session: audio in, audio and two transcripts out, while there is speech. No turns, no responses."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import BYTES_PER_MS, loudness
from bridge.simulator.session.input_audio import decode_append
from bridge.simulator.session.voice import synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.simulator.session.state import SessionState


#: The service works best in chunks of this size (guide); the simulator answers in them.
CHUNK_MS = 200
#: Mean amplitude above which a chunk counts as speech.
_AUDIBLE = 500
_CLIP = "Simulated translation, word for word. "


class Translation:
    """The audio part of a translation session."""

    def __init__(self, stage: SessionState, on_audio: Callable[[bytes], None] | None) -> None:
        self._stage, self._on_audio = stage, on_audio
        self._pending = bytearray()
        self._elapsed_ms = 0
        self._spoken = 0

    def handlers(self) -> Mapping[str, Callable[[Mapping[str, Any]], None]]:
        """What its own client events do."""
        return {"session.input_audio_buffer.append": self.append, "session.close": self.close}

    def append(self, event: Mapping[str, Any]) -> None:
        """Take `session.input_audio_buffer.append`: every 200 ms of speech are answered by 200 ms."""
        pcm = decode_append(self._stage, event)
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
                self._say(size)

    def _say(self, size: int) -> None:
        words = _CLIP.split()
        word = words[self._spoken % len(words)] + " "
        voice = synthesize(_CLIP, "alloy")
        start = self._spoken * size % max(1, len(voice) - size)
        self._spoken += 1
        elapsed = {"elapsed_ms": self._elapsed_ms}
        self._stage.send("session.input_transcript.delta", delta="(speech) ", **elapsed)
        self._stage.send("session.output_transcript.delta", delta=word, **elapsed)
        start -= start % 2
        sound = binascii.b2a_base64(voice[start : start + size], newline=False).decode("ascii")
        form = {"sample_rate": 24_000, "channels": 1, "format": "pcm16"}
        self._stage.send("session.output_audio.delta", delta=sound, **form, **elapsed)

    def close(self, _event: Mapping[str, Any]) -> None:
        """Take `session.close`: the one graceful end that the protocol has."""
        self._stage.send("session.closed")
        self._stage.close(1000, "")
