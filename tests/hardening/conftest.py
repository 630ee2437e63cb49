"""One bridge with a simulator behind it, for all attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hardening.harness import (
    KEY,
    PAGE,
    TOKEN,
    BridgeProcess,
    SimulatorThread,
    checked_bridge_process,
    simulator_thread,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Small enough for the tests to exceed it.
MAX_SESSIONS = 40


@pytest.fixture(scope="session")
def one_upstream() -> Iterator[SimulatorThread]:
    """Run one simulator for all tests."""
    with simulator_thread() as upstream:
        yield upstream


@pytest.fixture
def upstream(one_upstream: SimulatorThread) -> Iterator[SimulatorThread]:
    """Give the simulator, without faults before and after the test."""
    one_upstream.clear_faults()
    yield one_upstream
    one_upstream.clear_faults()


@pytest.fixture(scope="session")
def bridge(one_upstream: SimulatorThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BridgeProcess]:
    """Run a bridge with all protections on. It must end with code 0 and without an internal error."""
    words = ["--upstream", one_upstream.url, "--client-token-env", "CLIENT_TOKEN", "--allow-origin", PAGE]
    words += ["--max-sessions", str(MAX_SESSIONS), "--log-format", "json"]
    with checked_bridge_process(
        tmp_path_factory.mktemp("bridge"),
        *words,
        OPENAI_API_KEY=KEY,
        CLIENT_TOKEN=TOKEN,
        SHERPA_BRIDGE_MINT="true",
        SHERPA_BRIDGE_LOCKED="instructions,tools,model",
        SHERPA_BRIDGE_MAX_MESSAGE_BYTES="262144",
        SHERPA_BRIDGE_DRAIN_SECONDS="2",
    ) as running:
        yield running
