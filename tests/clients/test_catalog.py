"""The list of clients: what it names exists, and what is pinned is one exact version."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.clients.catalog import CLIENTS, PACKAGE_JSON, REQUIREMENTS, Client
from tests.clients.scenarios import SCENARIOS

EXACT = re.compile(r"\d+(\.\w+)+")


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_a_client_has_a_driver_a_pinned_version_and_known_gaps(client: Client) -> None:
    assert client.driver.exists()
    assert EXACT.fullmatch(client.version)
    assert set(client.cannot) <= set(SCENARIOS)


def test_every_requirement_is_pinned_and_belongs_to_a_client() -> None:
    files = {client.requirements for client in CLIENTS.values()}
    assert set(REQUIREMENTS.iterdir()) == files | {PACKAGE_JSON}
    lines = [line for file in REQUIREMENTS.glob("*.txt") for line in file.read_text().splitlines() if line]
    assert [line for line in lines if not re.match(r"[\w.\-]+==\S+( ;.*)?$", line)] == []
    assert all(map(EXACT.fullmatch, msgspec.json.decode(PACKAGE_JSON.read_bytes())["dependencies"].values()))
