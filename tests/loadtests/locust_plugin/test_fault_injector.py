"""The acts of a run, on a clock that is told what time it is."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.control.simulator import Control, ControlError
from loadtests.locust_plugin.fault_injector import CUT, PHASE, DeedError, Director, RunStage, take_part, users_of
from loadtests.metrics.histograms import Figures
from loadtests.metrics.recorder import Meter
from loadtests.results.audio_audit import Mark
from loadtests.scenarios.table import Act, CutClients, CutUpstream, Deed, Deploy, SetFaults

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Clock:
    now: float = 1000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def tell(self) -> float:
        return self.now


@dataclass
class FakeStage:
    clock: Clock
    done: list[tuple[float, object]] = field(default_factory=list)
    takes: float = 0.0
    fails_with: Exception | None = None

    def begin(self, phase: str) -> None:
        self.done.append((self.clock.now, phase))

    def do(self, deed: Deed) -> None:
        self.done.append((self.clock.now, deed))
        self.clock.sleep(self.takes)
        if self.fails_with is not None:
            raise self.fails_with


def directed(acts: tuple[Act, ...], stage: FakeStage) -> Director:
    director = Director(acts, 100.0, stage, sleep=stage.clock.sleep, now=stage.clock.tell)
    director.run()
    return director


STORM = Act(0.25, "storm", (SetFaults(("http:status=503",)), CutUpstream()), "cut")
CALM = Act(0.5, "calm", (SetFaults(),), "well")


def test_every_act_is_done_when_it_is_due_with_its_deeds_in_order() -> None:
    stage = FakeStage(Clock())
    director = directed((CALM, STORM), stage)
    assert stage.done == [
        (1025, "storm"), (1025, STORM.deeds[0]), (1025, CutUpstream()), (1050, "calm"), (1050, SetFaults()),
    ]  # fmt: skip
    assert director.marks == [Mark("storm", 1025), Mark("calm", 1050)]
    assert [(moment.at, moment.who, moment.what, moment.detail) for moment in director.moments] == [
        (25, "load", "storm", "cut"), (50, "load", "calm", "well"),
    ]  # fmt: skip


def test_an_act_that_takes_its_time_holds_the_next_one_up_and_no_other() -> None:
    stage = FakeStage(Clock(), takes=40)
    last = Act(0.9, "last", ())
    director = directed((Act(0.25, "deploy", (Deploy(),), "deployed"), CALM, last), stage)
    assert [mark.at for mark in director.marks] == [1025, 1065, 1105]
    assert [(moment.at, moment.detail) for moment in director.moments][:2] == [(25, "deployed"), (65, "is up again")]


@pytest.mark.parametrize("error", [DeedError("nothing to do it with"), ControlError("nobody there")])
def test_what_cannot_be_done_is_said_and_the_rest_goes_on(error: Exception) -> None:
    stage = FakeStage(Clock(), fails_with=error)
    director = directed((STORM, CALM), stage)
    assert director.troubles == [f"storm: {error}"] * 2 + [f"calm: {error}"]
    assert "could not be done" in [moment.detail for moment in director.moments]
    assert [mark.phase for mark in director.marks] == ["storm", "calm"]


class FakeRunner:
    """Locust's, as much as is used of it: what is sent comes back at once, as in a process that is alone."""

    def __init__(self) -> None:
        self.listeners: dict[str, Callable[..., None]] = {}
        self.user_greenlets: list[Any] = []

    def register_message(self, kind: str, listener: Callable[..., None]) -> None:
        self.listeners[kind] = listener

    def send_message(self, kind: str, data: object) -> None:
        self.listeners[kind](environment=None, msg=SimpleNamespace(data=data))


class FakeCaller:
    cuts = 0

    def cut(self) -> None:
        self.cuts += 1


def meter() -> Meter:
    return Meter(lambda **_: None)


def test_a_phase_and_a_cut_reach_the_callers_of_a_process() -> None:
    runner, here, callers = FakeRunner(), meter(), [FakeCaller(), FakeCaller()]
    take_part(runner, here, lambda: callers)
    assert set(runner.listeners) == {PHASE, CUT}
    leads = meter()
    stage = RunStage(runner, leads)
    stage.begin("storm")
    stage.do(CutClients())
    assert (here.figures.phase, leads.figures.phase) == ("storm", "storm")
    assert [caller.cuts for caller in callers] == [1, 1]


def test_the_users_that_run_here_are_found_and_the_dead_are_not() -> None:
    runner, caller = FakeRunner(), FakeCaller()
    runner.user_greenlets = [SimpleNamespace(args=(caller,)), SimpleNamespace(args=())]
    assert users_of(runner) == [caller]
    take_part(runner, meter())
    runner.send_message(CUT, None)
    assert caller.cuts == 1


class FakeControl(Control):
    def __init__(self) -> None:
        self.asked: list[object] = []

    def set_faults(self, faults: tuple[str, ...]) -> None:
        self.asked.append(faults)

    def cut(self, how: str) -> int:
        self.asked.append(how)
        return 3


def test_the_simulator_is_asked_for_cuts_and_faults() -> None:
    control = FakeControl()
    stage = RunStage(FakeRunner(), meter(), control, ("pace:times=4",))
    stage.do(SetFaults(("latency",)))
    stage.do(SetFaults())
    stage.do(CutUpstream("reset"))
    assert control.asked == [("pace:times=4", "latency"), ("pace:times=4",), "reset"], "what it has, it keeps"


@pytest.mark.parametrize(
    ("deed", "said"), [(CutUpstream(), "--control"), (SetFaults(), "--control"), (Deploy(), "--deploy-command")]
)
def test_what_there_is_nothing_for_is_refused_with_the_option_to_give(deed: Deed, said: str) -> None:
    with pytest.raises(DeedError, match=said):
        RunStage(FakeRunner(), meter()).do(deed)


def words(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (words("import sys; sys.exit('no room\\nno bridge')"), "the deploy ended with 1: no bridge"),
        (words("import sys; sys.exit(3)"), "the deploy ended with 3: no word"),
        (("/no/such/command",), "the deploy failed: .*No such file"),
    ],
)
def test_a_deploy_that_fails_says_how(command: tuple[str, ...], said: str) -> None:
    with pytest.raises(DeedError, match=said):
        RunStage(FakeRunner(), meter(), deploy_command=command).do(Deploy())


def test_a_deploy_that_succeeds_is_waited_for(tmp_path: Any) -> None:
    done = tmp_path / "done"
    command = words(f"import pathlib; pathlib.Path({str(done)!r}).touch()")
    RunStage(FakeRunner(), meter(), deploy_command=command).do(Deploy())
    assert done.exists()
    assert Figures().phase == "start"
