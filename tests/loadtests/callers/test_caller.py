"""A caller's life on a clock that the test owns: when it calls, how it comes back, and when it stays away."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.callers.call import Fate, Where
from loadtests.callers.caller import Caller
from loadtests.metrics.recorder import Meter
from loadtests.scenarios.behaviour import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loadtests.callers.session import Talk

END = 100.0


@dataclass
class Life:
    """What happens to one caller: each call lasts so long and ends so; behind the last one the test ends."""

    calls: Sequence[tuple[float, Fate]]
    behaviour: Behaviour = field(default_factory=Behaviour)
    get_ready: bool = True
    now: float = 0.0
    talks: list[Talk] = field(default_factory=list)
    dues: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """The number in each call's audio."""
    losses: list[float | None] = field(default_factory=list)
    """Since when each call was missing, as it began."""

    def live(self, until: float = END) -> Caller:
        meter = Meter(fire=lambda **_: None, clock=lambda: self.now)
        caller = Caller(
            where=Where("ws://127.0.0.1:1", "m"),
            behaviour=self.behaviour,
            notes=meter,
            numbers=count(1),
            clock=lambda: self.now,
            sleep=self._sleep,
            chance=Random(3),
            make_call=self._call,
        )
        caller.live(lambda: self.now >= until)
        return caller

    def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def _call(self, _: Where, talk: Talk, due: float) -> Any:
        self.talks.append(talk)
        self.dues.append(due)
        self.losses.append(talk.lost_at)
        self.numbers.append(talk.source.caller)
        return FakeCall(self, talk, len(self.talks) - 1)


@dataclass
class FakeCall:
    life: Life
    talk: Talk
    which: int
    is_whole: bool = False

    def run(self, _: Callable[[], bool]) -> Fate:
        life = self.life
        life.begun.append(life.now)
        seconds, fate = life.calls[self.which] if self.which < len(life.calls) else (END, Fate.DONE)
        if life.get_ready and fate is not Fate.REFUSED:
            self.talk.begin(life.now)
            self.talk.hear('{"type":"session_ready"}', life.now, life.now)
        life.now += seconds
        if fate in (Fate.LOST, Fate.CUT):
            self.talk.broke(life.now)
        self.is_whole = fate is Fate.DONE
        return fate


def test_a_call_behind_one_that_ended_well_goes_on_with_its_number_and_one_behind_a_loss_does_not() -> None:
    life = Life([(1.0, Fate.DONE), (1.0, Fate.DONE), (1.0, Fate.CUT), (1.0, Fate.DONE)])
    life.live()
    assert life.numbers == [1, 1, 1, 2, 2]
    assert life.talks[0].source is life.talks[2].source


def test_each_caller_begins_at_a_moment_of_its_own_and_counts_from_there() -> None:
    life = Life([(END, Fate.DONE)], Behaviour(spread_ms=1000))
    life.live()
    assert 0 < life.dues[0] < 1
    assert life.begun[0] == pytest.approx(life.dues[0])


def test_calls_that_are_done_follow_one_another_at_once() -> None:
    life = Life([(10, Fate.DONE)] * 3, Behaviour(spread_ms=0))
    life.live(until=30)
    assert life.begun == [0, 10, 20]
    assert life.losses == [None, None, None]


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT])
def test_a_lost_call_is_made_again_soon_and_knows_since_when_it_was_lost(fate: Fate) -> None:
    life = Life([(10, fate)], Behaviour(spread_ms=0))
    life.live()
    assert 10 < life.begun[1] <= 10.5
    assert life.losses[1] == 10
    assert life.dues[1] == pytest.approx(life.begun[1])


def test_the_speech_clock_runs_through_a_loss() -> None:
    life = Life([(10, Fate.LOST), (10, Fate.DONE)], Behaviour(spread_ms=0))
    life.live()
    assert life.talks[1].pace is life.talks[0].pace
    assert life.talks[2].pace is not life.talks[1].pace


def test_waits_grow_while_nobody_answers() -> None:
    life = Life([(0.1, Fate.REFUSED)] * 30, Behaviour(spread_ms=0))
    life.live(until=80)
    gaps = [later - earlier - 0.1 for earlier, later in zip(life.begun, life.begun[1:], strict=False)]
    assert max(gaps[:1]) <= 0.5
    assert max(gaps) <= 8.01
    assert sum(gaps[5:10]) > sum(gaps[:5])
    assert len(life.begun) < 30


def test_a_bridge_that_ends_each_call_at_once_is_not_hammered() -> None:
    life = Life([(0.01, Fate.LOST)] * 500, Behaviour(spread_ms=0))
    life.live(until=60)
    assert len(life.begun) < 40


def test_behind_a_good_session_waits_are_short_again() -> None:
    life = Life([*[(0.1, Fate.REFUSED)] * 6, (20, Fate.LOST)], Behaviour(spread_ms=0))
    life.live()
    lost_at = life.begun[6] + 20
    assert life.begun[7] - lost_at <= 0.5


def test_who_never_had_a_session_lost_none() -> None:
    life = Life([(0.1, Fate.REFUSED), (0.1, Fate.LOST), (END, Fate.DONE)], Behaviour(spread_ms=0), get_ready=False)
    life.live()
    assert life.losses == [None, None, None]


def test_a_loss_counts_from_its_begin_however_many_attempts_it_takes() -> None:
    life = Life([(10, Fate.LOST), (0.1, Fate.REFUSED), (0.1, Fate.REFUSED)], Behaviour(spread_ms=0))
    life.live()
    assert life.losses[1:] == [10, 10, 10]


def test_who_does_not_come_back_stays_away_until_the_end() -> None:
    life = Life([(10, Fate.LOST)], Behaviour(spread_ms=0, comes_back=False))
    life.live()
    assert len(life.talks) == 1
    assert life.now == pytest.approx(END, abs=0.3)


def test_a_caller_who_waits_leaves_when_told_to() -> None:
    life = Life([(0.1, Fate.REFUSED)] * 50, Behaviour(spread_ms=0))
    caller = life.live(until=20)
    assert life.now < 20.5
    assert caller.call is None


def test_cutting_somebody_who_is_not_calling_does_nothing() -> None:
    Life([(END, Fate.DONE)], Behaviour(spread_ms=0)).live().cut()
