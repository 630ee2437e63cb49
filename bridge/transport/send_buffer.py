"""What a link has to write and its stream did not take yet, in whole frames, oldest first.

It knows neither a socket nor a WebSocket: a carrier asks what to write next and says what was taken. `push_link.py` is
the only subclass; it fills the buffer and bounds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: The most that is joined for one write, in bytes. A single frame may be longer.
WRITE_BYTES: Final = 128 * 1024


class SendBuffer:
    """Frames that wait to be written."""

    __slots__ = ("_messages", "_oldest", "_partly_sent", "on_written", "out", "unsent_bytes")

    def __init__(self) -> None:
        self.out: list[bytes | memoryview] = []
        """What waits to be written, oldest first. For the carrier. A list, as it is nearly always empty: an empty deque
        takes ten times the memory."""
        self.unsent_bytes = 0
        """How much of it there is."""
        self.on_written: Callable[[int, float], None] | None = None
        """Called once everything is written: how many messages had a `read_at`, and the oldest one's age in seconds."""
        self._messages, self._oldest = 0, 0.0
        self._partly_sent = False
        """Whether a part of the first piece is written, or may be."""

    def next_write(self, *, in_pieces: bool) -> bytes | memoryview:
        """Return what to write next, about WRITE_BYTES. It stays here until it is `taken`. `out` must not be empty.

        Without `in_pieces`, the carrier cannot tell how much of it was written until all of it is.
        """
        out = self.out
        if len(out) > 1 and len(out[0]) < WRITE_BYTES:
            frames, size = 0, 0
            while frames < len(out) and size < WRITE_BYTES:
                size += len(out[frames])
                frames += 1
            out[:frames] = [b"".join(out[:frames])]
        self._partly_sent = self._partly_sent or not in_pieces
        return out[0]

    def taken(self, n_bytes: int, now: float) -> None:
        """Note that so many bytes of the last `next_write` were written: at least one."""
        out = self.out
        if not out:  # the link broke during the write
            return
        self.unsent_bytes -= n_bytes
        if self.unsent_bytes:
            rest = memoryview(out[0])[n_bytes:]  # not a copy: it may be long, and written in many pieces
            self._partly_sent = bool(rest)
            out[:1] = [rest] if rest else []
            return
        messages, self._messages = self._messages, 0
        self._empty()
        if messages and self.on_written is not None:
            self.on_written(messages, now - self._oldest)

    def drop_unsent(self) -> int:
        """Drop all frames but those of a write that has begun. Returns how many bytes were dropped."""
        kept = self.out[0] if self._partly_sent else b""
        dropped = self.unsent_bytes - len(kept)
        partly_sent = self._partly_sent
        self._empty()
        if partly_sent:
            self.out.append(kept)
            self.unsent_bytes, self._partly_sent = len(kept), True
        self._messages = 0
        return dropped

    def _empty(self) -> None:
        self.out.clear()
        self.unsent_bytes, self._partly_sent = 0, False
