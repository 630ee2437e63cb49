"""A virtual caller on a clock that the test owns: when it calls, how it reconnects, and when it stays away."""

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
class CallerScenario:
    """The duration and outcome of each call. After the last one, the test ends."""

    calls: Sequence[tuple[float, CallOutcome]]
    behaviour: CallerBehaviour = field(default_factory=CallerBehaviour)
    get_ready: bool = True
    now: float = 0.0
    sessions: list[CallerSession] = field(default_factory=list)
    due_times: list[float] = field(default_factory=list)
    started: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """The caller number of each call."""
    losses: list[float | None] = field(default_factory=list)
    """When the session that each call replaces was lost."""

    def live(self, until: float = END) -> VirtualCaller:
        recorder = ProcessRecorder(fire=lambda **_: None, clock=lambda: self.now)
        caller = VirtualCaller(
            target=CallTarget("ws://127.0.0.1:1", "m"),
            behaviour=self.behaviour,
            recorder=recorder,
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

    def _call(self, _: CallTarget, session: CallerSession, due: float) -> Any:
        self.sessions.append(session)
        self.due_times.append(due)
        self.losses.append(session.lifecycle.lost_at)
        self.numbers.append(session.audio_source.caller)
        return FakeCall(self, session, len(self.sessions) - 1)


@dataclass
class FakeCall:
    scenario: CallerScenario
    session: CallerSession
    which: int
    is_complete: bool = False

    def run(self, _: Callable[[], bool]) -> CallOutcome:
        scenario = self.scenario
        scenario.started.append(scenario.now)
        seconds, outcome = (
            scenario.calls[self.which] if self.which < len(scenario.calls) else (END, CallOutcome.COMPLETED)
        )
        if scenario.get_ready and outcome is not CallOutcome.REFUSED:
            self.session.start(scenario.now)
            self.session.receive('{"type":"session_ready"}', scenario.now, scenario.now)
        scenario.now += seconds
        if outcome in (CallOutcome.LOST, CallOutcome.CUT):
            self.session.lifecycle.lost(scenario.now)
        self.is_complete = outcome is CallOutcome.COMPLETED
        return outcome


def test_a_call_after_one_that_ended_normally_keeps_its_number_and_one_after_a_loss_does_not() -> None:
    scenario = CallerScenario(
        [
            (1.0, CallOutcome.COMPLETED),
            (1.0, CallOutcome.COMPLETED),
            (1.0, CallOutcome.CUT),
            (1.0, CallOutcome.COMPLETED),
        ]
    )
    scenario.live()
    assert scenario.numbers == [1, 1, 1, 2, 2]
    assert scenario.sessions[0].audio_source is scenario.sessions[2].audio_source


def test_each_caller_begins_at_a_moment_of_its_own_and_counts_from_there() -> None:
    scenario = CallerScenario([(END, CallOutcome.COMPLETED)], CallerBehaviour(start_spread_ms=1000))
    scenario.live()
    assert 0 < scenario.due_times[0] < 1
    assert scenario.started[0] == pytest.approx(scenario.due_times[0])


def test_calls_that_are_done_follow_one_another_at_once() -> None:
    scenario = CallerScenario([(10, CallOutcome.COMPLETED)] * 3, CallerBehaviour(start_spread_ms=0))
    scenario.live(until=30)
    assert scenario.started == [0, 10, 20]
    assert scenario.losses == [None, None, None]


@pytest.mark.parametrize("outcome", [CallOutcome.LOST, CallOutcome.CUT])
def test_a_lost_call_is_made_again_soon_and_knows_since_when_it_was_lost(outcome: CallOutcome) -> None:
    scenario = CallerScenario([(10, outcome)], CallerBehaviour(start_spread_ms=0))
    scenario.live()
    assert 10 < scenario.started[1] <= 10.5
    assert scenario.losses[1] == 10
    assert scenario.due_times[1] == pytest.approx(scenario.started[1])


def test_the_speech_clock_runs_through_a_loss() -> None:
    scenario = CallerScenario([(10, CallOutcome.LOST), (10, CallOutcome.COMPLETED)], CallerBehaviour(start_spread_ms=0))
    scenario.live()
    assert scenario.sessions[1].speech_clock is scenario.sessions[0].speech_clock
    assert scenario.sessions[2].speech_clock is not scenario.sessions[1].speech_clock


def test_delays_grow_while_the_target_does_not_respond() -> None:
    scenario = CallerScenario([(0.1, CallOutcome.REFUSED)] * 30, CallerBehaviour(start_spread_ms=0))
    scenario.live(until=80)
    gaps = [later - earlier - 0.1 for earlier, later in zip(scenario.started, scenario.started[1:], strict=False)]
    assert max(gaps[:1]) <= 0.5
    assert max(gaps) <= 8.01
    assert sum(gaps[5:10]) > sum(gaps[:5])
    assert len(scenario.started) < 30


def test_a_bridge_that_ends_each_call_at_once_is_not_hammered() -> None:
    scenario = CallerScenario([(0.01, CallOutcome.LOST)] * 500, CallerBehaviour(start_spread_ms=0))
    scenario.live(until=60)
    assert len(scenario.started) < 40


def test_after_a_good_session_delays_are_short_again() -> None:
    scenario = CallerScenario(
        [*[(0.1, CallOutcome.REFUSED)] * 6, (20, CallOutcome.LOST)], CallerBehaviour(start_spread_ms=0)
    )
    scenario.live()
    lost_at = scenario.started[6] + 20
    assert scenario.started[7] - lost_at <= 0.5


def test_a_caller_without_a_session_has_lost_none() -> None:
    scenario = CallerScenario(
        [(0.1, CallOutcome.REFUSED), (0.1, CallOutcome.LOST), (END, CallOutcome.COMPLETED)],
        CallerBehaviour(start_spread_ms=0),
        get_ready=False,
    )
    scenario.live()
    assert scenario.losses == [None, None, None]


def test_a_loss_counts_from_its_begin_however_many_attempts_it_takes() -> None:
    scenario = CallerScenario(
        [(10, CallOutcome.LOST), (0.1, CallOutcome.REFUSED), (0.1, CallOutcome.REFUSED)],
        CallerBehaviour(start_spread_ms=0),
    )
    scenario.live()
    assert scenario.losses[1:] == [10, 10, 10]


def test_a_caller_that_does_not_reconnect_stays_away() -> None:
    scenario = CallerScenario([(10, CallOutcome.LOST)], CallerBehaviour(start_spread_ms=0, reconnects=False))
    scenario.live()
    assert len(scenario.sessions) == 1
    assert scenario.now == pytest.approx(END, abs=0.3)


def test_a_caller_who_waits_leaves_when_told_to() -> None:
    scenario = CallerScenario([(0.1, CallOutcome.REFUSED)] * 50, CallerBehaviour(start_spread_ms=0))
    caller = scenario.live(until=20)
    assert scenario.now < 20.5
    assert caller.current_call is None


def test_cutting_an_idle_caller_does_nothing() -> None:
    CallerScenario([(END, CallOutcome.COMPLETED)], CallerBehaviour(start_spread_ms=0)).live().cut()
