"""The phases of a run on a clock that the test controls."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from loadtests.control.simulator import ControlClient, ControlError
from loadtests.locust_plugin.fault_injector import (
    CUT_MESSAGE,
    PHASE_MESSAGE,
    ActionError,
    FaultInjector,
    RunExecutor,
    listen_for_actions,
    running_users,
)
from loadtests.metrics.histograms import RunMeasurements
from loadtests.metrics.recorder import ProcessRecorder
from loadtests.results.audio_audit import PhaseStart
from loadtests.scenarios.table import Action, CutClients, CutUpstream, Deploy, ScenarioPhase, SetFaults

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
class FakeExecutor:
    clock: Clock
    done: list[tuple[float, object]] = field(default_factory=list)
    takes: float = 0.0
    fails_with: Exception | None = None

    def begin_phase(self, phase: str) -> None:
        self.done.append((self.clock.now, phase))

    def execute(self, action: Action) -> None:
        self.done.append((self.clock.now, action))
        self.clock.sleep(self.takes)
        if self.fails_with is not None:
            raise self.fails_with


def make_injector(phases: tuple[ScenarioPhase, ...], executor: FakeExecutor) -> FaultInjector:
    injector = FaultInjector(phases, 100.0, executor, sleep=executor.clock.sleep, now=executor.clock.tell)
    injector.run()
    return injector


STORM = ScenarioPhase(0.25, "storm", (SetFaults(("http:status=503",)), CutUpstream()), "cut")
CALM = ScenarioPhase(0.5, "calm", (SetFaults(),), "well")


def test_every_phase_starts_on_time_with_its_actions_in_order() -> None:
    executor = FakeExecutor(Clock())
    injector = make_injector((CALM, STORM), executor)
    assert executor.done == [
        (1025, "storm"), (1025, STORM.actions[0]), (1025, CutUpstream()), (1050, "calm"), (1050, SetFaults()),
    ]  # fmt: skip
    assert injector.phase_starts == [PhaseStart("storm", 1025), PhaseStart("calm", 1050)]
    assert [(moment.at, moment.who, moment.what, moment.detail) for moment in injector.moments] == [
        (25, "load", "storm", "cut"), (50, "load", "calm", "well"),
    ]  # fmt: skip


def test_a_slow_action_delays_only_the_next_phase() -> None:
    executor = FakeExecutor(Clock(), takes=40)
    last = ScenarioPhase(0.9, "last", ())
    injector = make_injector((ScenarioPhase(0.25, "deploy", (Deploy(),), "deployed"), CALM, last), executor)
    assert [mark.at for mark in injector.phase_starts] == [1025, 1065, 1105]
    assert [(moment.at, moment.detail) for moment in injector.moments][:2] == [(25, "deployed"), (65, "is up again")]


@pytest.mark.parametrize("error", [ActionError("nothing to do it with"), ControlError("nobody there")])
def test_a_failed_action_is_reported_and_the_run_continues(error: Exception) -> None:
    executor = FakeExecutor(Clock(), fails_with=error)
    injector = make_injector((STORM, CALM), executor)
    assert injector.errors == [f"storm: {error}"] * 2 + [f"calm: {error}"]
    assert "failed" in [moment.detail for moment in injector.moments]
    assert [mark.phase for mark in injector.phase_starts] == ["storm", "calm"]


class FakeRunner:
    """Locust's runner, as far as it is used: sent messages come back at once, as in a single process."""

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


def recorder() -> ProcessRecorder:
    return ProcessRecorder(lambda **_: None)


def test_a_phase_and_a_cut_reach_the_callers_of_a_process() -> None:
    runner, here, callers = FakeRunner(), recorder(), [FakeCaller(), FakeCaller()]
    listen_for_actions(runner, here, lambda: callers)
    assert set(runner.listeners) == {PHASE_MESSAGE, CUT_MESSAGE}
    leads = recorder()
    executor = RunExecutor(runner, leads)
    executor.begin_phase("storm")
    executor.execute(CutClients())
    assert (here.measurements.phase, leads.measurements.phase) == ("storm", "storm")
    assert [caller.cuts for caller in callers] == [1, 1]


def test_the_users_that_run_here_are_found_and_the_dead_are_not() -> None:
    runner, caller = FakeRunner(), FakeCaller()
    runner.user_greenlets = [SimpleNamespace(args=(caller,)), SimpleNamespace(args=())]
    assert running_users(runner) == [caller]
    listen_for_actions(runner, recorder())
    runner.send_message(CUT_MESSAGE, None)
    assert caller.cuts == 1


class FakeControl(ControlClient):
    def __init__(self) -> None:
        self.asked: list[object] = []

    def set_faults(self, faults: tuple[str, ...]) -> None:
        self.asked.append(faults)

    def cut(self, how: str) -> int:
        self.asked.append(how)
        return 3


def test_the_simulator_is_asked_for_cuts_and_faults() -> None:
    control = FakeControl()
    executor = RunExecutor(FakeRunner(), recorder(), control, ("pace:times=4",))
    executor.execute(SetFaults(("latency",)))
    executor.execute(SetFaults())
    executor.execute(CutUpstream("reset"))
    assert control.asked == [("pace:times=4", "latency"), ("pace:times=4",), "reset"], "what it has, it keeps"


@pytest.mark.parametrize(
    ("action", "message"), [(CutUpstream(), "--control"), (SetFaults(), "--control"), (Deploy(), "--deploy-command")]
)
def test_what_there_is_nothing_for_is_refused_with_the_option_to_give(action: Action, message: str) -> None:
    with pytest.raises(ActionError, match=message):
        RunExecutor(FakeRunner(), recorder()).execute(action)


def words(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (words("import sys; sys.exit('no room\\nno bridge')"), "the deploy command exited with code 1: no bridge"),
        (words("import sys; sys.exit(3)"), "the deploy command exited with code 3: no output"),
        (("/no/such/command",), "the deploy command can't be run: .*No such file"),
    ],
)
def test_a_failed_deploy_reports_why(command: tuple[str, ...], message: str) -> None:
    with pytest.raises(ActionError, match=message):
        RunExecutor(FakeRunner(), recorder(), deploy_command=command).execute(Deploy())


def test_a_deploy_that_succeeds_is_waited_for(tmp_path: Any) -> None:
    done = tmp_path / "done"
    command = words(f"import pathlib; pathlib.Path({str(done)!r}).touch()")
    RunExecutor(FakeRunner(), recorder(), deploy_command=command).execute(Deploy())
    assert done.exists()
    assert RunMeasurements().phase == "start"
