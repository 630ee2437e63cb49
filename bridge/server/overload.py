"""When a worker takes no more clients: it has too much to do or holds too much. And whom it ends if that isn't enough.

Pure: `process/load_watch.py` measures. The lag is smoothed, so that one pause sheds nobody, and a worker that sheds
goes on until the lag is half of the mark: else it would let in a crowd with each good moment. Memory past its mark
keeps newcomers out; past a quarter more, those who hold most are ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Over how long the lag is smoothed, in seconds.
SMOOTH_SECONDS: Final = 1.0
#: A worker that sheds takes clients again once the lag is this part of the mark.
_CALM: Final = 0.5
#: From how many times the memory mark on sessions are ended.
_END_AT: Final = 1.25
#: What the sessions of one address may hold of the memory mark. (Loopback too: behind a proxy that isn't trusted, all
#: clients have its address, and none of them holds that much.)
_ADDRESS_PART: Final = 0.25


#: Nobody is ended for holding less: a caller who only speaks holds 30 s of speech at most, which take 1.8 MB.
_LEAST_BYTES: Final = 2 * 2**20
#: How long to wait for the effect before more are ended, in seconds: memory is given back late.
_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMarks:
    """Past what a worker sheds load. 0: never."""

    lag_seconds: float = 0.25
    """Of the event loop: how late what is ready has its turn. Answers are heard to stutter from about this on."""
    memory_bytes: int = 2**30
    """Of the process."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A client, and how much is held for it."""

    client_id: str
    address: str
    held_bytes: int


class Overload:
    """The load of one worker."""

    def __init__(self, marks: LoadMarks) -> None:
        self.marks = marks
        self._lag, self._memory = 0.0, 0
        self._at: float | None = None
        self._slow = False
        self._ended_at = -math.inf

    @property
    def lag_seconds(self) -> float:
        """The smoothed lag."""
        return self._lag

    def measured(self, lag: float, memory: int, now: float) -> None:
        """Take a measurement: the longest lag since the last one in seconds, and the memory of the process in bytes."""
        elapsed = 0.0 if self._at is None else now - self._at
        self._at, self._memory = now, memory
        self._lag += (lag - self._lag) * (1 - math.exp(-elapsed / SMOOTH_SECONDS))
        mark = self.marks.lag_seconds
        self._slow = mark > 0 and self._lag > (mark * _CALM if self._slow else mark)

    @property
    def problem(self) -> str | None:
        """Why newcomers are rejected; None if they are not."""
        if self._slow:
            return "The bridge is overloaded. Try again later."
        if 0 < self.marks.memory_bytes < self._memory:
            return "The bridge is short of memory. Try again later."
        return None

    def too_much(self, holders: Iterable[Holder]) -> list[str]:
        """Return the clients to end, by id: the largest of an address with too much, and of all if memory is short."""
        mark = self.marks.memory_bytes
        if not mark:
            return []
        now = self._at or 0.0
        largest_first = sorted(holders, key=lambda holder: -holder.held_bytes)
        by_address: dict[str, float] = {}
        for one in largest_first:
            by_address[one.address] = by_address.get(one.address, 0.0) + one.held_bytes
        excess = {address: held - mark * _ADDRESS_PART for address, held in by_address.items()}
        waiting = now - self._ended_at < _PAUSE_SECONDS
        short = self._memory - mark if self._memory > mark * _END_AT and not waiting else 0.0
        ended = []
        for one in largest_first:
            if one.held_bytes >= _LEAST_BYTES and (excess[one.address] > 0 or short > 0):
                self._ended_at = now
                ended.append(one.client_id)
                excess[one.address] -= one.held_bytes
                short -= one.held_bytes
        return ended
