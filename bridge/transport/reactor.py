"""One task that reads and writes all sockets of a process which carry a `PushLink`.

trio waits for the selector itself, which is readable when any socket is. Then a *round* serves every socket that is
ready, each once and in a bounded slice, gathers what is sent to one socket during the round into one write, and ends in
a checkpoint. So a frame costs neither a task nor a wake-up, and nothing else in the process waits for long.

Sockets that had more to do than fits in a slice stand *behind* all others from then on: they have what the others leave
of each round, and one turn at least. So do those in the middle of a large message, whose end takes long to handle. So a
flood, however many sockets it comes from, delays only itself: whoever sends a message now and then is served before it.

It knows sockets and fairness, no frames: a `SocketCarrier` does the reading and writing. Where the system has no
selector that can itself be waited for, there is no reactor, and `carriers.py` gives each socket a task of its own.
"""

from __future__ import annotations

import math
import os
import select
from collections import deque
from contextlib import suppress
from itertools import islice, takewhile
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long a round may take before other tasks run, in seconds.
ROUND_SECONDS: Final = 0.005
#: How many links may end in a round. A frame is handled in microseconds, but what follows an end in other tasks
#: (closing, logging, opening another session) takes a good part of a millisecond: a thousand at once would stop all.
ENDS_PER_ROUND: Final = 4
#: As which part of all time one socket that stands behind counts, at most.
MOST_BEHIND: Final = 0.1
#: For how long a socket is young: what a connection costs at its start says nothing about what it costs later.
YOUNG_SECONDS: Final = 2.0


class Pollable(Protocol):
    """What the reactor serves: one socket. Its methods never block; what they raise ends this one only."""

    fd: int

    @property
    def is_heavy(self) -> bool:
        """Whether what comes next may take long, though little was read: the end of a large message."""
        ...

    def serve(self, now: float, *, readable: bool, writable: bool) -> bool:
        """Read and write what is possible, in a bounded slice. Returns whether something is left to do at once."""
        ...

    def flush(self, now: float) -> None:
        """Write what was sent during the round."""
        ...

    def crashed(self, error: Exception) -> None:
        """Take an exception of `serve` or `flush`."""
        ...


