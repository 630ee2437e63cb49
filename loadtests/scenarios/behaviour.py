"""The behaviour of a caller: one immutable value per scenario. Knows neither sockets nor Locust."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TargetEndpoint(StrEnum):
    """Which of the bridge's two WebSocket endpoints a caller uses."""

    CLIENT = "client"
    NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerBehaviour:
    """What a caller does once it has a socket. Times are ms of audio or of waiting, as the names say."""

    endpoint: TargetEndpoint = TargetEndpoint.CLIENT
    chunk_ms: int = 20
    """Length of an audio chunk: a multiple of 20."""
    speech_ms: int = 1200
    """Length of each sentence."""
    pause_ms: int = 800
    """Silence after a sentence, sent as chunks as from a microphone. Turn detection needs 500 ms of it."""
    answer_timeout_ms: int = 8000
    """How long to wait for the end of an answer before the next sentence or text turn."""
    turns: int = 0
    """Hang up after this many turns and call again; 0 stays for the whole run."""
    speaks_before_ready: bool = False
    """Speak as soon as the socket is open, as a user does who sees a microphone."""
    sends_text: bool = False
    """Send text turns instead of speaking."""
    interrupt_after_ms: int = 0
    """Interrupt each answer after this much audio; 0 listens to the end."""
    bad_messages_per_second: float = 0.0
    """Rate of invalid messages, in addition to everything else."""
    read_bytes_per_second: int = 0
    """Read at most at this rate; 0 reads without a limit."""
    reconnects: bool = True
    """Call again with back-off after a loss; otherwise this caller is gone."""
    echo: bool = False
    """The service echoes: audit the audio by its echo."""
    binary_audio_out: bool = False
    """Request the answer's audio as binary frames."""
    start_spread_ms: int = 1000
    """Each caller starts at a random time within this span, so that callers don't speak in lockstep."""
