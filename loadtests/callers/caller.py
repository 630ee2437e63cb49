"""A caller's life: one call behind the other, with growing pauses behind those that were lost. No sockets, no Locust.

Its speech clock runs through all of them: who was cut in the middle of a sentence goes on where he would be by now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from bridge.protocol.audio.tracer import TracerSource
from loadtests.callers.backoff import Backoff
from loadtests.callers.call import CallOutcome, CallTarget, VoiceCall
from loadtests.callers.echo import EchoAudit
from loadtests.callers.protocols import protocol_for
from loadtests.callers.session import CallerSession
from loadtests.callers.speech_clock import SpeechClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtests.metrics.recorder import CallRecorder
    from loadtests.scenarios.behaviour import CallerBehaviour

#: How soon a caller who only waits notices that he may go.
_LOOK_SECONDS = 0.2


@dataclass(slots=True, kw_only=True)
class VirtualCaller:
    """One caller. Times are seconds on the clock that it is given."""

    target: CallTarget
    behaviour: CallerBehaviour
    recorder: CallRecorder
    caller_ids: Iterator[int]
    """Numbers for his audio: nobody else in the run has one of them. A call that ended in good order is followed by one
    that goes on with its number, so that the far end, which keeps an account for each, keeps few in a long run."""
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    rng: Random = field(default_factory=Random)
    make_call: Callable[[CallTarget, CallerSession, float], VoiceCall] = VoiceCall
    current_call: VoiceCall | None = None
    """The one that runs."""
    _source: TracerSource | None = None

    def run(self, stop: Callable[[], bool]) -> None:
        """Call until told to end. Killing the greenlet ends the call that runs, as `Call.run` says."""
        due = self._sleep_until(self.clock() + self.rng.uniform(0, self.behaviour.start_spread_ms / 1000), stop)
        waits, lost_at, pace = Backoff(self.rng), None, self._fresh_pace(due)
        while not stop():
            talk = self._talk(pace, waits, lost_at)
            fate = self._run(talk, due, stop)
            if fate is not CallOutcome.COMPLETED and not self.behaviour.reconnects:
                self._sleep_until(None, stop)
                return
            if fate is CallOutcome.COMPLETED:
                waits, lost_at, due = Backoff(self.rng), None, self.clock()
                pace = self._fresh_pace(due)
                continue
            lost_at = talk.lost_at
            due = self._sleep_until(self.clock() + waits.next_delay(), stop)

    def cut(self) -> None:
        """Break the call that is running, as a network does."""
        if self.current_call is not None:
            self.current_call.cut()

    def _run(self, talk: CallerSession, due: float, stop: Callable[[], bool]) -> CallOutcome:
        call = self.current_call = self.make_call(self.target, talk, due)
        try:
            return call.run(stop)
        finally:
            self.current_call, self._source = None, talk.audio_source if call.is_complete else None

    def _talk(self, pace: SpeechClock, waits: Backoff, lost_at: float | None) -> CallerSession:
        source = self._source or TracerSource(next(self.caller_ids))
        return CallerSession(
            behaviour=self.behaviour,
            protocol=protocol_for(self.behaviour),
            audio_source=source,
            echo=EchoAudit(source.caller) if self.behaviour.echo else None,
            speech_clock=pace,
            recorder=self.recorder,
            backoff=waits,
            lost_at=lost_at,
        )

    def _fresh_pace(self, due: float) -> SpeechClock:
        return SpeechClock(self.behaviour.chunk_ms, self.behaviour.speech_ms, due)

    def _sleep_until(self, due: float | None, stop: Callable[[], bool]) -> float:
        """Wait, in steps, until it is due or time to go; None is never due. Gives when it was due."""
        while not stop() and (due is None or self.clock() < due):
            self.sleep(_LOOK_SECONDS if due is None else min(_LOOK_SECONDS, due - self.clock()))
        return self.clock() if due is None else due
