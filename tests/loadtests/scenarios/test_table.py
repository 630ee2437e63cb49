"""The table of scenarios: each can be run, and its budgets use existing measurements."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.simulator.faults.registry import parse_fault
from loadtests.metrics.budgets import parse_budget
from loadtests.metrics.measures import MEASURES
from loadtests.scenarios.table import (
    MEASURE_REQUIREMENTS,
    SCENARIOS,
    CallerGroup,
    LoadScenario,
    Requirement,
    SetFaults,
    budget_requirements,
)

ROOT = Path(__file__).parents[3]
each = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))


@each
def test_its_budgets_can_be_read_for_any_number_of_callers(scenario: LoadScenario) -> None:
    for callers in (1, 7, 1000):
        assert len({parse_budget(text).text for text in scenario.budgets_for(callers)}) == len(scenario.budgets)


@each
def test_its_budgets_name_phases_that_it_has(scenario: LoadScenario) -> None:
    phases = [phase.name for phase in scenario.phases]
    assert len(set(phases)) == len(phases)
    asked = {parse_budget(text).phase for text in scenario.budgets_for(1)}
    assert asked - {None} <= {"start", *phases}
    assert "start" not in phases


@each
def test_its_phases_are_in_order_with_time_before_and_after(scenario: LoadScenario) -> None:
    times = [phase.at for phase in scenario.phases]
    assert times == sorted(times)
    assert all(0.2 <= at <= 0.8 for at in times)
    assert scenario.min_seconds <= scenario.seconds


@each
def test_what_the_simulator_is_asked_for_exists(scenario: LoadScenario) -> None:
    imposed = [action.faults for phase in scenario.phases for action in phase.actions if isinstance(action, SetFaults)]
    for text in (*scenario.service_faults, *(text for faults in imposed for text in faults)):
        parse_fault(text)
    assert not imposed or imposed[-1] == (), "it leaves the service ill"


@each
def test_it_says_what_it_does_and_what_it_is_for(scenario: LoadScenario) -> None:
    assert scenario.summary.strip() == scenario.summary
    assert scenario.measures
    assert not scenario.phases or all(phase.description for phase in scenario.phases)


@each
def test_its_metrics_page_is_read(scenario: LoadScenario) -> None:
    assert f"| `{scenario.name}` |" in (ROOT / "docs" / "load.md").read_text()


def test_all_of_them_together_take_less_than_ten_minutes() -> None:
    assert sum(scenario.seconds for scenario in SCENARIOS.values()) < 600 - 8 * len(SCENARIOS)


@pytest.mark.parametrize(
    ("budget", "needs"),
    [
        ("lost_ms == 0", {Requirement.AUDIO_AUDIT}),
        ("dials_per_second_max@storm <= 12", {Requirement.CONTROL}),
        ("silently_lost_ms == 0", {Requirement.CONTROL, Requirement.LOSS_REPORTS}),
        ("rate(repeated_ms) < 1", {Requirement.AUDIO_AUDIT, Requirement.LOSS_REPORTS}),
        ("memory_grown_mb < 40", {Requirement.MEMORY}),
        ("upstream_errors >= 8", {Requirement.CONTROL, Requirement.LOSS_REPORTS}),
        ("p99(reconnect@storm) < 3s", set()),
    ],
)
def test_measurements_that_no_caller_can_take_have_requirements(budget: str, needs: set[Requirement]) -> None:
    assert budget_requirements(budget) == needs
    assert set(MEASURE_REQUIREMENTS) <= set(MEASURES)


def test_a_limit_per_caller_grows_with_the_callers() -> None:
    group = CallerGroup(name="callers", behaviour=SCENARIOS["soak"].behaviour)
    scenario = LoadScenario(name="x", summary="", measures="", groups=(group,), budgets=("turns >= 1.5 * callers",))
    assert scenario.budgets_for(40) == ("turns >= 60",)
