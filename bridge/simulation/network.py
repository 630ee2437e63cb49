"""A network cable in memory: two byte streams with latency, slices, stalls, resets and silence, drawn from a seed.

Stands in for TCP: order is kept, bytes arrive or the link breaks. A sender waits once WINDOW bytes are on their way,
as a full socket buffer makes it wait. No tasks: a reader waits until what was sent is due.
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

#: What may be on its way in one direction.
WINDOW = 64 * 1024


@dataclass(slots=True, kw_only=True)
class LinkConditions:
    """How one link is just now; both directions look at it for every piece."""

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    slice_bytes: int = 0
    """Pieces of at most so many bytes are read; 0: as much as there is."""
    stall_rate: float = 0.0
    """How probable it is that a piece, and all behind it, is held up."""
    stall_seconds: float = 3.0
    reset_rate: float = 0.0
    """How probable it is that a piece breaks the link."""
    silence_rate: float = 0.0
    """How probable it is that nothing arrives any more, and nobody is told."""

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        self.latency_ms = self.jitter_ms = self.stall_rate = self.reset_rate = self.silence_rate = 0.0
        self.slice_bytes = 0


class _Pipe:
    """One direction."""

    def __init__(self, link: MemoryLink, chance: random.Random) -> None:
        self._link, self._random = link, chance
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._last_due = 0.0
        self.ends_at = math.inf
        """When the reader sees the end."""
        self.reader_gone = self.writer_gone = False
        self._lot = trio.lowlevel.ParkingLot()

    def changed(self) -> None:
        self._lot.unpark_all()

    def forget(self) -> None:
        self._pieces.clear()
        self._last_due = trio.current_time()

    async def put(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        view = memoryview(data)
        while True:
            if self.writer_gone:
                raise trio.ClosedResourceError
            if self._link.broken_at is not None or self.reader_gone:
                raise trio.BrokenResourceError
            piece = bytes(view[: max(0, WINDOW - self._size)])
            if piece:
                view = view[len(piece) :]
                self._send(piece)
            if not view:
                return
            await self._lot.park()

    def _send(self, piece: bytes) -> None:
        weather, chance = self._link.conditions, self._random
        if weather.reset_rate and chance.random() < weather.reset_rate:
            self._link.reset()
            return
        if weather.silence_rate and chance.random() < weather.silence_rate:
            self._link.go_silent()
        self._size += len(piece)
        if self._link.silent:
            return
        self._pieces.append((self._due(), piece))
        self.changed()

    def _due(self) -> float:
        weather, chance = self._link.conditions, self._random
        due = trio.current_time()
        if weather.latency_ms or weather.jitter_ms:
            due += (weather.latency_ms + weather.jitter_ms * chance.random()) / 1000
        if weather.stall_rate and chance.random() < weather.stall_rate:
            self._link.on_fault("stall")
            due += weather.stall_seconds * chance.random()
        self._last_due = max(self._last_due, due, self._link.stalled_until)
        return self._last_due

    def end(self) -> None:
        """The writer says that nothing more will come."""
        if not self._link.silent and self.ends_at == math.inf:
            self.ends_at = self._due()
        self.changed()

    async def take(self, most: int | None) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            if self.reader_gone:
                raise trio.ClosedResourceError
            if self._link.broken_at is not None:
                raise trio.BrokenResourceError
            now = trio.current_time()
            if self._pieces and self._pieces[0][0] <= now:
                return self._taken(now, most or WINDOW)
            if not self._pieces and self.ends_at <= now:
                return b""
            due = self._pieces[0][0] if self._pieces else self.ends_at
            with trio.move_on_at(due):
                await self._lot.park()

    def _taken(self, now: float, most: int) -> bytes:
        limit = self._link.conditions.slice_bytes
        room = min(most, self._random.randint(1, limit)) if limit else most
        taken = bytearray()
        while room and self._pieces and self._pieces[0][0] <= now:
            due, piece = self._pieces.popleft()
            if len(piece) > room:
                self._pieces.appendleft((due, piece[room:]))
                piece = piece[:room]
            taken += piece
            room -= len(piece)
        self._size -= len(taken)
        self.changed()
        return bytes(taken)


class LinkEnd(trio.abc.HalfCloseableStream):
    """One end of a link."""

    def __init__(self, link: MemoryLink, outgoing: _Pipe, incoming: _Pipe) -> None:
        self._link, self._outgoing, self._incoming = link, outgoing, incoming
        self.opened_at = trio.current_time()
        self.closed_at: float | None = None
        """When this end let go."""

    @property
    def sees_end_at(self) -> float:
        """When this end can know that the other one is gone; infinite while it cannot."""
        broken = self._link.broken_at
        return self._incoming.ends_at if broken is None else min(broken, self._incoming.ends_at)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; waits for room. Raises as any trio stream."""
        await self._outgoing.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        """There is no telling; nobody here asks."""
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for what is due. Raises as any trio stream."""
        return await self._incoming.take(max_bytes)

    async def send_eof(self) -> None:
        """Say that nothing more will come."""
        await trio.lowlevel.checkpoint()
        self._outgoing.end()

    async def aclose(self) -> None:
        """Let go of both directions."""
        if self.closed_at is None:
            self.closed_at = trio.current_time()
            self._outgoing.end()
            self._outgoing.writer_gone = self._incoming.reader_gone = True
            self._outgoing.changed()
            self._incoming.changed()
        await trio.lowlevel.checkpoint()


@dataclass(slots=True)
class MemoryLink:
    """A cable. `near` is whoever opened it."""

    conditions: LinkConditions
    rng: random.Random
    on_fault: Callable[[str], None]
    """Told of every fault as it happens."""
    broken_at: float | None = None
    silent: bool = False
    stalled_until: float = 0.0
    near: LinkEnd = field(init=False)
    far: LinkEnd = field(init=False)
    _pipes: tuple[_Pipe, _Pipe] = field(init=False)

    def __post_init__(self) -> None:
        self._pipes = there, back = _Pipe(self, self.rng), _Pipe(self, self.rng)
        self.near, self.far = LinkEnd(self, there, back), LinkEnd(self, back, there)

    @property
    def open(self) -> bool:
        """Whether anything can still go wrong with it."""
        return self.broken_at is None and not self.silent and self.near.closed_at is None and self.far.closed_at is None

    def reset(self) -> None:
        """Break it: both ends learn of it at once, what is on its way is gone."""
        if self.open:
            self.on_fault("reset")
            self.broken_at = trio.current_time()
            self._forget()

    def go_silent(self) -> None:
        """Nothing arrives any more, and nobody is told (half-open)."""
        if self.open:
            self.on_fault("half-open")
            self.silent = True
            self._forget()

    def stall(self, seconds: float) -> None:
        """Hold everything up for a while."""
        if self.open:
            self.on_fault("stall")
            self.stalled_until = trio.current_time() + seconds

    def _forget(self) -> None:
        for pipe in self._pipes:
            pipe.forget()
            pipe.changed()
