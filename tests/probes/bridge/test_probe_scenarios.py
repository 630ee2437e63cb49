"""The reference bridge in front of the simulator: no warning if healthy, else one cause for each scenario."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.server.config.settings import ClientRules
from bridge.simulator.faults.scenarios import SCENARIOS
from probes.runner.redaction import Secrets
from probes.targets.simulated_bridge import open_simulated_bridge
from reports.model import Severity
from reports.redaction import Secret
from tests.driver.harness import simulated_upstream
from tests.probes.bridge.faulty_bridge import config, memory_target
from tests.probes.bridge.test_probe import at_row, bad, checked, run_probe
from tests.server.harness import NATIVE_URL, TOKEN, make_settings, running_bridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.server.app import Bridge
    from bridge.transport.http import HttpAnswer, HttpRequest
    from probes.targets.bridge import BridgeTarget

NATIVE_URL = f"ws://localhost:1{NATIVE_URL}"
URLS = pytest.mark.parametrize("url", ["ws://localhost:1", NATIVE_URL], ids=["client", "native"])

#: A row of a healthy bridge fits into one line of 80 columns.
WIDEST = 52

HEALTHY = (
    "good",
    "echo",
    "slow-created",
    "far-away",
    "stalls",
    "doubled",
    "flaky-handshake",
    "flaky-session",
    "failed-transcription",
    "fails-later",
    "hesitant",
    "commentary",
    "mcp-unlisted",
    "mcp-failed",
)
#: Scenarios that lead to the same code at both endpoints, by row and code.
PROBLEM_SCENARIOS: dict[tuple[str, str], tuple[str, ...]] = {
    ("session", "AUTHENTICATION-FAILED"): ("invalid-key", "no-credential", "handshake-401"),
    ("session", "ACCESS-DENIED"): ("no-access", "wrong-country", "handshake-403"),
    ("session", "MODEL-NOT-AVAILABLE"): ("no-model", "model-gone", "invalid-model"),
    ("session", "DIALECT-REFUSED"): ("beta-refused", "missing-model", "invalid-intent", "update-refused"),
    ("session", "RATE-LIMITED"): ("session-limited", "handshake-429"),
    ("session", "QUOTA-EXHAUSTED"): (
        "no-quota",
        "credit-exhausted",
        "project-limit",
        "organization-limit",
        "usage-limit",
    ),
    ("session", "SESSION-NOT-FOUND"): ("handshake-404",),
    ("session", "UPSTREAM-UNAVAILABLE"): (
        "gateway-502",
        "redirected",
        "not-a-websocket",
        "handshake-500",
        "handshake-503",
        "server-error",
        "never-created",
        "not-confirmed",
        "dropped",
        "reset",
        "closed-1000",
        "closed-1001",
        "closed-1011",
        "closed-1012",
        "closed-1013",
        "no-101",
        "early-eof",
        "wrong-accept",
        "not-http",
        "garbage-frame",
        "invalid-utf8",
    ),
    ("speech in", "UPSTREAM-LOST"): ("session-expired", "dropped-mid-append"),
    ("speech in", "UPSTREAM-ERROR"): ("error-storm",),
    ("speech out", "UPSTREAM-LOST"): ("dropped-mid-response", "closed-mid-response"),
    ("speech out", "UPSTREAM-ERROR"): ("rate-limited", "failed-response", "cut-frames"),
    ("speech out", "NO-SPEECH-OUT"): ("mute",),
}
EXPECTED = {name: (row, f"BRIDGE-{slug}") for (row, slug), names in PROBLEM_SCENARIOS.items() for name in names}
#: At the native endpoint one scenario of each kind is enough, because both endpoints share the code.
RUNS = [
    *((name, "ws://localhost:1") for name in EXPECTED),
    *((names[0], NATIVE_URL) for names in PROBLEM_SCENARIOS.values()),
    ("not-confirmed", NATIVE_URL),
]
#: What the two endpoints show differently.
DIFFERENT: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "half-open": ([("speech in", "BRIDGE-SPEECH-NOT-TAKEN")], [("session", "BRIDGE-NO-SESSION-READY")]),
    "short-session": ([("errors", "BRIDGE-UPSTREAM-LOST")], []),
    "beta-server": ([("events", "BRIDGE-BETA-EVENTS")], []),
}
#: They fail while a secret is minted, which a bridge in memory doesn't do: real sockets, virtual time.
MINTING = {
    "mint-quota": "BRIDGE-QUOTA-EXHAUSTED",
    "mint-500": "BRIDGE-UPSTREAM-UNAVAILABLE",
    "mint-503": "BRIDGE-UPSTREAM-UNAVAILABLE",
    "mint-404": "BRIDGE-SESSION-NOT-FOUND",
    "slow-down": "BRIDGE-UPSTREAM-UNAVAILABLE",
    "rate-limited": "BRIDGE-RATE-LIMITED",
    "no-access": "BRIDGE-ACCESS-DENIED",
}


@dataclass
class Served:
    """The reference bridge, served in memory."""

    bridge: Bridge

    async def serve(self, stream: trio.abc.Stream) -> None:
        await self.bridge.serve_stream(stream)

    async def http(self, request: HttpRequest) -> HttpAnswer:
        return await self.bridge.http(request)


@asynccontextmanager
async def reference(
    scenario: str, url: str = "ws://localhost:1", *, rules: ClientRules | None = None, token: Secret | None = None
) -> AsyncIterator[BridgeTarget]:
    """The reference bridge in front of the simulator, in memory."""
    key = Secret(SCENARIOS[scenario].key)
    async with (
        simulated_upstream(key=key) as (simulator, connector),
        running_bridge(make_settings(rules), connector=connector) as running,
        trio.open_nursery() as nursery,
    ):
        target = memory_target(nursery, Served(running.bridge), url, token=token)
        yield replace(target, upstream_tracer=partial(simulator.journal.tracer_account, key.reveal()))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("scenario", "url"),
    [*((name, "ws://localhost:1") for name in HEALTHY), ("good", NATIVE_URL), ("echo", NATIVE_URL)],
)
async def test_a_healthy_bridge_has_no_warning_and_loses_nothing(
    scenario: str, url: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with reference(scenario, url) as target:
        report = await run_probe(target)
    assert bad(report) == []
    assert {f.severity for f in checked(report)} == {Severity.PASS}
    assert [f.title for f in checked(report) if len(f.title) > WIDEST] == []
    measured = {metric.name: metric.value for metric in report.metrics}
    assert measured["bridge_lost_ms"] == measured["bridge_repeated_ms"] == measured["bridge_reordered_ms"] == 0


def test_every_scenario_is_expected_somewhere() -> None:
    assert {*HEALTHY, *EXPECTED, *DIFFERENT, *MINTING} == set(SCENARIOS)


@pytest.mark.parametrize(("scenario", "url"), RUNS)
async def test_what_fails_behind_the_bridge_is_the_one_cause(
    scenario: str, url: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with reference(scenario, url) as target:
        report = await run_probe(target)
    row, code = EXPECTED[scenario]
    assert bad(report) == [(row, code)]
    finding = at_row(report, row)
    assert finding.evidence[0].value
    assert report.exit_code() == 1
    skipped = [f.title for f in checked(report) if f.severity is Severity.SKIPPED]
    assert len(set(skipped) - {"skipped: the socket is closed"}) == 1


@pytest.mark.parametrize("scenario", DIFFERENT)
async def test_some_things_show_at_one_door_only(scenario: str, autojump_clock: trio.testing.MockClock) -> None:
    for url, expected in zip(("ws://localhost:1", NATIVE_URL), DIFFERENT[scenario], strict=True):
        async with reference(scenario, url) as target:
            assert bad(await run_probe(target)) == expected


@pytest.mark.parametrize("scenario", MINTING)
async def test_what_fails_while_minting_is_the_one_cause(scenario: str, mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0.1  # real sockets, and threads that resolve names, need a moment
    async with open_simulated_bridge(scenario, config(), secrets=Secrets()) as target:
        report = await run_probe(target)
    assert bad(report) == [("session", MINTING[scenario])]


async def test_the_finer_cause_is_shown_in_the_service_s_own_terms(autojump_clock: trio.testing.MockClock) -> None:
    async with reference("project-limit") as target:
        finding = at_row(await run_probe(target), "session")
    shown = {e.label: e.value for e in finding.evidence}
    assert "sherpa-probe explain PROJECT-SPEND-LIMIT" in shown["service"]
    assert "code project_spend_limit_exceeded" in shown["detail"]


@URLS
async def test_a_token_opens_the_door_and_a_wrong_one_does_not(
    url: str, autojump_clock: trio.testing.MockClock
) -> None:
    rules = ClientRules(token=Secret(TOKEN))
    async with reference("good", url, rules=rules, token=Secret(TOKEN)) as target:
        report = await run_probe(target)
    assert bad(report) == []
    assert TOKEN not in repr(report)
    for wrong in (None, Secret("another-token-0123456789")):
        async with reference("good", url, rules=rules, token=wrong) as target:
            assert bad(await run_probe(target)) == [("upgrade", "BRIDGE-UNAUTHORIZED")]


async def test_a_bridge_for_certain_pages_only_leads_to_advice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with reference("good", rules=ClientRules(origins=("https://app.example.com",))) as target:
        report = await run_probe(target)
    assert bad(report) == [("upgrade", "BRIDGE-ORIGIN-NOT-ALLOWED")]
    assert "--client-token-env" in at_row(report, "upgrade").fix


@pytest.mark.parametrize("scenario", ["good", "echo"])
async def test_a_bridge_that_owns_the_session_is_spoken_to_in_its_own_way(
    scenario: str, autojump_clock: trio.testing.MockClock
) -> None:
    rules = ClientRules(locked=frozenset({"instructions", "turnDetection"}))
    async with reference(scenario, rules=rules) as target:
        report = await run_probe(target)
        unaccounted = await run_probe(replace(target, upstream_tracer=None))
    assert bad(report) == bad(unaccounted) == []
    assert at_row(report, "tracer").severity is Severity.PASS
    assert at_row(unaccounted, "tracer").severity is Severity.INFO  # an echo is cut as the turns are


async def test_a_bridge_that_goes_down_says_so_before_and_at_the_door(autojump_clock: trio.testing.MockClock) -> None:
    async with (
        simulated_upstream() as (_, connector),
        running_bridge(connector=connector) as running,
        trio.open_nursery() as nursery,
    ):
        running.bridge.drain()
        report = await run_probe(memory_target(nursery, Served(running.bridge)))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("health", "BRIDGE-NOT-READY"), ("upgrade", "BRIDGE-SERVER-BUSY")]
    assert at_row(report, "health").evidence[0].value == "/readyz 503 draining"
