"""A pytest plugin for tests of any program that talks to the Realtime API: the fixture `realtime_simulator`.

    def test_my_bridge(realtime_simulator):
        run_my_bridge(base_url=realtime_simulator.base_url, api_key=realtime_simulator.key_for("no-quota"))
        assert [session.counts for session in realtime_simulator.arrivals.sessions()] == [...]

The simulator runs in a thread, so the program under test may be synchronous, asyncio, trio or another process.

pytest loads this module in every project that has it installed, so its name is unmistakable and it imports nothing of
ours by itself: a project with a package of its own called `bridge` keeps its tests, even where it cannot have the
fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.embedded import RunningSimulator

_HIDDEN = (
    "realtime_simulator: this project has a package named 'bridge' that hides the simulator's. Run pytest as `pytest` "
    "(not `python -m pytest`) from a layout where your package is not importable as 'bridge', or start the simulator "
    "as a program: sherpa-sim serve --port 0"
)


@pytest.fixture
def realtime_simulator() -> Iterator[RunningSimulator]:
    """A simulated Realtime API for one test, answering twenty times as fast as the real one speaks."""
    try:
        from bridge.simulator.embedded import simulator_in_thread  # noqa: PLC0415 - only tests that ask pay for it
        from bridge.simulator.settings import Settings  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        pytest.fail(f"{_HIDDEN} ({error})", pytrace=False)
    with simulator_in_thread(Settings(pace=20.0)) as running:
        yield running
