"""All scenarios, one after another: which are run, in what order, and where it ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from loadtests.results import problems
from loadtests.results.report import report_without_run
from loadtests.run.run import RunRequest
from loadtests.run.suite import QUICK_CALLERS, run_suite, suite_items
from loadtests.scenarios.plan import PlanError, RunOptions
from loadtests.scenarios.table import SCENARIOS
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtests.run.run import OnProgress
    from loadtests.run.suite import SuiteItem

AT_A_BRIDGE = RunRequest(options=RunOptions(scenario="", url="ws://127.0.0.1:9"))
SIMULATED = RunRequest(options=RunOptions(scenario=""), simulate=True)


def items(request: RunRequest, *names: str, quick: bool = False) -> list[SuiteItem]:
    return suite_items(request, names, {}, quick=quick)


class Runs:
    """Runs that did not take place; notes what was asked for."""

    def __init__(self, codes: Mapping[str, int] | None = None) -> None:
        self.codes, self.names = codes or {}, list[str]()

    def __call__(self, request: RunRequest, _: Mapping[str, str], on_progress: OnProgress) -> StoredReport:
        name = request.options.scenario
        self.names.append(name)
        on_progress({"doing": "starting"})
        on_progress({"at": 1.0})
        plan = next(item.plan for item in items(SIMULATED, name))
        assert plan is not None
        return StoredReport(report_without_run(plan, problems.CRASHED).report, self.codes.get(name, 0))


def done(items_: Sequence[SuiteItem], runs: Runs) -> StoredReport:
    return run_suite(items_, {}, lambda _: None, runs)


def test_without_names_every_scenario_is_run_with_its_own_size() -> None:
    chosen = items(SIMULATED)
    assert [item.name for item in chosen] == list(SCENARIOS)
    plans = {item.name: item.plan for item in chosen}
    storm = plans["reconnect-storm"]
    assert storm is not None
    assert (storm.users, storm.seconds) == (100, 40.0)


def test_quick_runs_are_short_and_small() -> None:
    (soak,) = items(SIMULATED, "soak", quick=True)
    assert soak.plan is not None
    assert (soak.plan.users, soak.plan.seconds) == (QUICK_CALLERS, SCENARIOS["soak"].min_seconds)


def test_what_the_target_can_not_be_put_through_is_skipped_and_refused_if_asked_for_by_name() -> None:
    skipped = {item.name: item.skipped for item in items(AT_A_BRIDGE) if item.skipped}
    assert set(skipped) == {"flapping", "slow-create", "expiry", "deploy"}
    assert skipped["flapping"] == "needs --control http://HOST:PORT/_sim"
    assert skipped["deploy"] == "needs --deploy-command CMD"
    with pytest.raises(PlanError, match="flapping needs the control API"):
        items(AT_A_BRIDGE, "conversation", "flapping")


def test_anything_else_that_is_wrong_is_told_before_the_first_run() -> None:
    with pytest.raises(PlanError, match="did you mean soak"):
        items(SIMULATED, "conversation", "soaked")
    with pytest.raises(PlanError, match="no target"):
        items(RunRequest(options=RunOptions(scenario="")))


def test_all_are_run_although_one_is_red_and_progress_says_which() -> None:
    runs, shown = Runs({"flapping": 1}), list[object]()
    chosen = items(SIMULATED, "conversation", "flapping", "soak")
    stored = run_suite(chosen, os.environ, shown.append, runs)
    assert runs.names == ["conversation", "flapping", "soak"]
    assert {"doing": "flapping, 2 of 3: starting"} in shown
    assert {"at": 1.0, "act": "soak, 3 of 3"} in shown
    assert [finding.probe for finding in stored.report.findings] == runs.names


def test_an_interrupt_ends_the_sequence_with_a_report() -> None:
    runs = Runs({"conversation": 130})
    stored = done(items(SIMULATED, "conversation", "soak"), runs)
    assert runs.names == ["conversation"]
    assert stored.exit_code == 130
    assert ("target", "the simulated bridge and simulator") in [(one.label, one.value) for one in stored.report.target]
