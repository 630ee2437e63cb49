"""Client input that waits for a ready session: audio and, in the same order, texts, tool results and native events.

First in, first out; bounded by milliseconds of audio, by the number of other messages, by the memory that each of the
two takes, and by age. When the buffer is full, the oldest entry of that kind is dropped. Dropped input is counted until
it is reported: nothing is lost silently. A native event waits as the bytes that go upstream, without its parsed body.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from sys import getsizeof

from bridge.core.events import ClientAudio, ClientInput, ClientNative, ClientText, ClientToolResult

#: PCM16, 24 kHz, mono.
BYTES_PER_MS = 48
#: What an entry takes besides its samples or texts: the objects around them (about 190 bytes on CPython 3.11).
ENTRY_BYTES = 200


@dataclass(frozen=True, slots=True)
class InputBufferLimits:
    """How much may wait. 30 s of audio is 1.4 MB: longer than callers wait, small enough for many of them."""

    audio_ms: float = 30_000
    messages: int = 100
    age_seconds: float = 60.0
    kept_bytes: int = 8 * 2**20
    """In memory, for audio and for messages each: two messages of the largest default size, or 30 s of speech in chunks
    of 1 ms, which are mostly objects. The newest message is kept whatever its size, which the endpoint bounds."""


def memory_bytes(entry: ClientInput) -> int:
    """Return about how many bytes an entry without a parsed body takes."""
    match entry:
        case ClientAudio(pcm, event_id):
            return ENTRY_BYTES + len(pcm) + (0 if event_id is None else getsizeof(event_id))
        case ClientText(text):
            return ENTRY_BYTES + getsizeof(text)
        case ClientToolResult(call_id, output):
            return ENTRY_BYTES + getsizeof(call_id) + getsizeof(output)
        case ClientNative(kind, frame):
            return ENTRY_BYTES + getsizeof(kind) + len(frame)
        case _:
            return ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class DroppedInput:
    """What was dropped for one reason."""

    reason: str
    chunks: int = 0
    ms: float = 0.0
    messages: int = 0

    def including(self, entry: ClientInput) -> DroppedInput:
        """Return the count with one more entry."""
        if isinstance(entry, ClientAudio):
            return DroppedInput(self.reason, self.chunks + 1, self.ms + len(entry.pcm) / BYTES_PER_MS, self.messages)
        return DroppedInput(self.reason, self.chunks, self.ms, self.messages + 1)


class InputBuffer:
    """The buffered input of one client connection."""

    __slots__ = ("_audio_bytes", "_chunks", "_dropped", "_entries", "_limits", "_taken")

    def __init__(self, limits: InputBufferLimits) -> None:
        self._limits = limits
        self._entries: deque[tuple[float, ClientInput]] = deque()
        self._audio_bytes = 0
        self._chunks = 0
        self._taken = {True: 0, False: 0}
        """Bytes in memory: of audio (True) and of messages."""
        self._dropped: dict[str, DroppedInput] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def memory_bytes(self) -> int:
        """About how much memory the entries take."""
        return self._taken[True] + self._taken[False]

    @property
    def chunks(self) -> int:
        """The number of buffered audio chunks."""
        return self._chunks

    @property
    def ms(self) -> float:
        """The length of the buffered audio."""
        return self._audio_bytes / BYTES_PER_MS

    def add(self, entry: ClientInput, now: float) -> None:
        """Buffer one entry; where there is no room, the oldest entries of its kind are dropped."""
        self.expire(now)
        if isinstance(entry, ClientNative) and entry.body is not None:
            entry = replace(entry, body=None)  # the tree takes up to fifty times what the frame takes
        self._entries.append((now, entry))
        self._count(entry, 1)
        while self.ms > self._limits.audio_ms or self._taken[True] > self._limits.kept_bytes:
            self._drop_oldest(audio=True)
        while self.messages > self._limits.messages or self._messages_too_large:
            self._drop_oldest(audio=False)

    @property
    def messages(self) -> int:
        """The number of buffered entries that are no audio."""
        return len(self._entries) - self._chunks

    @property
    def _messages_too_large(self) -> bool:
        return self._taken[False] > self._limits.kept_bytes and self.messages > 1

    def _count(self, entry: ClientInput, sign: int) -> None:
        self._taken[isinstance(entry, ClientAudio)] += sign * memory_bytes(entry)
        if isinstance(entry, ClientAudio):
            self._audio_bytes += sign * len(entry.pcm)
            self._chunks += sign

    def _drop_oldest(self, *, audio: bool) -> None:
        """Drop the oldest entry of a kind; the others keep their order."""
        index = next(i for i, (_, entry) in enumerate(self._entries) if isinstance(entry, ClientAudio) is audio)
        _, entry = self._entries[index]
        del self._entries[index]
        self._drop(entry, "buffer_full")

    def _drop(self, entry: ClientInput, reason: str) -> None:
        self._count(entry, -1)
        self.add_dropped(DroppedInput(reason).including(entry))

    def add_dropped(self, dropped: DroppedInput) -> None:
        """Add to the count of what was dropped for the same reason."""
        known = self._dropped.get(dropped.reason, DroppedInput(dropped.reason))
        self._dropped[dropped.reason] = DroppedInput(
            dropped.reason,
            known.chunks + dropped.chunks,
            known.ms + dropped.ms,
            known.messages + dropped.messages,
        )

    def expire(self, now: float) -> None:
        """Drop what has waited for too long."""
        while (expires_at := self.oldest_expires_at) is not None and now >= expires_at:
            self._drop(self._entries.popleft()[1], "too_old")

    def drop_all(self, reason: str) -> None:
        """Empty the buffer and count all of it as dropped for `reason`; `pop_dropped` then reports it."""
        if self._entries:
            self.add_dropped(DroppedInput(reason, self._chunks, self.ms, self.messages))
        self._entries.clear()
        self._audio_bytes = self._chunks = 0
        self._taken = {True: 0, False: 0}

    def pop(self) -> ClientInput | None:
        """Remove and return the oldest entry; None if the buffer is empty."""
        if not self._entries:
            return None
        _, entry = self._entries.popleft()
        self._count(entry, -1)
        return entry

    @property
    def oldest_expires_at(self) -> float | None:
        """When the oldest entry will have waited for too long; None if the buffer is empty."""
        return self._entries[0][0] + self._limits.age_seconds if self._entries else None

    @property
    def has_dropped(self) -> bool:
        """Whether something was dropped and is not reported yet."""
        return bool(self._dropped)

    def pop_dropped(self) -> DroppedInput | None:
        """Return the count for the first reason that came up and reset it; None if everything is reported."""
        return self._dropped.pop(next(iter(self._dropped))) if self._dropped else None
