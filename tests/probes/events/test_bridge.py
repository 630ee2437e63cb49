"""The scripts through the reference bridge in front of the simulator, at both of its endpoints."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.client_protocol.endpoints import CLIENT_PATH, NATIVE_PATH
from bridge.config.resolve import Flags, read_config
from probes.bridge.probe import bridge as check_bridge
from probes.conversation.run import run_script
from probes.events.bridge import bridge_script_run, events_bridge
from probes.explain import explain
from probes.runner.redaction import Secrets
from probes.targets.bridge import make_bridge_target
from probes.targets.simulated_bridge import open_simulated_bridge
from reports.model import Finding, Severity
from tests.probes.conversation.session_builder import NOWHERE, ReportItems, collect
from tests.probes.proxies import IdleCutProxy, StrippingProxy

if TYPE_CHECKING:
    from probes.targets.bridge import BridgeTarget

ENDPOINTS = pytest.mark.parametrize("endpoint", ["client", "native"])


async def through(endpoint: str, script: str, scenario: str = "good") -> ReportItems:
    """Play a script through the embedded bridge at ten times real time."""
    config = read_config(Flags(timeout=10), {"OPENAI_API_KEY": "sk-x"}, NOWHERE)
    path = f"{NATIVE_PATH}?model=gpt-realtime-2.1" if endpoint == "native" else CLIENT_PATH
    async with open_simulated_bridge(scenario, config, secrets=Secrets(), path=path) as target:
        assert target.endpoint_kind == endpoint
        return await collect(run_script(bridge_script_run(target, script, speed=10)))


@pytest.mark.parametrize(
    ("endpoint", "script"),
    [("client", "text"), ("client", "function"), ("native", "text"), ("native", "transcription")],
)
async def test_a_script_passes_through_the_reference_bridge(endpoint: str, script: str) -> None:
    with trio.fail_after(20):
        result = await through(endpoint, script)
    assert result.bad_outcomes() == []
    assert result.metrics["events_ready_seconds"] > 0


@ENDPOINTS
@pytest.mark.parametrize(
    ("scenario", "found"),
    [
        ("invalid-key", ("session", "BRIDGE-AUTHENTICATION-FAILED", "fail")),
        ("no-quota", ("session", "BRIDGE-QUOTA-EXHAUSTED", "fail")),
        ("model-gone", ("session", "BRIDGE-MODEL-NOT-AVAILABLE", "fail")),
        ("failed-response", ("answer", "EVENTS-SERVER-ERROR", "fail")),
        ("beta-server", ("session", "EVENTS-OTHER-DIALECT", "warning")),
        ("update-refused", ("ready", "BRIDGE-DIALECT-REFUSED", "fail")),
    ],
)
async def test_what_goes_wrong_behind_a_bridge_is_named_once(
    endpoint: str, scenario: str, found: tuple[str, str, str]
) -> None:
    with trio.fail_after(20):
        result = await through(endpoint, "text", scenario)
    assert result.bad_outcomes() == [found]
    assert explain(found[1])
    assert {f.probe for f in result.findings} == {"events"}


@ENDPOINTS
async def test_a_proxy_that_strips_the_upgrade_before_a_bridge_is_named(endpoint: str, nursery: trio.Nursery) -> None:
    config = read_config(Flags(timeout=10), {"OPENAI_API_KEY": "sk-x"}, NOWHERE)
    path = NATIVE_PATH if endpoint == "native" else CLIENT_PATH
    async with open_simulated_bridge("good", config, secrets=Secrets()) as running:
        proxy = StrippingProxy(running.endpoint.port)
        (listener, *_) = await nursery.start(partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1"))
        url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}{path}"
        target = make_bridge_target(url, None, config, secrets=Secrets(), environment={})
        through = await collect(events_bridge(target, script="text"))
        alone = [finding.code for finding in await findings_of(target)]
    assert [(check, code) for check, code, _ in through.bad_outcomes()] == [("connect", "BRIDGE-UPGRADE-STRIPPED")]
    assert alone == ["BRIDGE-UPGRADE-STRIPPED"]


async def test_a_proxy_that_cuts_quiet_connections_before_a_bridge_is_named(nursery: trio.Nursery) -> None:
    config = read_config(Flags(timeout=10), {"OPENAI_API_KEY": "sk-x"}, NOWHERE)
    async with open_simulated_bridge("good", config, secrets=Secrets()) as running:
        proxy = IdleCutProxy(running.endpoint.port, 1.0)
        (listener, *_) = await nursery.start(partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1"))
        url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"
        found = await findings_of(make_bridge_target(url, None, config, secrets=Secrets(), environment={}))
    assert [(finding.check, finding.code) for finding in found] == [("errors", "BRIDGE-IDLE-CUT")]


async def findings_of(target: BridgeTarget) -> list[Finding]:
    """Return the failures that the probe `bridge` finds."""
    return [item async for item in check_bridge(target) if isinstance(item, Finding) and item.severity is Severity.FAIL]


async def test_a_bridge_that_does_not_listen_is_reported() -> None:
    config = read_config(Flags(timeout=10), {"OPENAI_API_KEY": "sk-x"}, NOWHERE)
    async with open_simulated_bridge("good", config, secrets=Secrets()) as target:
        pass
    result = await collect(events_bridge(target, script="text"))
    assert [(check, code) for check, code, _ in result.bad_outcomes()] == [("connect", "BRIDGE-NOTHING-LISTENING")]
