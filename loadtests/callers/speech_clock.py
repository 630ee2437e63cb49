"""When each chunk of a caller's audio is due, and whether it is speech or silence. Pure.

The clock keeps running whatever happens to the socket, as a person keeps speaking. A chunk is due when its last sample
has been spoken, so the due time of a sentence's last chunk is the end of speech. Chunks that can't be sent in time are
skipped, and the sentence still ends on time: a target that blocks its callers doesn't look faster than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

_MS = 1000.0
#: How far a blocked caller may fall behind and still catch up. Older chunks are skipped.
CATCH_UP_SECONDS = 1.0


@dataclass(slots=True)
class SpeechClock:
    """The clock of one caller. Times are seconds on one clock, lengths are ms of audio."""

    chunk_ms: int
    speech_ms: int
    due: float
    """When the next chunk is due."""
    spoken_ms: int = 0
    """How much of the sentence has been due so far."""
    silence_ms: int = 0
    """How much silence has been due after it so far."""
    sent_ms: int = 0
    """How much of the sentence was sent."""

    @property
    def is_speaking(self) -> bool:
        """Whether the next chunk is speech."""
        return self.spoken_ms < self.speech_ms

    def advance(self, *, sent: bool) -> float | None:
        """Advance by one chunk, sent or skipped. Returns when the sentence ended, if this chunk ended it, else None."""
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
        """Start a sentence with the next chunk."""
        self.spoken_ms = self.sent_ms = 0

    def skip_to(self, now: float) -> None:
        """Skip everything due until now and keep the beat: there was no session to speak to."""
        chunk = self.chunk_ms / _MS
        if now >= self.due:
            self.due += ((now - self.due) // chunk + 1) * chunk
