"""A pytest plugin for tests of any program that talks to the Realtime API: the fixture `realtime_simulator`.

    def test_my_bridge(realtime_simulator):
        run_my_bridge(base_url=realtime_simulator.base_url, api_key=realtime_simulator.key_for("no-quota"))
        assert [session.counts for session in realtime_simulator.arrivals.sessions()] == [...]

The simulator runs in a thread, so the program under test may be synchronous, asyncio, trio or another process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.embedded import Running


@pytest.fixture
def realtime_simulator() -> Iterator[Running]:
    """A simulated Realtime API for one test, answering twenty times as fast as the real one speaks."""
    from bridge.simulator.embedded import simulator_in_thread  # noqa: PLC0415 - only tests that ask pay for it
    from bridge.simulator.settings import Settings  # noqa: PLC0415 - as above

    with simulator_in_thread(Settings(pace=20.0)) as running:
        yield running
