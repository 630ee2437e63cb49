"""The messages to one client of the REST fallback, numbered, until the client acknowledges them.

Pure. A client may ask for the same messages again until then, so a lost response loses nothing. Two things are bounded:
what was not delivered yet, and what was delivered and may be asked for again.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The bound for each of the two, in bytes of JSON (client protocol, "REST fallback").
MAX_LOG_BYTES: Final = 2**20


class UnknownEventError(ValueError):
    """A client names an event that does not exist yet, or that it has acknowledged. The text is for the client."""


class EventLog:
    """The messages to one client, numbered from 1."""

    __slots__ = ("_delivered", "_events", "_gap", "_held_bytes", "_max_bytes", "_undelivered_bytes", "last")

    def __init__(self, max_bytes: int = MAX_LOG_BYTES) -> None:
        self._max_bytes = max_bytes
        self._events: deque[bytes] = deque()
        self._undelivered_bytes = self._held_bytes = 0
        self._delivered = 0
        """The number of the newest message that a response had."""
        self._gap = False
        """Whether messages were dropped: the client may name one of them, and gets what follows the gap."""
        self.last = 0
        """The number of the newest message; 0 before the first."""

    @property
    def acknowledged(self) -> int:
        """The number of the newest message that is forgotten."""
        return self.last - len(self._events)

    @property
    def held_bytes(self) -> int:
        """How many bytes the client has not acknowledged."""
        return self._held_bytes

    def append(self, message: bytes) -> bool:
        """Add a message. False, and nothing is added, if too much waits for delivery already."""
        if self._undelivered_bytes + len(message) > self._max_bytes:
            return False
        self._events.append(message)
        self._undelivered_bytes += len(message)
        self._held_bytes += len(message)
        self.last += 1
        return True

    def acknowledge(self, number: int) -> None:
        """Forget the messages up to this one. Raises UnknownEventError if it does not exist yet."""
        if number > self.last:
            raise UnknownEventError(f"Event {number} does not exist: the newest is {self.last}.")
        self._deliver_up_to(number)
        while self.acknowledged < number:
            self._held_bytes -= len(self._events.popleft())

    def deliver(self, after: int) -> Sequence[bytes]:
        """Return the messages behind this one, as many as may be unacknowledged; the first one in any case.

        Raises UnknownEventError if the message is forgotten or does not exist yet.
        """
        start = after - self.acknowledged
        if self._gap and start < 0:
            start = 0
        if not 0 <= start <= len(self._events):
            known = f"{self.acknowledged} to {self.last}"
            raise UnknownEventError(f"'after' is {after}, and the bridge has the events behind {known}.")
        chosen: list[bytes] = []
        size = 0
        for message in islice(self._events, start, None):
            size += len(message)
            if chosen and size > self._max_bytes:
                break
            chosen.append(message)
        self._deliver_up_to(self.acknowledged + start + len(chosen))
        return chosen

    def first_behind(self, after: int) -> int:
        """Return the number of the first message that `deliver` gives for `after`."""
        return max(after, self.acknowledged) + 1

    def drop(self) -> int:
        """Forget everything. Returns how many bytes nobody had got."""
        dropped, self._undelivered_bytes, self._held_bytes = self._undelivered_bytes, 0, 0
        self._events.clear()
        self._delivered, self._gap = self.last, True
        return dropped

    def _deliver_up_to(self, number: int) -> None:
        new = number - self._delivered
        if new > 0:
            start = self._delivered - self.acknowledged
            self._undelivered_bytes -= sum(map(len, islice(self._events, start, start + new)))
            self._delivered = number
