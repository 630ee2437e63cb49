"""When a worker takes no more clients: it has too much to do or holds too much. And whom it ends if that isn't enough.

Pure: `process/load_watch.py` measures. What is measured is smoothed, so that one pause sheds nobody, and a worker that
sheds goes on until it is well below the mark: else it would let in a crowd with each good moment.

Two measures tell that there is too much to do. The *lag* says that it is too late: a worker that can't keep up is late
for everybody, and letting nobody else in does not change that. So newcomers are kept out before, by how *busy* the
worker is: the part of the time in which it serves open connections. (Not handshakes and other begins, so that a
thousand clients that come back at once are let in; and those who send more than their share only for a part, or they
would lock the others out.) A newcomer counts at once as what a client costs on average, before it shows what it costs.

Memory past its mark keeps newcomers out; past a quarter more, those who hold most are ended.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Over how long lag and business are smoothed, in seconds.
SMOOTH_SECONDS: Final = 1.0
#: A worker that sheds takes clients again once the lag is this part of the mark.
_CALM: Final = 0.5
#: From which part of the time on a worker is busy enough, and below which it takes clients again. The rest is for
#: writing, for handshakes (refusals among them), and for what a moment brings: the nearer to 1, the longer it takes to
#: catch up.
BUSY: Final = 0.5
_LESS_BUSY: Final = 0.45
#: How many times as much newcomers may count as those who are measured: who comes and says nothing keeps others out
#: only where there is little room for them anyway.
_MOST_MORE: Final = 1.5
#: Among fewer clients, what one of them does says nothing about the next one.
_FEWEST_CLIENTS: Final = 4
#: From how many times the memory mark on sessions are ended.
_END_AT: Final = 1.25
#: What the sessions of one address may hold of the memory mark. (Loopback too: behind a proxy that isn't trusted, all
#: clients have its address, and none of them holds that much.)
_ADDRESS_PART: Final = 0.25


#: Nobody is ended for holding less: a caller who only speaks holds 30 s of speech at most, which take 1.8 MB.
_LEAST_BYTES: Final = 2 * 2**20
#: How long to wait for the effect before more are ended, in seconds: memory is given back late.
_PAUSE_SECONDS: Final = 5.0


class ShedReason(StrEnum):
    """Why newcomers are rejected: a label of metrics."""

    LAG = "lag"
    BUSY = "busy"
    MEMORY = "memory"


#: What rejected clients are told.
MESSAGES: Final = {
    ShedReason.LAG: "The bridge is overloaded. Try again later.",
    ShedReason.BUSY: "The bridge has as many clients as it can serve well. Try again later.",
    ShedReason.MEMORY: "The bridge is short of memory. Try again later.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadMarks:
    """Past what a worker sheds load. 0: never."""

    lag_seconds: float = 0.25
    """Of the event loop: how late what is ready has its turn. Answers are heard to stutter from about this on.

    0 also switches off the mark for how busy the worker is."""
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
        self._lag, self._busy, self._clients, self._memory = 0.0, 0.0, 0.0, 0
        self._at: float | None = None
        self._busy_at: float | None = None
        self._late = self._full = False
        self._ended_at = -math.inf

    @property
    def lag_seconds(self) -> float:
        """The smoothed lag."""
        return self._lag

    def measured(self, lag: float, memory: int, now: float) -> None:
        """Take a measurement: the longest lag since the last one in seconds, and the memory of the process in bytes."""
        new, self._at = _weight(self._at, now), now
        self._lag += (lag - self._lag) * new
        self._memory = memory
        mark = self.marks.lag_seconds
        self._late = mark > 0 and self._lag > (mark * _CALM if self._late else mark)

    def served(self, busy: float, clients: int, now: float) -> None:
        """Take another one: in which part of the time since the last one clients were served, and how many.

        Without those that came in the last seconds. Take it over half a second or so: who sends in bursts is busy for a
        moment.
        """
        new, self._busy_at = _weight(self._busy_at, now), now
        self._busy += (busy - self._busy) * new
        self._clients += (clients - self._clients) * new

    def sheds(self, clients: int) -> ShedReason | None:
        """Return why a newcomer is rejected that would be the last one of so many clients; None if it is not."""
        if self._late:
            return ShedReason.LAG
        more = clients / self._clients if self._clients >= _FEWEST_CLIENTS else 1.0
        self._full = self.marks.lag_seconds > 0 and self._busy * min(more, _MOST_MORE) > (
            _LESS_BUSY if self._full else BUSY
        )
        if self._full:
            return ShedReason.BUSY
        return ShedReason.MEMORY if 0 < self.marks.memory_bytes < self._memory else None

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


def _weight(last: float | None, now: float) -> float:
    """Return how much a measurement counts beside all earlier ones, by the time since the last one."""
    return 0.0 if last is None else 1 - math.exp(-(now - last) / SMOOTH_SECONDS)
