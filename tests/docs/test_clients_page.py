"""docs/clients.md and the catalogue of clients agree: versions, scenarios, and what is not run."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.protocol.models import DEFAULT_MODEL
from tests.clients.catalog import CLIENTS
from tests.clients.scenarios import SCENARIOS

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose first head is this."""
    body = PAGE[PAGE.index(f"| {head} |") :].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines()[2:]]


def test_every_client_is_on_the_page_with_the_pinned_version() -> None:
    expected = []
    for client in CLIENTS.values():
        total = len(SCENARIOS) - len(client.cannot)
        count = f"{total} of {total}"
        expected.append([client.title, f"`{client.name}`", client.version, count, count])
    assert sorted(rows("client | name")) == sorted(expected)


def test_every_scenario_is_on_the_page_in_order() -> None:
    assert [name.strip("`") for name, _ in rows("scenario")] == list(SCENARIOS)


def test_the_page_says_what_is_not_run_and_why() -> None:
    found = {
        (title, name): reason
        for title, names, reason in rows("client | scenario")
        for name in re.findall(r"`(\w+)`", names)
    }
    expected = {(one.title, name): reason for one in CLIENTS.values() for name, reason in one.cannot.items()}
    assert found == expected


def test_the_page_points_every_client_at_the_bridge() -> None:
    assert re.findall(r"^\*\*(.+?)\*\*", PAGE, re.MULTILINE) == [row[0] for row in rows("client | name")]
    assert set(re.findall(r"gpt-realtime-[0-9.]+", PAGE)) == {DEFAULT_MODEL}
