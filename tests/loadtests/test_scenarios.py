"""The table of scenarios: each can be run, and says what it is about in words that are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.simulator.fault_table import parse_fault
from loadtests.budgets import parse_budget
from loadtests.names import MEASURES
from loadtests.scenarios import MEASURED_BY, SCENARIOS, Act, Deploy, Group, Need, Scenario, SetFaults

ROOT = Path(__file__).parents[2]
EVERYTHING = frozenset(Need)
each = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))


@each
def test_its_budgets_can_be_read_for_any_number_of_callers(scenario: Scenario) -> None:
    for callers in (1, 7, 1000):
        judged, left_out = scenario.budgets_for(callers, EVERYTHING)
        assert not left_out
        assert len({parse_budget(text).text for text in judged}) == len(scenario.budgets)


@each
def test_its_budgets_name_phases_that_it_has(scenario: Scenario) -> None:
    phases = [act.phase for act in scenario.acts]
    assert len(set(phases)) == len(phases)
    asked = {parse_budget(text).phase for text in scenario.budgets_for(1, EVERYTHING)[0]}
    assert asked - {None} <= set(phases)


@each
def test_its_acts_are_in_order_and_leave_time_before_and_behind(scenario: Scenario) -> None:
    times = [act.at for act in scenario.acts]
    assert times == sorted(times)
    assert all(0.2 <= at <= 0.8 for at in times)
    assert scenario.least_seconds <= scenario.seconds


@each
def test_what_the_simulator_is_asked_for_exists(scenario: Scenario) -> None:
    words = scenario.simulator
    asked = [words[n + 1] for n, word in enumerate(words) if word == "--fault"]
    imposed = [deed.faults for act in scenario.acts for deed in act.deeds if isinstance(deed, SetFaults)]
    for text in (*asked, *(text for faults in imposed for text in faults)):
        parse_fault(text)
    assert not imposed or imposed[-1] == (), "it leaves the service ill"


@each
def test_it_says_what_it_does_and_what_it_is_for(scenario: Scenario) -> None:
    assert scenario.summary.strip() == scenario.summary
    assert scenario.measures
    assert not scenario.acts or all(act.said for act in scenario.acts)


@each
def test_its_page_tells_of_it(scenario: Scenario) -> None:
    assert f"| `{scenario.name}` |" in (ROOT / "docs" / "load.md").read_text()


def test_all_of_them_together_take_less_than_ten_minutes() -> None:
    assert sum(scenario.seconds for scenario in SCENARIOS.values()) < 600 - 8 * len(SCENARIOS)


def test_what_no_caller_can_measure_is_left_out_where_nobody_else_can() -> None:
    storm = SCENARIOS["reconnect-storm"]
    judged, left_out = storm.budgets_for(10, frozenset())
    assert "lost_ms == 0" in left_out
    assert "dials_per_second_max@storm <= 12" in left_out
    assert "p99(reconnect@storm) < 3s" in judged
    assert set(judged) | set(left_out) == set(storm.budgets_for(10, EVERYTHING)[0])
    assert set(MEASURED_BY) <= set(MEASURES)


def test_a_figure_for_each_caller_grows_with_the_callers() -> None:
    group = Group(name="callers", behaviour=SCENARIOS["soak"].behaviour)
    scenario = Scenario(name="x", summary="", measures="", groups=(group,), budgets=("turns >= 1.5 * callers",))
    assert scenario.budgets_for(40, EVERYTHING) == (("turns >= 60",), ())


def test_what_it_needs_is_read_from_its_acts() -> None:
    assert SCENARIOS["conversation"].needs == frozenset()
    assert SCENARIOS["reconnect-storm"].needs == {Need.CONTROL}
    assert SCENARIOS["deploy"].needs == {Need.RESTART}
    both = Act(0.5, "both", (SetFaults(), Deploy()))
    group = SCENARIOS["soak"].groups
    scenario = Scenario(name="x", summary="", measures="", groups=group, budgets=(), acts=(both,))
    assert scenario.needs == {Need.CONTROL, Need.RESTART}
    assert scenario.behaviour is group[0].behaviour
