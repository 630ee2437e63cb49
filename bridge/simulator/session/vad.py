"""Server VAD by energy: when speech starts and stops, in the positions of the session's audio.

Sans-I/O: PCM16 in, events out; the only clock is the audio itself. It stands in for the real thing's trained model and
knows loud from quiet, nothing more: music is speech to it, a whisper is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from bridge.protocol.audio.pcm import BYTES_PER_MS, loudness, ms_to_bytes

#: Decisions are made on windows of this length, cut from the start of the audio, however it arrives.
WINDOW_MS = 20
#: So much in a row must be loud before it is speech: a click or a key stroke is shorter.
ATTACK_WINDOWS = 2
_WINDOW_BYTES = ms_to_bytes(WINDOW_MS)

#: Threshold 0 and 1 as mean amplitude (0..32768); between them the scale is geometric, as hearing is. 0.5 is then 400
#: (-38 dB of full scale): noise of amplitude 100 measures 50, the recorded question of the probes 2,300 on average.
_LEVEL_AT_0, _LEVEL_AT_1 = 20.0, 8_000.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak."""

    audio_start_ms: int
    """Where the speech begins less the prefix padding, from the start of the session's audio; never below 0."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Nobody speaks any more."""

    audio_end_ms: int
    """Where the last speech ended plus the silence it took to be sure, from the start of the session's audio."""


SpeechEvent = SpeechStarted | SpeechStopped


def loudness_threshold(threshold: float) -> float:
    """Give the mean amplitude above which a window is loud. ValueError when the threshold is not in 0..1."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"a VAD threshold is between 0 and 1, not {threshold}")
    return float(_LEVEL_AT_0 * (_LEVEL_AT_1 / _LEVEL_AT_0) ** threshold)


class EnergyVad:
    """Listens to one session's input audio. Defaults are those of a fresh session (recorded 2026-09)."""

    def __init__(
        self,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 200,
        *,
        start_ms: float = 0,
    ) -> None:
        """`start_ms`: how much of the session's audio went by before this VAD was switched on."""
        self.speaking = False
        self._position = round(start_ms)
        self._pending = b""
        self._loud_run = 0
        self._quiet_run = 0
        self.configure(threshold, prefix_padding_ms, silence_duration_ms)

    def configure(self, threshold: float, prefix_padding_ms: int, silence_duration_ms: int) -> None:
        """Change the settings from the next window on; speech that is going on goes on. ValueError as `level_of`."""
        if prefix_padding_ms < 0 or silence_duration_ms < 0:
            raise ValueError("prefix padding and silence duration are milliseconds from 0 up")
        self._level = loudness_threshold(threshold)
        self._padding_ms = prefix_padding_ms
        self._silence_ms = silence_duration_ms
        self._patience = max(1, ceil(silence_duration_ms / WINDOW_MS))

    @property
    def position_ms(self) -> float:
        """How much of the session's audio has been fed."""
        return self._position + len(self._pending) / BYTES_PER_MS

    def reset_speech(self) -> None:
        """The input buffer was cleared: whatever was being said no longer counts. Positions run on."""
        self.speaking = False
        self._loud_run = self._quiet_run = 0

    def feed(self, pcm: bytes) -> list[SpeechEvent]:
        """Listen to the next piece, of any length; return what it decided, in order. Nothing raises."""
        pcm = self._pending + pcm if self._pending else pcm
        whole = len(pcm) - len(pcm) % _WINDOW_BYTES
        self._pending = pcm[whole:]
        events: list[SpeechEvent] = []
        for start in range(0, whole, _WINDOW_BYTES):
            event = self._window(pcm[start : start + _WINDOW_BYTES])
            if event is not None:
                events.append(event)
        return events

    def _window(self, window: bytes) -> SpeechEvent | None:
        self._position += WINDOW_MS
        if loudness(window) > self._level:
            self._loud_run, self._quiet_run = self._loud_run + 1, 0
            return self._begin() if not self.speaking and self._loud_run >= ATTACK_WINDOWS else None
        self._loud_run, self._quiet_run = 0, self._quiet_run + 1
        return self._end() if self.speaking and self._quiet_run >= self._patience else None

    def _begin(self) -> SpeechStarted:
        self.speaking = True
        return SpeechStarted(max(0, self._position - self._loud_run * WINDOW_MS - self._padding_ms))

    def _end(self) -> SpeechStopped:
        self.speaking = False
        return SpeechStopped(self._position - self._quiet_run * WINDOW_MS + self._silence_ms)
