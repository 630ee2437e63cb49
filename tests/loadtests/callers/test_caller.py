"""A caller's life on a clock that the test owns: when it calls, how it comes back, and when it stays away."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.callers.call import CallOutcome, CallTarget
from loadtests.callers.caller import VirtualCaller
from loadtests.metrics.recorder import ProcessRecorder
from loadtests.scenarios.behaviour import CallerBehaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtests.callers.session import CallerSession

END = 100.0


@dataclass
class Life:
    """What happens to one caller: each call lasts so long and ends so; behind the last one the test ends."""

    calls: Sequence[tuple[float, CallOutcome]]
    behaviour: CallerBehaviour = field(default_factory=CallerBehaviour)
    get_ready: bool = True
    now: float = 0.0
    talks: list[CallerSession] = field(default_factory=list)
    dues: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """The number in each call's audio."""
    losses: list[float | None] = field(default_factory=list)
    """Since when each call was missing, as it began."""

    def live(self, until: float = END) -> VirtualCaller:
        meter = ProcessRecorder(fire=lambda **_: None, clock=lambda: self.now)
        caller = VirtualCaller(
            target=CallTarget("ws://127.0.0.1:1", "m"),
            behaviour=self.behaviour,
            recorder=meter,
            caller_ids=count(1),
            clock=lambda: self.now,
            sleep=self._sleep,
            rng=Random(3),
            make_call=self._call,
        )
        caller.run(lambda: self.now >= until)
        return caller

    def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def _call(self, _: CallTarget, talk: CallerSession, due: float) -> Any:
        self.talks.append(talk)
        self.dues.append(due)
        self.losses.append(talk.lost_at)
        self.numbers.append(talk.audio_source.caller)
        return FakeCall(self, talk, len(self.talks) - 1)


@dataclass
class FakeCall:
    life: Life
    talk: CallerSession
    which: int
    is_complete: bool = False

    def run(self, _: Callable[[], bool]) -> CallOutcome:
        life = self.life
        life.begun.append(life.now)
        seconds, fate = life.calls[self.which] if self.which < len(life.calls) else (END, CallOutcome.COMPLETED)
        if life.get_ready and fate is not CallOutcome.REFUSED:
            self.talk.start(life.now)
            self.talk.receive('{"type":"session_ready"}', life.now, life.now)
        life.now += seconds
        if fate in (CallOutcome.LOST, CallOutcome.CUT):
            self.talk.session_lost(life.now)
        self.is_complete = fate is CallOutcome.COMPLETED
        return fate


def test_a_call_behind_one_that_ended_well_goes_on_with_its_number_and_one_behind_a_loss_does_not() -> None:
    life = Life(
        [
            (1.0, CallOutcome.COMPLETED),
            (1.0, CallOutcome.COMPLETED),
            (1.0, CallOutcome.CUT),
            (1.0, CallOutcome.COMPLETED),
        ]
    )
    life.live()
    assert life.numbers == [1, 1, 1, 2, 2]
    assert life.talks[0].audio_source is life.talks[2].audio_source


def test_each_caller_begins_at_a_moment_of_its_own_and_counts_from_there() -> None:
    life = Life([(END, CallOutcome.COMPLETED)], CallerBehaviour(start_spread_ms=1000))
    life.live()
    assert 0 < life.dues[0] < 1
    assert life.begun[0] == pytest.approx(life.dues[0])


def test_calls_that_are_done_follow_one_another_at_once() -> None:
    life = Life([(10, CallOutcome.COMPLETED)] * 3, CallerBehaviour(start_spread_ms=0))
    life.live(until=30)
    assert life.begun == [0, 10, 20]
    assert life.losses == [None, None, None]


@pytest.mark.parametrize("fate", [CallOutcome.LOST, CallOutcome.CUT])
def test_a_lost_call_is_made_again_soon_and_knows_since_when_it_was_lost(fate: CallOutcome) -> None:
    life = Life([(10, fate)], CallerBehaviour(start_spread_ms=0))
    life.live()
    assert 10 < life.begun[1] <= 10.5
    assert life.losses[1] == 10
    assert life.dues[1] == pytest.approx(life.begun[1])


def test_the_speech_clock_runs_through_a_loss() -> None:
    life = Life([(10, CallOutcome.LOST), (10, CallOutcome.COMPLETED)], CallerBehaviour(start_spread_ms=0))
    life.live()
    assert life.talks[1].speech_clock is life.talks[0].speech_clock
    assert life.talks[2].speech_clock is not life.talks[1].speech_clock


def test_waits_grow_while_nobody_answers() -> None:
    life = Life([(0.1, CallOutcome.REFUSED)] * 30, CallerBehaviour(start_spread_ms=0))
    life.live(until=80)
    gaps = [later - earlier - 0.1 for earlier, later in zip(life.begun, life.begun[1:], strict=False)]
    assert max(gaps[:1]) <= 0.5
    assert max(gaps) <= 8.01
    assert sum(gaps[5:10]) > sum(gaps[:5])
    assert len(life.begun) < 30


def test_a_bridge_that_ends_each_call_at_once_is_not_hammered() -> None:
    life = Life([(0.01, CallOutcome.LOST)] * 500, CallerBehaviour(start_spread_ms=0))
    life.live(until=60)
    assert len(life.begun) < 40


def test_behind_a_good_session_waits_are_short_again() -> None:
    life = Life([*[(0.1, CallOutcome.REFUSED)] * 6, (20, CallOutcome.LOST)], CallerBehaviour(start_spread_ms=0))
    life.live()
    lost_at = life.begun[6] + 20
    assert life.begun[7] - lost_at <= 0.5


def test_who_never_had_a_session_lost_none() -> None:
    life = Life(
        [(0.1, CallOutcome.REFUSED), (0.1, CallOutcome.LOST), (END, CallOutcome.COMPLETED)],
        CallerBehaviour(start_spread_ms=0),
        get_ready=False,
    )
    life.live()
    assert life.losses == [None, None, None]


def test_a_loss_counts_from_its_begin_however_many_attempts_it_takes() -> None:
    life = Life(
        [(10, CallOutcome.LOST), (0.1, CallOutcome.REFUSED), (0.1, CallOutcome.REFUSED)],
        CallerBehaviour(start_spread_ms=0),
    )
    life.live()
    assert life.losses[1:] == [10, 10, 10]


def test_who_does_not_come_back_stays_away_until_the_end() -> None:
    life = Life([(10, CallOutcome.LOST)], CallerBehaviour(start_spread_ms=0, reconnects=False))
    life.live()
    assert len(life.talks) == 1
    assert life.now == pytest.approx(END, abs=0.3)


def test_a_caller_who_waits_leaves_when_told_to() -> None:
    life = Life([(0.1, CallOutcome.REFUSED)] * 50, CallerBehaviour(start_spread_ms=0))
    caller = life.live(until=20)
    assert life.now < 20.5
    assert caller.current_call is None


def test_cutting_somebody_who_is_not_calling_does_nothing() -> None:
    Life([(END, CallOutcome.COMPLETED)], CallerBehaviour(start_spread_ms=0)).live().cut()
