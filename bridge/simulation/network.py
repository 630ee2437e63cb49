"""An in-memory network link: two byte streams with latency, small reads, stalls, resets and silence, drawn from a seed.

It stands in for TCP: bytes arrive in order, or the link breaks. A sender blocks once WINDOW bytes are in flight, as it
does on a full socket buffer. There are no tasks: each piece has a due time, and a reader sleeps until then.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

#: Bytes that may be in flight in one direction.
WINDOW = 64 * 1024


@dataclass(slots=True, kw_only=True)
class LinkConditions:
    """How one link behaves now; both directions read it for every piece. Rates are probabilities per piece."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    slice_bytes: int = 0
    """A read returns at most this many bytes; 0: no limit."""
    stall_rate: float = 0.0
    """A piece, and everything after it, is delayed."""
    stall_seconds: float = 3.0
    """The longest such delay."""
    reset_rate: float = 0.0
    """The link breaks."""
    silence_rate: float = 0.0
    """The link goes silent: nothing arrives any more, and neither end gets an error."""

    def clear(self) -> None:
        """End all faults; latency and jitter too."""
        self.latency_ms = self.jitter_ms = self.stall_rate = self.reset_rate = self.silence_rate = 0.0
        self.slice_bytes = 0


class _Pipe:
    """One direction of a link."""

    def __init__(self, link: MemoryLink, rng: random.Random) -> None:
        self._link, self._rng = link, rng
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._last_due = 0.0
        self.ends_at = math.inf
        """When the reader sees the end of the stream."""
        self.reader_closed = self.writer_closed = False
        self._lot = trio.lowlevel.ParkingLot()

    def wake(self) -> None:
        """Let both ends look at the link again."""
        self._lot.unpark_all()

    def discard(self) -> None:
        self._pieces.clear()
        self._last_due = trio.current_time()

    async def put(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        view = memoryview(data)
        while True:
            if self.writer_closed:
                raise trio.ClosedResourceError
            if self._link.broken_at is not None or self.reader_closed:
                raise trio.BrokenResourceError
            piece = bytes(view[: max(0, WINDOW - self._size)])
            if piece:
                view = view[len(piece) :]
                self._send(piece)
            if not view:
                return
            await self._lot.park()

    def _send(self, piece: bytes) -> None:
        conditions, rng = self._link.conditions, self._rng
        if conditions.reset_rate and rng.random() < conditions.reset_rate:
            self._link.reset()
            return
        if conditions.silence_rate and rng.random() < conditions.silence_rate:
            self._link.go_silent()
        self._size += len(piece)
        if self._link.silent:
            return
        self._pieces.append((self._due(), piece))
        self.wake()

    def _due(self) -> float:
        conditions, rng = self._link.conditions, self._rng
        due = trio.current_time()
        if conditions.latency_ms or conditions.jitter_ms:
            due += (conditions.latency_ms + conditions.jitter_ms * rng.random()) / 1000
        if conditions.stall_rate and rng.random() < conditions.stall_rate:
            self._link.on_fault("stall")
            due += conditions.stall_seconds * rng.random()
        self._last_due = max(self._last_due, due, self._link.stalled_until)
        return self._last_due

    def end(self) -> None:
        """End the stream after what is in flight."""
        if not self._link.silent and self.ends_at == math.inf:
            self.ends_at = self._due()
        self.wake()

    async def take(self, max_bytes: int | None) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            if self.reader_closed:
                raise trio.ClosedResourceError
            if self._link.broken_at is not None:
                raise trio.BrokenResourceError
            now = trio.current_time()
            if self._pieces and self._pieces[0][0] <= now:
                return self._take_due(now, max_bytes or WINDOW)
            if not self._pieces and self.ends_at <= now:
                return b""
            due = self._pieces[0][0] if self._pieces else self.ends_at
            with trio.move_on_at(due):
                await self._lot.park()

    def _take_due(self, now: float, max_bytes: int) -> bytes:
        limit = self._link.conditions.slice_bytes
        room = min(max_bytes, self._rng.randint(1, limit)) if limit else max_bytes
        taken = bytearray()
        while room and self._pieces and self._pieces[0][0] <= now:
            due, piece = self._pieces.popleft()
            if len(piece) > room:
                self._pieces.appendleft((due, piece[room:]))
                piece = piece[:room]
            taken += piece
            room -= len(piece)
        self._size -= len(taken)
        self.wake()
        return bytes(taken)


class LinkEnd(trio.abc.HalfCloseableStream):
    """One end of a link."""

    def __init__(self, link: MemoryLink, outgoing: _Pipe, incoming: _Pipe) -> None:
        self._link, self._outgoing, self._incoming = link, outgoing, incoming
        self.opened_at = trio.current_time()
        self.closed_at: float | None = None
        """When this end was closed."""

    @property
    def sees_end_at(self) -> float:
        """When this end can see that the link is over; infinite while it can't."""
        broken = self._link.broken_at
        return self._incoming.ends_at if broken is None else min(broken, self._incoming.ends_at)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; blocks while the window is full. Raises as any trio stream does."""
        await self._outgoing.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """Return at once: no code under test asks."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for bytes that are due. Raises as any trio stream does; cancelling loses nothing."""
        return await self._incoming.take(max_bytes)

    async def send_eof(self) -> None:
        """End this end's outgoing stream."""
        await trio.lowlevel.checkpoint()
        self._outgoing.end()

    async def aclose(self) -> None:
        """Close both directions. Closing twice is harmless."""
        if self.closed_at is None:
            self.closed_at = trio.current_time()
            self._outgoing.end()
            self._outgoing.writer_closed = self._incoming.reader_closed = True
            self._outgoing.wake()
            self._incoming.wake()
        await trio.lowlevel.checkpoint()


@dataclass(slots=True)
class MemoryLink:
    """A link with two ends. `near` belongs to the side that opened it."""

    conditions: LinkConditions
    rng: random.Random
    on_fault: Callable[[str], None]
    """Called with the kind of every fault that takes effect."""
    broken_at: float | None = None
    silent: bool = False
    stalled_until: float = 0.0
    near: LinkEnd = field(init=False)
    far: LinkEnd = field(init=False)
    _pipes: tuple[_Pipe, _Pipe] = field(init=False)

    def __post_init__(self) -> None:
        self._pipes = outgoing, incoming = _Pipe(self, self.rng), _Pipe(self, self.rng)
        self.near, self.far = LinkEnd(self, outgoing, incoming), LinkEnd(self, incoming, outgoing)

    @property
    def open(self) -> bool:
        """Whether it still carries bytes: not broken, not silent, not closed at either end."""
        return self.broken_at is None and not self.silent and self.near.closed_at is None and self.far.closed_at is None

    def reset(self) -> None:
        """Break the link: both ends see it at once, and bytes in flight are lost."""
        if self.open:
            self.on_fault("reset")
            self.broken_at = trio.current_time()
            self._discard()

    def go_silent(self) -> None:
        """Deliver nothing any more, without telling either end (half-open)."""
        if self.open:
            self.on_fault("half-open")
            self.silent = True
            self._discard()

    def stall(self, seconds: float) -> None:
        """Deliver nothing for `seconds`; then everything, in order."""
        if self.open:
            self.on_fault("stall")
            self.stalled_until = trio.current_time() + seconds

    def _discard(self) -> None:
        for pipe in self._pipes:
            pipe.discard()
            pipe.wake()
