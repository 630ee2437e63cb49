"""A queue of messages for a slow reader: first in, first out, bounded in bytes. One task takes messages out and writes.

The bound includes the message being written. The queue knows nothing of sockets and decides nothing: `put` returns
False if there is no room, and the caller ends the session.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Self, TypeVar

import trio

T = TypeVar("T")


class SendQueue(Generic[T]):
    """A bounded queue with one reader: `async for item in queue`. Iteration ends after `close`, once it is empty."""

    __slots__ = ("_closed", "_lot", "_max_bytes", "_queue", "_writing_bytes", "peak_bytes", "queued_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._queue: deque[tuple[T, int]] = deque()
        self._writing_bytes = 0
        self._closed = False
        self._lot = trio.lowlevel.ParkingLot()
        self.queued_bytes = 0
        """What was put in and is not written yet."""
        self.peak_bytes = 0
        """The largest `queued_bytes` so far."""

    def put(self, item: T, n_bytes: int) -> bool:
        """Add an item of this size. Returns False, without adding it, if there is no room. Never blocks.

        An item that is larger than the bound fits if the queue is empty.
        """
        if self.queued_bytes and self.queued_bytes + n_bytes > self._max_bytes:
            return False
        self._queue.append((item, n_bytes))
        self.queued_bytes += n_bytes
        self.peak_bytes = max(self.peak_bytes, self.queued_bytes)
        self._lot.unpark()
        return True

    def clear(self) -> int:
        """Drop all items but the one being written. Returns how many bytes were dropped."""
        dropped = self.queued_bytes - self._writing_bytes
        self._queue.clear()
        self.queued_bytes = self._writing_bytes
        return dropped

    def close(self) -> None:
        """End the iteration once the queue is empty. Call it after the last `put`."""
        self._closed = True
        self._lot.unpark_all()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Wait for the next item and return it. The item before it counts as written from now on.

        No checkpoint if an item is there. Cancelling loses no item.
        """
        self.queued_bytes -= self._writing_bytes
        self._writing_bytes = 0
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            await self._lot.park()
        item, self._writing_bytes = self._queue.popleft()
        return item
