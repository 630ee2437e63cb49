"""How much of an answer the caller has heard: what the client reports, beside how much audio it was sent.

A client plays answers more slowly than they come. `playback` messages say how far it is; an interruption that doesn't
say it truncates there, and a fresh session is told what was heard, not what was sent. How much audio was sent is told
from the size of the frames, because the core parses none of them.
"""

from __future__ import annotations

from typing import Final

from bridge.core.input_buffer import BYTES_PER_MS

#: About what a frame of audio has besides its base64: event, response and item id, two indexes.
FRAME_BYTES: Final = 220
#: Less than this that was not heard is the end of a word, or the player's own delay.
_SLACK_MS: Final = 250.0


def audio_ms(base64_bytes: int) -> float:
    """Return how long so much base64 plays. The client endpoint's audio is always PCM16, 24 kHz."""
    return max(0, base64_bytes) * 3 / 4 / BYTES_PER_MS


def heard_text(text: str, played_ms: float, sent_ms: float) -> str:
    """Return the words of an answer that were heard, as if all took equally long to say."""
    if sent_ms <= 0 or played_ms >= sent_ms - _SLACK_MS:
        return text
    words = text.split()
    return " ".join(words[: int(len(words) * played_ms / sent_ms)])
