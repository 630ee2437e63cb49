"""The page of scenarios, one in detail, and the page of measurements."""

from __future__ import annotations

import pytest

from loadtests.metrics.measures import MEASURES
from loadtests.scenarios.listing import measures_page, scenarios_page
from loadtests.scenarios.plan import PlanError
from loadtests.scenarios.table import SCENARIOS


def test_every_scenario_stands_there_with_what_it_needs() -> None:
    page = scenarios_page(80, colour=False)
    assert all(f"{name}   " in page for name in SCENARIOS)
    assert "deploy   40 callers, 45 s   requires restart" in page
    assert max(map(len, page.splitlines())) <= 80


def test_a_named_scenario_is_shown_with_its_phases_and_budgets() -> None:
    page = scenarios_page(80, colour=False, names=["reconnect-storm"])
    assert "at 14.0 s  @storm: all upstream sockets cut" in page
    assert "    dials_per_second_max@storm <= 120\n" in page
    assert "conversation" not in page
    with pytest.raises(PlanError, match="did you mean soak"):
        scenarios_page(80, colour=False, names=["soaks"])


@pytest.mark.parametrize("width", [40, 80])
def test_every_measure_is_explained_within_the_page(width: int) -> None:
    page = measures_page(width, colour=False)
    assert all(f"  {name} " in page for name in MEASURES)
    assert max(map(len, page.splitlines())) <= max(width, 62)
