"""How a caller behaves: one frozen value for each scenario. It knows neither sockets nor Locust."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TargetEndpoint(StrEnum):
    """Which of a bridge's two protocols a caller speaks."""

    CLIENT = "client"
    NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerBehaviour:
    """What a caller does from the moment it has a socket. Times are ms of speech or of waiting, as the names say."""

    endpoint: TargetEndpoint = TargetEndpoint.CLIENT
    chunk_ms: int = 20
    """A chunk of speech: a multiple of 20."""
    speech_ms: int = 1200
    """How long each of its sentences is."""
    pause_ms: int = 800
    """Silence behind a sentence: it goes up as chunks too, as from a microphone. Turn detection wants 200 ms of it."""
    answer_timeout_ms: int = 8000
    """The longest wait for an answer to be over before the next sentence begins, speaking or not."""
    turns: int = 0
    """Hang up after so many turns and call again; 0 stays for the whole run."""
    speaks_before_ready: bool = False
    """Begin to speak as soon as the socket is open, as a user does who sees a microphone."""
    sends_text: bool = False
    """Type instead of speaking: nothing but a few words each turn."""
    interrupt_after_ms: int = 0
    """Cut in after so much of each answer; 0 hears it to its end."""
    bad_messages_per_second: float = 0.0
    """Messages that no bridge understands, beside whatever else goes on."""
    read_bytes_per_second: int = 0
    """Read no faster than this; 0 reads as fast as it comes."""
    reconnects: bool = True
    """Call again, with growing pauses, when the socket is lost; otherwise this caller is gone."""
    echo: bool = False
    """The service answers with what it heard: speech is accounted for by its echo."""
    binary_audio_out: bool = False
    """Ask for the answer's audio as binary frames."""
    start_spread_ms: int = 1000
    """Each caller begins at a moment of its own within this, so that they do not all speak in one rhythm."""
