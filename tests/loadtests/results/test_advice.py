"""What an exceeded budget means: every measurement that a scenario limits has a text of its own."""

from __future__ import annotations

import pytest

from loadtests.metrics.budgets import parse_budget
from loadtests.metrics.measures import MEASURES
from loadtests.results.advice import advice_for, advice_without_data
from loadtests.scenarios.table import SCENARIOS

ANY = advice_for(parse_budget("chunks == 0"))
OF_SCENARIOS = sorted({text for one in SCENARIOS.values() for text in one.budgets_for(10)})


@pytest.mark.parametrize("text", OF_SCENARIOS)
def test_every_budget_of_a_scenario_has_its_own_text(text: str) -> None:
    advice = advice_for(parse_budget(text))
    assert advice != ANY
    assert advice.cause.endswith(".")
    assert advice.fix
    assert not advice.fix.endswith(".")


@pytest.mark.parametrize("name", [name for name, measure in MEASURES.items() if not measure.more_is_better])
def test_every_measurement_of_which_less_is_better_has_its_own_text(name: str) -> None:
    text = f"p99({name}) < 1s" if name in ("connect", "first_text", "pace_lag", "ready", "turn") else f"{name} <= 0"
    if MEASURES[name].kind == "duration" and not text.startswith("p99"):
        text = f"max({name}) < 1s"
    assert advice_for(parse_budget(text)) != ANY


def test_no_text_suggests_to_take_a_budget_away() -> None:
    every = [advice_for(parse_budget(text)) for text in OF_SCENARIOS]
    every += [advice_without_data(parse_budget(text)) for text in OF_SCENARIOS]
    assert not [advice for advice in every if "--budget" in advice.fix or "--report" in advice.fix]


def test_without_data_the_text_says_what_never_happened() -> None:
    advice = advice_without_data(parse_budget("p99(reconnect@storm) < 3s"))
    assert advice.cause.startswith("It didn't happen once in the phase storm: from the loss of a session")
