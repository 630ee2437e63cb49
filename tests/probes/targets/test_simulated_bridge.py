"""The embedded bridge: on real sockets, with the tracer audio that its simulator received."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from probes.runner.redaction import Secrets
from probes.targets.simulated_bridge import open_simulated_bridge
from reports.model import Severity
from tests.probes.bridge.faulty_bridge import config
from tests.probes.bridge.test_probe import bad, checked, run_probe


@pytest.mark.parametrize("path", ["/api/openai/realtime", "/v1"], ids=["client", "native"])
async def test_it_is_healthy_over_real_sockets(path: str, mock_clock: trio.testing.MockClock) -> None:
    mock_clock.rate = 8
    async with open_simulated_bridge("good", config(), secrets=Secrets(), path=path) as target:
        report = await run_probe(target)
    assert {f.severity for f in checked(report)} == {Severity.PASS}
    assert [e.value for e in report.target][-1] == "simulated: good"


@pytest.mark.parametrize("flags", [{"azure": True}, {"dialect": "beta"}], ids=["azure", "beta"])
async def test_it_takes_form_and_dialect_of_the_settings(
    flags: dict[str, object], mock_clock: trio.testing.MockClock
) -> None:
    mock_clock.rate = 8
    async with open_simulated_bridge("good", config(**flags), secrets=Secrets()) as target:
        report = await run_probe(target)
    assert bad(report) == ([("events", "BRIDGE-BETA-EVENTS")] if "dialect" in flags else [])


async def test_what_the_block_raises_comes_out_as_it_is_and_the_port_is_closed() -> None:
    class OopsError(Exception):
        pass

    ports = []

    async def fail() -> None:
        async with open_simulated_bridge("good", config(), secrets=Secrets()) as target:
            ports.append(target.endpoint.port)
            raise OopsError

    with pytest.raises(OopsError):
        await fail()
    with pytest.raises(OSError, match=r".*"):
        await trio.open_tcp_stream("127.0.0.1", ports[0])


async def test_a_scenario_that_there_is_not_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        async with open_simulated_bridge("no-such", config(), secrets=Secrets()):
            raise AssertionError("it must not open")
