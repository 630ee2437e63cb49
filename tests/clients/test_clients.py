"""Real client libraries, unmodified, against the simulator and against the bridge: run by `make clients`.

`catalog.py` lists the clients, `scenarios.py` what each of them does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.clients.catalog import CLIENTS, ONLY, TARGETS
from tests.clients.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.scenarios import Call


def cases() -> Iterator[object]:
    """Yield every client with every target and scenario that it has an API for."""
    chosen = os.environ.get(ONLY) or ",".join(CLIENTS)
    for client in map(CLIENTS.__getitem__, chosen.split(",")):
        for target in TARGETS:
            for scenario in SCENARIOS:
                if scenario not in client.cannot:
                    yield pytest.param(client.name, target, scenario, id=f"{client.name}-{target}-{scenario}")


@pytest.mark.clients
@pytest.mark.wall_clock
@pytest.mark.parametrize(("client_name", "target", "scenario"), [*cases()])
def test_a_client_does(scenario: str, call: Call) -> None:
    SCENARIOS[scenario](call)
