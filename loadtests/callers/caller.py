"""One virtual caller: calls in sequence, with back-off after lost ones. Knows neither sockets nor Locust.

The speech clock runs across calls: after a loss in the middle of a sentence, the caller continues where it would be by
now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from bridge.protocol.audio.tracer import TracerSource
from loadtests.callers.backoff import Backoff
from loadtests.callers.call import CallOutcome, CallTarget, VoiceCall
from loadtests.callers.session import CallerSession, new_session
from loadtests.callers.speech_clock import SpeechClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtests.metrics.recorder import CallRecorder
    from loadtests.scenarios.behaviour import CallerBehaviour

#: How often a waiting caller checks whether it must stop.
_POLL_SECONDS = 0.2


@dataclass(slots=True, kw_only=True)
class VirtualCaller:
    """One caller. All times are seconds on the clock that is passed in."""

    target: CallTarget
    behaviour: CallerBehaviour
    recorder: CallRecorder
    caller_ids: Iterator[int]
    """Caller numbers for the tracer audio, unique within the run.

    A call after one that ended normally keeps its number. The far end keeps one record per number, so long runs need
    few.
    """
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    rng: Random = field(default_factory=Random)
    make_call: Callable[[CallTarget, CallerSession, float], VoiceCall] = VoiceCall
    current_call: VoiceCall | None = None
    """The running call, if there is one."""
    _source: TracerSource | None = None

    def run(self, stop: Callable[[], bool]) -> None:
        """Make calls until `stop` returns True. Killing the greenlet ends the running call, see `VoiceCall.run`."""
        due = self._sleep_until(self.clock() + self.rng.uniform(0, self.behaviour.start_spread_ms / 1000), stop)
        backoff, lost_at, speech_clock = Backoff(self.rng), None, self._new_clock(due)
        while not stop():
            session = self._new_session(speech_clock, backoff, lost_at)
            outcome = self._run(session, due, stop)
            if outcome is not CallOutcome.COMPLETED and not self.behaviour.reconnects:
                self._sleep_until(None, stop)
                return
            if outcome is CallOutcome.COMPLETED:
                backoff, lost_at, due = Backoff(self.rng), None, self.clock()
                speech_clock = self._new_clock(due)
                continue
            lost_at = session.lifecycle.lost_at
            due = self._sleep_until(self.clock() + backoff.next_delay(), stop)

    def cut(self) -> None:
        """Drop the socket of the running call as a network failure does."""
        if self.current_call is not None:
            self.current_call.cut()

    def _run(self, session: CallerSession, due: float, stop: Callable[[], bool]) -> CallOutcome:
        call = self.current_call = self.make_call(self.target, session, due)
        try:
            return call.run(stop)
        finally:
            self.current_call, self._source = None, session.audio_source if call.is_complete else None

    def _new_session(self, speech_clock: SpeechClock, backoff: Backoff, lost_at: float | None) -> CallerSession:
        source = self._source or TracerSource(next(self.caller_ids))
        return new_session(
            self.behaviour, source, speech_clock=speech_clock, recorder=self.recorder, backoff=backoff, lost_at=lost_at
        )

    def _new_clock(self, due: float) -> SpeechClock:
        return SpeechClock(self.behaviour.chunk_ms, self.behaviour.speech_ms, due)

    def _sleep_until(self, due: float | None, stop: Callable[[], bool]) -> float:
        """Sleep in steps until `due` or until `stop`; None waits for `stop` only. Returns when it was due."""
        while not stop() and (due is None or self.clock() < due):
            self.sleep(_POLL_SECONDS if due is None else min(_POLL_SECONDS, due - self.clock()))
        return self.clock() if due is None else due
