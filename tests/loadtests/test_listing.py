"""The page of scenarios."""

from __future__ import annotations

from loadtests.listing import listed
from loadtests.scenarios import SCENARIOS


def test_every_scenario_stands_there_with_what_it_needs() -> None:
    page = listed(80, colour=False)
    assert all(f"{name}   " in page for name in SCENARIOS)
    assert "deploy   40 callers, 45 s   needs restart" in page
    assert max(map(len, page.splitlines())) <= 80
