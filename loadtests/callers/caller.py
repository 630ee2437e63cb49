"""A caller's life: one call behind the other, with growing pauses behind those that were lost. No sockets, no Locust.

Its speech clock runs through all of them: who was cut in the middle of a sentence goes on where he would be by now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from bridge.protocol.audio.tracer import TracerSource
from loadtests.callers.backoff import Waits
from loadtests.callers.call import Call, Fate, Where
from loadtests.callers.echo import Echo
from loadtests.callers.protocols import line_for
from loadtests.callers.session import Talk
from loadtests.callers.speech_clock import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtests.metrics.recorder import Notes
    from loadtests.scenarios.behaviour import Behaviour

#: How soon a caller who only waits notices that he may go.
_LOOK_SECONDS = 0.2


@dataclass(slots=True, kw_only=True)
class Caller:
    """One caller. Times are seconds on the clock that it is given."""

    where: Where
    behaviour: Behaviour
    notes: Notes
    numbers: Iterator[int]
    """Numbers for his audio: nobody else in the run has one of them. A call that ended in good order is followed by one
    that goes on with its number, so that the far end, which keeps an account for each, keeps few in a long run."""
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    chance: Random = field(default_factory=Random)
    make_call: Callable[[Where, Talk, float], Call] = Call
    call: Call | None = None
    """The one that runs."""
    _source: TracerSource | None = None

    def live(self, stop: Callable[[], bool]) -> None:
        """Call until told to end. Killing the greenlet ends the call that runs, as `Call.run` says."""
        due = self._sleep_until(self.clock() + self.chance.uniform(0, self.behaviour.spread_ms / 1000), stop)
        waits, lost_at, pace = Waits(self.chance), None, self._fresh_pace(due)
        while not stop():
            talk = self._talk(pace, waits, lost_at)
            fate = self._run(talk, due, stop)
            if fate is not Fate.DONE and not self.behaviour.comes_back:
                self._sleep_until(None, stop)
                return
            if fate is Fate.DONE:
                waits, lost_at, due = Waits(self.chance), None, self.clock()
                pace = self._fresh_pace(due)
                continue
            lost_at = talk.lost_at
            due = self._sleep_until(self.clock() + waits.next_seconds(), stop)

    def cut(self) -> None:
        """Break the call that is running, as a network does."""
        if self.call is not None:
            self.call.cut()

    def _run(self, talk: Talk, due: float, stop: Callable[[], bool]) -> Fate:
        call = self.call = self.make_call(self.where, talk, due)
        try:
            return call.run(stop)
        finally:
            self.call, self._source = None, talk.source if call.is_whole else None

    def _talk(self, pace: Pace, waits: Waits, lost_at: float | None) -> Talk:
        source = self._source or TracerSource(next(self.numbers))
        return Talk(
            behaviour=self.behaviour,
            line=line_for(self.behaviour),
            source=source,
            echo=Echo(source.caller) if self.behaviour.echo else None,
            pace=pace,
            notes=self.notes,
            waits=waits,
            lost_at=lost_at,
        )

    def _fresh_pace(self, due: float) -> Pace:
        return Pace(self.behaviour.chunk_ms, self.behaviour.speech_ms, due)

    def _sleep_until(self, due: float | None, stop: Callable[[], bool]) -> float:
        """Wait, in steps, until it is due or time to go; None is never due. Gives when it was due."""
        while not stop() and (due is None or self.clock() < due):
            self.sleep(_LOOK_SECONDS if due is None else min(_LOOK_SECONDS, due - self.clock()))
        return self.clock() if due is None else due
