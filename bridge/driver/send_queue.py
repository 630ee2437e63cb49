"""What waits for a slow reader: first in, first out, bounded in bytes. One task takes out and writes.

The bound counts what is being written too. It knows nothing of sockets and decides nothing: whoever puts in learns that
there is no room, and gives the session up.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Self, TypeVar

import trio

T = TypeVar("T")


class SendQueue(Generic[T]):
    """A queue with one reader: `async for item in outbox`. It ends after `finish`, when everything was taken."""

    __slots__ = ("_bound_bytes", "_finished", "_lot", "_taken_bytes", "_waiting", "peak_bytes", "queued_bytes")

    def __init__(self, bound_bytes: int) -> None:
        self._bound_bytes = bound_bytes
        self._waiting: deque[tuple[T, int]] = deque()
        self._taken_bytes = 0
        self._finished = False
        self._lot = trio.lowlevel.ParkingLot()
        self.queued_bytes = 0
        """What was put in and is not written yet."""
        self.peak_bytes = 0
        """The most that ever waited."""

    def put(self, item: T, n_bytes: int) -> bool:
        """Let one more wait; False, and it was not taken, when there is no room.

        One that is larger than the bound by itself has room when nothing else waits.
        """
        if self.queued_bytes and self.queued_bytes + n_bytes > self._bound_bytes:
            return False
        self._waiting.append((item, n_bytes))
        self.queued_bytes += n_bytes
        self.peak_bytes = max(self.peak_bytes, self.queued_bytes)
        self._lot.unpark()
        return True

    def clear(self) -> int:
        """Forget what waits (not: what is being written), and say how many bytes that was."""
        forgotten = self.queued_bytes - self._taken_bytes
        self._waiting.clear()
        self.queued_bytes = self._taken_bytes
        return forgotten

    def close(self) -> None:
        """Nothing more will be put in."""
        self._finished = True
        self._lot.unpark_all()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Take the next one; the last one counts as written now. No checkpoint when one waits; cancelling is safe."""
        self.queued_bytes -= self._taken_bytes
        self._taken_bytes = 0
        while not self._waiting:
            if self._finished:
                raise StopAsyncIteration
            await self._lot.park()
        item, self._taken_bytes = self._waiting.popleft()
        return item
