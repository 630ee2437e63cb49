"""Voice activity detection (VAD) by energy: where speech starts and stops in the audio of a session.

Sans-I/O: PCM16 in, events out. The only clock is the audio itself. The service uses a trained model; this detector only
distinguishes loud from quiet, so it takes music for speech and misses a whisper.

Theory of operation. The audio is cut into windows of 20 ms, always at the same positions, however it arrives. A window
is loud if its mean amplitude exceeds the threshold. Speech starts with the second loud window in a row; its start is
the first of the two, minus the prefix padding. Speech stops once the quiet windows in a row fill the silence duration;
its end is the last loud window, plus the silence duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from bridge.protocol.audio.pcm import BYTES_PER_MS, loudness, ms_to_bytes

#: The length of a window. Every decision is about a whole window.
WINDOW_MS = 20
#: How many loud windows in a row are speech. A click or a key stroke is shorter.
ATTACK_WINDOWS = 2
_WINDOW_BYTES = ms_to_bytes(WINDOW_MS)

#: The mean amplitudes (0 to 32768) of thresholds 0 and 1. The scale between them is geometric, like hearing, so 0.5 is
#: 400 (-38 dB of full scale). For comparison: noise of amplitude 100 measures 50, the recorded question of the probes
#: 2,300 on average.
_LEVEL_AT_0, _LEVEL_AT_1 = 20.0, 8_000.0


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user has started to speak."""

    audio_start_ms: int
    """The start of speech minus the prefix padding, in ms from the start of the session's audio; at least 0."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The user has stopped speaking."""

    audio_end_ms: int
    """The end of speech plus the silence duration, in ms from the start of the session's audio."""


SpeechEvent = SpeechStarted | SpeechStopped


def loudness_threshold(threshold: float) -> float:
    """Return the mean amplitude above which a window is loud. Raises ValueError unless `threshold` is from 0 to 1."""
    if not 0 <= threshold <= 1:
        raise ValueError(f"a VAD threshold is from 0 to 1, not {threshold}")
    return float(_LEVEL_AT_0 * (_LEVEL_AT_1 / _LEVEL_AT_0) ** threshold)


class EnergyVad:
    """Detects speech in one session's input audio. The defaults are those of a new session (recorded 2026-09)."""

    __slots__ = (
        "_loud_run",
        "_padding_ms",
        "_pending",
        "_position",
        "_quiet_run",
        "_quiet_windows",
        "_silence_ms",
        "_threshold",
        "speaking",
    )

    def __init__(
        self,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 200,
        *,
        start_ms: float = 0,
    ) -> None:
        """`start_ms` is how much of the session's audio came before this VAD was switched on."""
        self.speaking = False
        self._position = round(start_ms)
        self._pending = b""
        self._loud_run = 0
        self._quiet_run = 0
        self.configure(threshold, prefix_padding_ms, silence_duration_ms)

    def configure(self, threshold: float, prefix_padding_ms: int, silence_duration_ms: int) -> None:
        """Change the settings from the next window on. Speech in progress continues.

        Raises ValueError for a threshold outside 0 to 1 or for a negative duration.
        """
        if prefix_padding_ms < 0 or silence_duration_ms < 0:
            raise ValueError("prefix padding and silence duration must not be negative")
        self._threshold = loudness_threshold(threshold)
        self._padding_ms = prefix_padding_ms
        self._silence_ms = silence_duration_ms
        self._quiet_windows = max(1, ceil(silence_duration_ms / WINDOW_MS))

    @property
    def position_ms(self) -> float:
        """How much of the session's audio has passed, in ms."""
        return self._position + len(self._pending) / BYTES_PER_MS

    def reset_speech(self) -> None:
        """Forget speech in progress, for a cleared or committed input buffer. Positions continue."""
        self.speaking = False
        self._loud_run = self._quiet_run = 0

    def feed(self, pcm: bytes) -> list[SpeechEvent]:
        """Process the next piece of PCM16, of any length, and return the events in order. Never raises."""
        if self._pending:
            pcm = self._pending + pcm
        whole = len(pcm) - len(pcm) % _WINDOW_BYTES
        self._pending = pcm[whole:]
        events: list[SpeechEvent] = []
        for start in range(0, whole, _WINDOW_BYTES):
            event = self._process_window(pcm[start : start + _WINDOW_BYTES])
            if event is not None:
                events.append(event)
        return events

    def _process_window(self, window: bytes) -> SpeechEvent | None:
        self._position += WINDOW_MS
        if loudness(window) > self._threshold:
            self._loud_run, self._quiet_run = self._loud_run + 1, 0
            return self._start_speech() if not self.speaking and self._loud_run >= ATTACK_WINDOWS else None
        self._loud_run, self._quiet_run = 0, self._quiet_run + 1
        return self._stop_speech() if self.speaking and self._quiet_run >= self._quiet_windows else None

    def _start_speech(self) -> SpeechStarted:
        self.speaking = True
        return SpeechStarted(max(0, self._position - self._loud_run * WINDOW_MS - self._padding_ms))

    def _stop_speech(self) -> SpeechStopped:
        self.speaking = False
        return SpeechStopped(self._position - self._quiet_run * WINDOW_MS + self._silence_ms)
