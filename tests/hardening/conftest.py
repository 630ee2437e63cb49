"""One bridge, and the simulator behind it, for all that is done to them here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hardening.harness import KEY, PAGE, TOKEN, House, Upstream, bridge, simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Small, so that there is something beyond the limit.
MAX_SESSIONS = 40


@pytest.fixture(scope="session")
def one_upstream() -> Iterator[Upstream]:
    """Run one simulator for all tests."""
    with simulated() as upstream:
        yield upstream


@pytest.fixture
def upstream(one_upstream: Upstream) -> Iterator[Upstream]:
    """Give the simulator, healthy before and behind the test."""
    one_upstream.heals()
    yield one_upstream
    one_upstream.heals()


@pytest.fixture(scope="session")
def house(one_upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run a bridge with everything on that keeps strangers out. It must end well, and without a fault of its own."""
    words = ["--upstream", one_upstream.url, "--client-token-env", "CLIENT_TOKEN", "--allow-origin", PAGE]
    words += ["--max-sessions", str(MAX_SESSIONS), "--log-format", "json"]
    with bridge(
        tmp_path_factory.mktemp("house"),
        *words,
        OPENAI_API_KEY=KEY,
        CLIENT_TOKEN=TOKEN,
        SHERPA_BRIDGE_MINT="true",
        SHERPA_BRIDGE_LOCKED="instructions,tools,model",
        SHERPA_BRIDGE_MAX_MESSAGE_BYTES="262144",
        SHERPA_BRIDGE_DRAIN_SECONDS="2",
    ) as running:
        yield running
