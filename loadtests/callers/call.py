"""One call on one socket: a greenlet that speaks when something is due, and one that listens. gevent's world.

What is said and what the answers mean decides `talk.py`; here are the socket and the clock. A call ends because it was
told to, because the bridge ended it, or because it was cut; `fate` says which. It never outlives its `run`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event

from loadtests.callers.connect_errors import why
from loadtests.callers.websocket import BROKEN, Wire, WireClosed
from loadtests.metrics.recorder import Spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtests.callers.session import Talk

#: Longest waits, in seconds: for the socket and its first frame, for a goodbye.
CONNECT_SECONDS, GOODBYE_SECONDS = 10.0, 3.0
#: A caller is silent for so long before the goodbye: what he said must have gone up by then.
BREATH_SECONDS = 1.0
#: Somebody who reads slowly has a small window too, or the kernel reads for him.
_SLOW_WINDOW_BYTES = 4096
_LISTENER_SECONDS = 1.0
#: Frames that one caller hears before others have their turn.
_IN_A_ROW = 32
#: What reading a frame of somebody who means no good may raise.
_UNREADABLE = (ValueError, OverflowError, RecursionError)


class Fate(StrEnum):
    """How a call ended."""

    DONE = "done"
    """As it was told to."""
    LOST = "lost"
    """The bridge or the network ended it."""
    CUT = "cut"
    """The test cut it."""
    REFUSED = "refused"
    """There was never a socket, or no session and never will be."""


@dataclass(frozen=True, slots=True)
class Where:
    """What is called."""

    url: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(slots=True)
class Call:
    """One call. `run` makes it from beginning to end; `cut` ends it from outside, without a goodbye."""

    where: Where
    talk: Talk
    due: float
    """When it should begin, in `time.monotonic` seconds: its latency counts from there."""
    open_wire: Callable[..., Wire] = Wire.opened
    breath: float = BREATH_SECONDS
    is_whole: bool = False
    """Whether it ended in good order, so that all that was said must have arrived."""
    fate: Fate = Fate.DONE
    _wire: Wire | None = None
    _gone: Event = field(default_factory=Event)
    _leaving: bool = False
    _left_ready: bool = False
    """Whether there was a session when the goodbye began: then all that was said must have arrived."""
    _ended_well: bool = False
    _began_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self._began_ms = self.talk.source.sent_ms

    def run(self, stop: Callable[[], bool]) -> Fate:
        """Call, talk until `stop` says so, and hang up. Killing the greenlet says goodbye; a second kill hangs up."""
        self.talk.notes.counted("calls")
        wire = self._connected()
        if wire is None:
            return self.fate
        listener = gevent.spawn(self._listen, wire)
        try:
            self._talk_until_told(wire, stop)
        finally:
            try:
                if not self._gone.is_set():
                    self._say_goodbye(wire)
            finally:
                self._hang_up(wire, listener)
                self._account()
        return self.fate

    def cut(self) -> None:
        """Break the socket as a network does: no close frame, nothing more."""
        if self._wire is not None and not self._leaving:
            self.fate = Fate.CUT
            self.talk.broke(time.monotonic())
            self._wire.cut()
            self._gone.set()

    # ---- connecting

    def _connected(self) -> Wire | None:
        """Open the socket and hear its first frame. None when that failed, which is noted."""
        talk, where = self.talk, self.where
        window = _SLOW_WINDOW_BYTES if talk.behaviour.reads_bytes_per_second else 0
        wire: Wire | None = None
        try:
            with gevent.Timeout(CONNECT_SECONDS):
                wire = self.open_wire(talk.line.address(where.url, where.model), where.headers, read_bytes=window)
                self._hear(wire.receive())
        except (*BROKEN, *_UNREADABLE, gevent.Timeout) as error:
            self.fate = Fate.REFUSED
            talk.notes.pulse.failed += 1
            talk.notes.failed_at("failed_connects", why(error, CONNECT_SECONDS), time.monotonic() - self.due)
            if wire is not None:
                wire.cut()
            return None
        except BaseException:  # killed while it dialled
            if wire is not None:
                wire.cut()
            raise
        self._wire = wire
        talk.notes.took("connect", time.monotonic() - self.due)
        return wire

    # ---- talking

    def _talk_until_told(self, wire: Wire, stop: Callable[[], bool]) -> None:
        talk = self.talk
        try:
            for frame in talk.begin(time.monotonic()):
                wire.send(frame)
            while not (stop() or self._gone.is_set() or talk.is_done):
                for frame in talk.take(time.monotonic()):
                    if not wire.send(frame):
                        talk.held_up_until = time.monotonic()
                gevent.sleep(max(0.0, talk.pace.due - time.monotonic()))
        except BROKEN:
            self._gone.wait(timeout=_LISTENER_SECONDS)  # whoever listens hears the reason
        if talk.has_failed and self.fate is Fate.DONE:
            self.fate = Fate.REFUSED

    # ---- listening

    def _listen(self, wire: Wire) -> None:
        """Read until the socket ends; slowly where the behaviour says so."""
        allowance, heard = self.talk.behaviour.reads_bytes_per_second, 0
        try:
            while True:
                frame = wire.receive()
                self._hear(frame)
                heard += 1
                if allowance and not self._leaving:
                    gevent.sleep(len(frame) / allowance)
                elif heard % _IN_A_ROW == 0:  # reading what is there already lets nobody else have a turn
                    gevent.sleep(0)
        except (*BROKEN, *_UNREADABLE) as error:
            self._ended(error.code if isinstance(error, WireClosed) else None)

    def _hear(self, frame: str | bytes) -> None:
        self.talk.hear(frame, time.monotonic(), time.time())

    # ---- ending

    def _ended(self, code: int | None) -> None:
        """Take the end of the socket; what was not our doing is a loss."""
        if not self._leaving and self.fate is Fate.DONE:
            talk = self.talk
            self.fate = Fate.LOST
            talk.broke(time.monotonic())
            if not talk.errors.explains(code, talk.over, time.time()):
                talk.notes.counted("endings_without_error")
        self._gone.set()

    def _say_goodbye(self, wire: Wire) -> None:
        """End in good order, and wait for the bridge's word that it is over."""
        if self.talk.is_ready:
            self._gone.wait(timeout=self.breath)
        self.talk.leave(time.monotonic())
        self._leaving, self._left_ready = True, self.talk.is_ready
        self.talk.is_leaving = True
        talk, until = self.talk, time.monotonic() + GOODBYE_SECONDS
        asked = talk.line.goodbye() if talk.has_session else ()
        try:
            with gevent.Timeout(GOODBYE_SECONDS, TimeoutError):  # a bridge that reads nothing takes no goodbye either
                for frame in asked:
                    wire.send(frame)
                while asked and not talk.over and not self._gone.is_set() and time.monotonic() < until:
                    gevent.sleep(0.01)
                wire.say_close()
        except BROKEN:
            self._gone.set()
        self._gone.wait(timeout=max(0.1, until - time.monotonic()))
        self._ended_well = self._gone.is_set() and (not asked or bool(talk.over))
        if not self._ended_well:
            talk.notes.counted("unclean_ends")

    def _hang_up(self, wire: Wire, listener: gevent.Greenlet[..., None]) -> None:
        self._leaving = True
        wire.cut()
        listener.join(timeout=_LISTENER_SECONDS)
        listener.kill(block=False)

    def _account(self) -> None:
        """Say what was spoken, and what is known of turns and errors only now."""
        talk = self.talk
        violations = talk.errors.end(time.time(), by_bridge=self.fate is Fate.LOST)
        if violations:
            talk.notes.counted("error_window_violations", violations)
        if talk.answers.given_up():
            talk.notes.counted("unanswered_turns" if self.fate is Fate.LOST else "unfinished_turns")
        self.is_whole = self.fate is Fate.DONE and self._ended_well and self._left_ready
        sent = talk.source.sent_ms
        if sent > self._began_ms:
            sure = sent if self.is_whole else max(self._began_ms, talk.spell.sure_ms)
            talk.notes.spoke(Spoken(talk.source.caller, sent, sure, talk.resent_ms, talk.dropped_ms))
