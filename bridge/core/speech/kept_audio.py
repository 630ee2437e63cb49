"""Audio that went upstream and is kept: which bytes stand at which position. `replay_buffer.py` says for how long.

Every chunk of speech of every caller passes here, so a chunk is kept as the bytes object that was sent, with nothing
around it: its position follows from those before it. Audio that the client took back leaves a *gap*, since positions
count what was appended; a gap is kept as its length.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A shorter chunk, less than 1 ms, is joined to the one before it: as an object it would cost a multiple of its audio.
SMALL_BYTES: Final = 48
#: How long a chunk may become in this way: 20 ms.
JOINED_BYTES: Final = 960


#: How long a chunk may become before it is sent again: 100 ms. So 30 s of speech are 300 messages, whatever they were.
RESENT_BYTES: Final = 4_800


def join_chunks(entries: Iterable[bytes | None]) -> Iterator[bytes | None]:
    """Join chunks that follow each other, up to RESENT_BYTES. None, a commit, stays where it is."""
    waiting: list[bytes] = []
    size = 0
    for entry in entries:
        if waiting and (entry is None or size + len(entry) > RESENT_BYTES):
            yield b"".join(waiting)
            waiting, size = [], 0
        if entry is None:
            yield None
        else:
            waiting.append(entry)
            size += len(entry)
    if waiting:
        yield b"".join(waiting)


class KeptAudio:
    """Chunks of audio in the order that they were sent in, from position `start` to `end`, in bytes."""

    __slots__ = ("_chunks", "_gaps", "_sealed", "end", "start")

    def __init__(self) -> None:
        self._chunks: deque[bytes | int] = deque()
        """Audio, or the length of a gap. Never begins with a gap."""
        self._gaps = 0
        """The length of all gaps."""
        self._sealed = 0
        self.start = 0
        """Where the audio begins that is kept; `end` if none is."""
        self.end = 0
        """How much was ever appended."""

    @property
    def size(self) -> int:
        """How much audio is kept, in bytes."""
        return self.end - self.start - self._gaps

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Every chunk with the position where it begins."""
        position = self.start
        for chunk in self._chunks:
            if isinstance(chunk, int):
                position += chunk
            else:
                yield position, chunk
                position += len(chunk)

    def append(self, pcm: bytes) -> None:
        """Keep a chunk that was sent."""
        size = len(pcm)
        if size >= SMALL_BYTES:
            self._chunks.append(pcm)
        elif size:  # nothing is no chunk
            self._join(pcm)
        self.end += size

    def seal(self) -> None:
        """Never join what follows with what was sent so far: something stands between them."""
        self._sealed = self.end

    def _join(self, pcm: bytes) -> None:
        last = self._chunks[-1] if self._chunks else 0
        if isinstance(last, bytes) and len(last) < JOINED_BYTES and self._sealed < self.end:
            self._chunks[-1] = last + pcm
        else:
            self._chunks.append(pcm)

    def release_before(self, position: int) -> tuple[int, int]:
        """Forget the audio before `position`. Returns its size in bytes, and how many whole chunks it was."""
        chunks, start = self._chunks, self.start
        size = whole = 0
        while chunks:
            first = chunks[0]
            if isinstance(first, int):
                self._gaps -= first
                start += first
            elif start + len(first) <= position:
                start += len(first)
                size += len(first)
                whole += 1
            else:
                if start < position:
                    chunks[0] = first[position - start :]
                    size += position - start
                    start = position
                break
            chunks.popleft()
        self.start = start
        return size, whole

    def take_back(self, position: int) -> None:
        """Forget the audio from `position` on. What is appended next stands behind it all the same."""
        chunks, end = self._chunks, self.end
        while chunks and (end > position or isinstance(chunks[-1], int)):
            last = chunks.pop()
            if isinstance(last, int):
                self._gaps -= last
                end -= last
                continue
            end -= len(last)
            if end < position:
                chunks.append(last[: position - end])
                end = position
        if not chunks:
            self.start = self.end
        elif end < self.end:
            chunks.append(self.end - end)
            self._gaps += self.end - end
