"""What waits for a ready session: speech and, in one order with it, text, tool results and native events.

First in, first out; bounded by milliseconds of audio, by count of the others, and by age. Full: the oldest goes. What
is given up is counted until somebody takes the count: nothing is dropped in silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bridge.core.events import ClientAudio, ClientInput

#: PCM16, 24 kHz, mono.
BYTES_PER_MS = 48


@dataclass(frozen=True, slots=True)
class InputBufferLimits:
    """How much may wait. 30 s of speech is 1.4 MB: more than a caller's patience, little enough for many callers."""

    audio_ms: float = 30_000
    messages: int = 100
    age_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class DroppedInput:
    """What was given up, for one reason."""

    reason: str
    chunks: int = 0
    ms: float = 0.0
    messages: int = 0

    def including(self, entry: ClientInput) -> DroppedInput:
        """Count one more."""
        if isinstance(entry, ClientAudio):
            return DroppedInput(self.reason, self.chunks + 1, self.ms + len(entry.pcm) / BYTES_PER_MS, self.messages)
        return DroppedInput(self.reason, self.chunks, self.ms, self.messages + 1)


class InputBuffer:
    """One client's waiting room."""

    def __init__(self, limits: InputBufferLimits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[float, ClientInput]] = deque()
        self._audio_bytes = 0
        self._chunks = 0
        self._dropped: dict[str, DroppedInput] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def chunks(self) -> int:
        """How many chunks of speech wait."""
        return self._chunks

    @property
    def ms(self) -> float:
        """How much speech waits."""
        return self._audio_bytes / BYTES_PER_MS

    def add(self, entry: ClientInput, now: float) -> None:
        """Let one more wait; the oldest of its kind go where there is no room."""
        self.expire(now)
        self._waiting.append((now, entry))
        self._count(entry, 1)
        while self.ms > self._limits.audio_ms:
            self._drop_oldest(speech=True)
        while len(self._waiting) - self._chunks > self._limits.messages:
            self._drop_oldest(speech=False)

    def _count(self, entry: ClientInput, sign: int) -> None:
        if isinstance(entry, ClientAudio):
            self._audio_bytes += sign * len(entry.pcm)
            self._chunks += sign

    def _drop_oldest(self, *, speech: bool) -> None:
        """Give up the oldest of a kind; the order of the rest stays."""
        index = next(i for i, (_, entry) in enumerate(self._waiting) if isinstance(entry, ClientAudio) is speech)
        _, entry = self._waiting[index]
        del self._waiting[index]
        self._give_up(entry, "buffer_full")

    def _give_up(self, entry: ClientInput, reason: str) -> None:
        self._count(entry, -1)
        self.count_dropped(entry, reason)

    def count_dropped(self, entry: ClientInput, reason: str) -> None:
        """Count something that is given up and does not wait here: speech that went up and will not be answered."""
        self.add_dropped(DroppedInput(reason).including(entry))

    def add_dropped(self, dropped: DroppedInput) -> None:
        """Count more of what is given up."""
        known = self._dropped.get(dropped.reason, DroppedInput(dropped.reason))
        self._dropped[dropped.reason] = DroppedInput(
            dropped.reason,
            known.chunks + dropped.chunks,
            known.ms + dropped.ms,
            known.messages + dropped.messages,
        )

    def expire(self, now: float) -> None:
        """Give up what has waited too long."""
        while (expires_at := self.oldest_expires_at) is not None and now >= expires_at:
            self._give_up(self._waiting.popleft()[1], "too_old")

    def drop_all(self, reason: str) -> None:
        """Give up everything."""
        while self._waiting:
            self._give_up(self._waiting.popleft()[1], reason)

    def pop(self) -> ClientInput | None:
        """Take the oldest; None when nothing waits."""
        if not self._waiting:
            return None
        _, entry = self._waiting.popleft()
        self._count(entry, -1)
        return entry

    @property
    def oldest_expires_at(self) -> float | None:
        """When the oldest will have waited too long."""
        return self._waiting[0][0] + self._limits.age_seconds if self._waiting else None

    @property
    def has_dropped(self) -> bool:
        """Whether something was given up that nobody was told of yet."""
        return bool(self._dropped)

    def pop_dropped(self) -> DroppedInput | None:
        """Take the count of what was given up for one reason, the first that came up; it begins anew."""
        return self._dropped.pop(next(iter(self._dropped))) if self._dropped else None
