"""A caller's speech clock: when each chunk is due, and whether it is speech or the silence behind it. Pure.

The clock runs on whatever happens to the socket, as a person's voice does. A chunk is due when its last sample has been
spoken, so the due time of a sentence's last chunk is the end of speech. What could not be sent in time is passed over,
and the sentence ends when it would have ended all the same: a target that stalls the caller is not flattered by it.
"""

from __future__ import annotations

from dataclasses import dataclass

_MS = 1000.0
#: What a caller who was held up catches up at most; of what is older, nothing is sent any more.
CATCH_UP_SECONDS = 1.0


@dataclass(slots=True)
class SpeechClock:
    """One caller's clock. Times are seconds on one clock, lengths are ms of audio."""

    chunk_ms: int
    speech_ms: int
    due: float
    """When the next chunk is due."""
    spoken_ms: int = 0
    """How much of the sentence was due so far."""
    silence_ms: int = 0
    """How much silence was due behind it so far."""
    sent_ms: int = 0
    """How much of the sentence was sent."""

    @property
    def is_speaking(self) -> bool:
        """Whether the next chunk is speech."""
        return self.spoken_ms < self.speech_ms

    def advance(self, *, sent: bool) -> float | None:
        """Go on by a chunk, which was sent or passed over; gives when the sentence ended, if it ended with this one."""
        due = self.due
        self.due = due + self.chunk_ms / _MS
        if not self.is_speaking:
            self.silence_ms += self.chunk_ms
            return None
        self.spoken_ms += self.chunk_ms
        self.sent_ms += self.chunk_ms if sent else 0
        if self.is_speaking:
            return None
        self.silence_ms = 0
        return due

    def start_sentence(self) -> None:
        """Let the next chunk be the first of a sentence."""
        self.spoken_ms = self.sent_ms = 0

    def skip_to(self, now: float) -> None:
        """Forget what was due until now, on the same beat: nobody was there to speak to, and nothing was said."""
        chunk = self.chunk_ms / _MS
        if now >= self.due:
            self.due += ((now - self.due) // chunk + 1) * chunk