class Reactor:
    """The task, in a trio run. Get it with `current_reactor`."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        """`clock` measures how long a round takes."""
        self._clock = clock
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._poll.register(self._wake, select.EPOLLIN)
        self._served: dict[int, Pollable] = {}
        self._watched: dict[int, int] = {}
        """What each socket in the selector is watched for."""
        self._todo: deque[tuple[Pollable, int]] = deque()
        """Sockets that are ready and had no turn yet, and what they are ready for."""
        self._asked: dict[Pollable, int] = {}
        """Those that asked for a turn, and what they are ready for."""
        self._behind: dict[Pollable, int] = {}
        """Those whose last slice was too short for all they had, the first one first, and what they are ready for."""
        self._to_flush: list[Pollable] = []
        self._ends: deque[trio.Event] = deque()
        """What to set for the links that have ended, the first one first."""
        self._in_round = False
        self._found_at, self._longest_turn = math.inf, 0.0
        self._busy_seconds = 0.0
        self._busy_since = clock()
        self._seconds_behind: dict[Pollable, float] = {}
        """For how long each that stood behind was served meanwhile."""
        self._young: dict[Pollable, float] = {}
        """When sockets that came lately are young no more, the first one first."""

    def add(self, one: Pollable) -> None:
        """Serve a socket, readable for now, and in the next round in any case."""
        self._served[one.fd] = one
        self._young[one] = self._clock() + YOUNG_SECONDS
        self._watched[one.fd] = 0
        self.watch(one, readable=True, writable=False)
        self.serve_soon(one)

    def remove(self, one: Pollable) -> None:
        """Stop serving a socket. Call it before the socket is closed: its number may be another one's afterwards."""
        if self._served.get(one.fd) is one:
            del self._served[one.fd]
            self._young.pop(one, None)
            if self._watched.pop(one.fd):
                with suppress(OSError):  # it was closed too early, and the selector knows
                    self._poll.unregister(one.fd)

    def watch(self, one: Pollable, *, readable: bool, writable: bool) -> None:
        """Choose what a socket is served for. For neither, it is not watched: a hang-up would wake us for ever."""
        if self._served.get(one.fd) is not one:
            return
        wanted, watched = (readable and select.EPOLLIN) | (writable and select.EPOLLOUT), self._watched[one.fd]
        if wanted == watched:
            return
        self._watched[one.fd] = wanted
        if not wanted:
            self._poll.unregister(one.fd)
        elif watched:
            self._poll.modify(one.fd, wanted)
        else:
            self._poll.register(one.fd, wanted)

    def serve_soon(self, one: Pollable) -> None:
        """Serve a socket in the next round as if it was readable: what was read before may wait above it."""
        (self._behind if one in self._behind else self._asked)[one] = select.EPOLLIN
        if not self._in_round:
            os.eventfd_write(self._wake, 1)

    def flush_soon(self, one: Pollable) -> None:
        """Flush a socket at the end of the round, or at once if none is going on."""
        self._to_flush.append(one)
        if not self._in_round:
            self._flush()

    def end(self, ended: trio.Event) -> None:
        """Set an event soon, to wake up the owner of a link that has ended. Call it in `serve`."""
        self._ends.append(ended)

    def take_longest_turn(self) -> float:
        """Return how long a socket that became ready had to wait at most since the last call, in seconds.

        Those that stand behind don't count: they have more to do than others, and wait for that reason.
        """
        longest, self._longest_turn = self._longest_turn, 0.0
        return longest

    def take_busy(self) -> float:
        """Return for which part of the time since the last call sockets were served that are not young, from 0 to 1.

        One that stands behind counts for a tenth at most: with more, it only fills up what the others leave. Ask for
        half a second or more: a slice may take a good part of less.
        """
        now = self._clock()
        elapsed, self._busy_since = now - self._busy_since, now
        most = elapsed * MOST_BEHIND
        busy = self._busy_seconds + sum(min(seconds, most) for seconds in self._seconds_behind.values())
        self._busy_seconds = 0.0
        self._seconds_behind.clear()
        for one in list(takewhile(lambda one: self._young[one] <= now, self._young)):
            del self._young[one]
        return min(1.0, busy / elapsed) if elapsed > 0 else 0.0

    async def run(self) -> None:
        """Serve until cancelled."""
        try:
            while True:
                if self._todo or self._asked or self._behind or self._ends:
                    await trio.lowlevel.checkpoint()
                else:
                    await trio.lowlevel.wait_readable(self._poll)
                    self._found_at = math.inf
                self._round()
        finally:
            self._poll.close()
            os.close(self._wake)

    def _round(self) -> None:
        """Serve what is ready, until all had their turn or ROUND_SECONDS are over."""
        now, begins = trio.current_time(), self._clock()
        until, ended, todo = begins + ROUND_SECONDS, begins, self._todo
        if not todo:  # else the rest of the last round comes first: nobody is passed over
            self._longest_turn = max(self._longest_turn, begins - self._found_at)
            self._found_at = begins
            self._find_ready()
        behind = len(self._behind)  # who gets there in this round has had a turn
        self._in_round = True
        try:
            while todo:
                one, events = todo.popleft()
                self._serve(one, events, now)
                began, ended = ended, self._clock()
                if one not in self._young:
                    self._busy_seconds += ended - began
                if ended >= until:
                    break
        finally:
            self._in_round = False
        if self._to_flush:  # nobody's answer waits for those who stand behind
            self._flush()
        if behind:
            self._serve_behind(behind, now, until)
        for _ in range(min(len(self._ends), ENDS_PER_ROUND)):
            self._ends.popleft().set()

    def _serve_behind(self, count: int, now: float, until: float) -> None:
        """Serve those that stood behind at the begin of the round, in what is left of it; the first one in any case."""
        behind, ended = self._behind, self._clock()
        self._in_round = True
        try:
            for one in list(islice(behind, count)):
                if one not in behind:
                    continue  # it was removed meanwhile
                self._serve(one, behind.pop(one), now)
                began, ended = ended, self._clock()
                if one not in self._young:
                    self._seconds_behind[one] = self._seconds_behind.get(one, 0.0) + ended - began
                if ended >= until:
                    break
        finally:
            self._in_round = False
        if self._to_flush:
            self._flush()

    def _find_ready(self) -> None:
        """Fill the round: each socket once, whatever the reasons. Heavy ones stand behind."""
        asked, self._asked = self._asked, {}
        served, todo, behind = self._served, self._todo, self._behind
        for fd, events in self._poll.poll(0):
            if fd == self._wake:
                os.eventfd_read(fd)
            elif (one := served.get(fd)) is not None:
                if one in behind or one.is_heavy:
                    behind[one] = behind.get(one, 0) | events | asked.pop(one, 0)
                else:
                    todo.append((one, events | asked.pop(one, 0)))
        todo.extend(asked.items())

    def _serve(self, one: Pollable, events: int, now: float) -> None:
        if self._served.get(one.fd) is not one:
            return
        # an error or a hang-up makes a socket readable: the read tells which
        try:
            if one.serve(now, readable=bool(events & ~select.EPOLLOUT), writable=bool(events & select.EPOLLOUT)):
                self._behind[one] = self._asked.pop(one, 0)
        except Exception as error:  # noqa: BLE001 - an error of one session must end only that session
            one.crashed(error)

    def _flush(self) -> None:
        """Write what was sent. What is sent meanwhile waits for the end of the next round."""
        now = trio.current_time()
        ready, self._to_flush = self._to_flush, []
        self._in_round = True
        try:
            for one in ready:
                if self._served.get(one.fd) is one:
                    try:
                        one.flush(now)
                    except Exception as error:  # noqa: BLE001 - as above
                        one.crashed(error)
        finally:
            self._in_round = False
        if self._to_flush:
            os.eventfd_write(self._wake, 1)


_reactor: trio.lowlevel.RunVar[Reactor] = trio.lowlevel.RunVar("reactor")


def has_reactor() -> bool:
    """Whether this system has a selector that can itself be waited for."""
    return hasattr(select, "epoll") and hasattr(os, "eventfd")


def current_reactor() -> Reactor:
    """Return the reactor of this trio run; the first call starts it, and the end of the run stops it."""
    try:
        return _reactor.get()
    except LookupError:
        reactor = Reactor()
        _reactor.set(reactor)
        trio.lowlevel.spawn_system_task(reactor.run, name="reactor")
        return reactor
