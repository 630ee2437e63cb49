"""Which part of a scenario can be run with what is there."""

from __future__ import annotations

import pytest

from loadtests.scenarios.availability import required, runnable_phases, skipped_phases
from loadtests.scenarios.table import SCENARIOS, CutClients, Deploy, LoadScenario, Requirement, ScenarioPhase, SetFaults

NOTHING: frozenset[Requirement] = frozenset()
CONTROL = frozenset({Requirement.CONTROL})


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("conversation", set()), ("reconnect-storm", set()), ("thundering-herd", set()), ("error-flood", set()),
        ("flapping", {Requirement.CONTROL}), ("slow-create", {Requirement.CONTROL}), ("expiry", {Requirement.CONTROL}),
        ("deploy", {Requirement.RESTART}),
    ],
)  # fmt: skip
def test_a_scenario_needs_control_only_if_its_callers_do_nothing_by_themselves(
    name: str, needs: set[Requirement]
) -> None:
    assert required(SCENARIOS[name]) == needs


def test_all_that_a_scenario_consists_of_is_needed() -> None:
    both = ScenarioPhase(0.5, "both", (SetFaults(), Deploy()))
    group = SCENARIOS["soak"].groups
    scenario = LoadScenario(name="x", summary="", measures="", groups=group, budgets=(), phases=(both,))
    assert required(scenario) == {Requirement.CONTROL, Requirement.RESTART}
    assert scenario.behaviour is group[0].behaviour


def test_with_control_a_scenario_is_run_as_it_stands() -> None:
    for scenario in SCENARIOS.values():
        everything = frozenset(Requirement)
        assert runnable_phases(scenario, everything) == scenario.phases
        assert skipped_phases(scenario, everything) == ()


def test_a_phase_of_which_a_part_is_left_is_run_with_that_part() -> None:
    herd = SCENARIOS["thundering-herd"]
    (outage,) = runnable_phases(herd, NOTHING)
    assert (outage.name, outage.actions, outage.description) == ("outage", (CutClients(),), "all client sockets cut")
    left_out = skipped_phases(herd, NOTHING)
    assert [(one.name, one.description, one.missing) for one in left_out] == [
        ("outage", "service faults changed, all upstream sockets cut", CONTROL),
        ("well", "service works again", CONTROL),
    ]
