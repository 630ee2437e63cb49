"""Scenarios: each is selected by its key, and each does what its name says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.simulator.faults.base import ApiEndpoint, ClientAttempt, apply_faults
from bridge.simulator.faults.scenarios import SCENARIOS, SHORT_KEYS, scenario_for_key
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness

if TYPE_CHECKING:
    from bridge.simulator.faults.actions import WireAction


def played(name: str) -> tuple[SimulatorHarness, list[tuple[float, WireAction]]]:
    """Run one update and one spoken turn with the faults of a scenario."""
    scenario = SCENARIOS[name]
    harness = SimulatorHarness(dialect=Dialect(scenario.dialect or "ga"), faults=scenario.faults)
    beta = scenario.dialect == "beta"
    harness.send("session.update", session={} if beta else {"type": "realtime"})
    harness.say()
    harness.wait(20)
    return harness, harness.take_actions()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_is_selected_by_its_key_with_or_without_a_suffix(name: str) -> None:
    scenario = SCENARIOS[name]
    assert scenario.key == f"sk-scenario-{name}"
    assert scenario_for_key(scenario.key) is scenario
    assert scenario_for_key(f"{scenario.key}-of-alice") is scenario
    assert scenario.summary


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_runs_and_differs_from_good_as_its_name_says(name: str) -> None:
    scenario = SCENARIOS[name]
    _, actions = played(name)
    refuses = [
        fault.refuse(ClientAttempt(endpoint=endpoint, number=1)) is not None
        for fault in scenario.faults
        for endpoint in ApiEndpoint
    ]
    quiet = scenario.dialect is None and scenario.realtime_models
    same = actions == played("good")[1]
    unseen_here = {
        "fails-later",
        "failed-transcription",
        "dropped-mid-append",
        "hesitant",
        "mcp-unlisted",
        "mcp-failed",
    }
    assert same == (name == "good" or (quiet and any(refuses) and not _behaves(name)) or name in unseen_here)


def _behaves(name: str) -> bool:
    return apply_faults(SCENARIOS[name].faults, SessionBehaviour()) != SessionBehaviour()


@pytest.mark.parametrize(("key", "name"), SHORT_KEYS.items())
def test_short_keys_select_the_common_refusals(key: str, name: str) -> None:
    for asked in (key, f"{key}-1234"):
        found = scenario_for_key(asked)
        assert found is not None
        assert found.name == name


def test_every_other_key_gets_the_default() -> None:
    assert scenario_for_key("sk-proj-1234") is SCENARIOS["good"]
    assert scenario_for_key("sk-proj-1234", default="mute") is SCENARIOS["mute"]


@pytest.mark.parametrize("key", ["sk-scenario-", "sk-scenario-nonsense", "sk-scenario-goods", "sk-scenario-mint"])
def test_a_scenario_that_does_not_exist_is_none(key: str) -> None:
    assert scenario_for_key(key) is None


def test_the_longest_name_wins() -> None:
    found = scenario_for_key("sk-scenario-closed-mid-response-7")
    assert found is SCENARIOS["closed-mid-response"]


def test_the_close_codes_in_summaries_are_right() -> None:
    with_code = {name: scenario for name, scenario in SCENARIOS.items() if scenario.summary.endswith(")")}
    checked = 0
    for name, scenario in with_code.items():
        code = scenario.summary.rpartition("(")[2].rstrip(")")
        error = apply_faults(scenario.faults, SessionBehaviour()).refusal
        if error is not None and len(code) == 4:
            assert str(error.close_code) == code, name
            checked += 1
    assert checked > 10
