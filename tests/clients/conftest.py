"""Services and drivers for the tests of clients. Both are expensive to start, so the tests of one client share them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.clients.catalog import CLIENTS
from tests.clients.scenarios import Call
from tests.clients.shared import Shared
from tests.process_state import ProcessState

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def process_state_is_restored(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the driver that a test of a client starts live on, for the tests that follow. Other tests leave nothing."""
    before = ProcessState.capture()
    yield
    changes = [] if request.node.get_closest_marker("clients") else before.restore()
    assert not changes, f"left behind: {'; '.join(changes)}"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Share services and drivers among the tests of one client."""
    made = Shared(tmp_path_factory.mktemp("clients"))
    yield made
    made.close()


@pytest.fixture
def call(shared: Shared, client_name: str, target: str, request: pytest.FixtureRequest) -> Iterator[Call]:
    """Give a client that is not connected, and the service to connect to. After a failed test its driver is ended."""
    client = CLIENTS[client_name]
    service = shared.service(target, tls=client.tls)
    driver = shared.driver(client)
    failed_before = request.session.testsfailed
    yield Call(client, driver, service, shared.speech)
    if request.session.testsfailed == failed_before and driver.alive:
        driver.call("close")
    else:
        shared.discard(client)
