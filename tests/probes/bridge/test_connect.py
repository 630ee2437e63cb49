"""Failures before the session: DNS, sockets, TLS, and wrong responses to the upgrade."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.testing

from bridge.upstream.dial.dial import DialFailed, DialPhase, FailureReason, OpenedStream, TlsInfo
from probes.runner.redaction import Secrets
from probes.targets.bridge import make_bridge_target
from reports.model import Severity
from tests.probes.bridge.faulty_bridge import ANSWERS, FaultyBridge, config, memory_target
from tests.probes.bridge.test_probe import at_row, bad, checked, run_probe

if TYPE_CHECKING:
    from reports.model import Report


async def failing(failed: DialFailed, url: str = "wss://voice.example.com", proxy: str = "") -> Report:
    """Run `bridge` against a bridge that can't be reached for this reason."""
    environment = {"HTTPS_PROXY": proxy} if proxy else {}
    target = make_bridge_target(url, None, config(), secrets=Secrets(), environment=environment)

    async def opener() -> OpenedStream:
        await trio.lowlevel.checkpoint()
        raise failed

    return await run_probe(replace(target, open_stream=opener))


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (FailureReason.REFUSED, "BRIDGE-NOTHING-LISTENING"),
        (FailureReason.UNREACHABLE, "BRIDGE-UNREACHABLE"),
        (FailureReason.CERTIFICATE, "BRIDGE-CERTIFICATE-REFUSED"),
        (FailureReason.NOT_TLS, "BRIDGE-NOT-TLS"),
        (FailureReason.PROXY_UNREACHABLE, "BRIDGE-PROXY-UNREACHABLE"),
    ],
)
async def test_each_way_not_to_arrive_has_its_code(reason: FailureReason, code: str) -> None:
    report = await failing(DialFailed(DialPhase.TCP, reason, "no way"), proxy="http://proxy.example:3128")
    assert bad(report) == [("tcp, tls", code)]
    finding = at_row(report, "tcp, tls")
    assert ("proxy", "proxy.example:3128 of HTTPS_PROXY") in [(e.label, e.value) for e in finding.evidence]
    assert "base URL" not in finding.cause + finding.fix
    assert "HOST" not in finding.fix
    assert "VARIABLE" not in finding.fix


async def test_a_bridge_that_does_not_run_could_not_be_checked() -> None:
    listener = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener[0].socket.getsockname()[1]
    await listener[0].aclose()
    target = make_bridge_target(f"127.0.0.1:{port}", None, config(), secrets=Secrets(), environment={})
    report = await run_probe(target)
    assert bad(report) == [("tcp, tls", "BRIDGE-NOTHING-LISTENING")]
    assert report.exit_code() == 3
    assert at_row(report, "name").title == "IP address; no DNS lookup needed"


async def test_an_unknown_name_is_the_bridge_s_or_the_proxy_s() -> None:
    proxied = {"HTTPS_PROXY": "no-such.invalid"}
    for environment, code in (({}, "BRIDGE-HOST-UNKNOWN"), (proxied, "BRIDGE-PROXY-UNKNOWN")):
        url = "wss://no-such.invalid"
        report = await run_probe(make_bridge_target(url, None, config(), secrets=Secrets(), environment=environment))
        assert bad(report) == [("name", code)]


async def test_a_bridge_that_never_accepts_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    target = make_bridge_target("wss://voice.example.com", None, config(), secrets=Secrets(), environment={})
    report = await run_probe(replace(target, open_stream=trio.sleep_forever))
    assert bad(report) == [("tcp, tls", "BRIDGE-NO-ANSWER")]


@pytest.mark.parametrize(
    ("host", "days", "code"),
    [
        ("localhost", None, ""),
        ("voice.example.com", None, "BRIDGE-NO-TLS"),
        ("voice.example.com", 3, "BRIDGE-CERTIFICATE-ENDS-SOON"),
        ("voice.example.com", 60, ""),
    ],
)
async def test_tls_and_proxy_are_shown(
    host: str, days: int | None, code: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        target = memory_target(nursery, FaultyBridge(), f"{'ws' if days is None else 'wss'}://{host}")
        usual = target.open_stream
        assert usual is not None

        async def opener() -> OpenedStream:
            ends = None if days is None else datetime.now(UTC) + timedelta(days=days, hours=1)
            return replace(await usual(), tls=None if ends is None else TlsInfo("TLSv1.3", ends))

        report = await run_probe(replace(target, open_stream=opener))
        nursery.cancel_scope.cancel()
    assert bad(report) == ([("tcp, tls", code)] if code else [])


class Broken(httpx.AsyncBaseTransport):
    """Health endpoints that can't be read."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._hangs:
            await trio.sleep_forever()
        raise httpx.ReadError("gone", request=request)


@pytest.mark.parametrize(("hangs", "severity"), [(True, Severity.WARNING), (False, Severity.INFO)])
async def test_pages_that_hang_are_a_warning_and_pages_that_are_not_there_are_none(
    hangs: bool, severity: Severity, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        target = replace(memory_target(nursery, FaultyBridge()), transport=Broken(hangs=hangs))
        report = await run_probe(target)
        nursery.cancel_scope.cancel()
    assert at_row(report, "health").severity is severity
    assert at_row(report, "health").cause in ("", "GET /healthz or GET /readyz never gets a response.")
    assert {f.severity for f in checked(report) if f.check != "health"} == {Severity.PASS}


async def test_a_404_that_an_ordinary_request_gets_as_well_has_two_possible_causes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Express(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(404, stream=httpx.ByteStream(ANSWERS["404"].body), request=request)

    async with trio.open_nursery() as nursery:
        report = await run_probe(replace(memory_target(nursery, FaultyBridge("404")), transport=Express()))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("upgrade", "BRIDGE-NOT-FOUND")]
    finding = at_row(report, "upgrade")
    assert finding.title == "There is no bridge at this path, or a proxy strips the WebSocket upgrade"
    assert ("without Upgrade", "the same answer") in [(e.label, e.value) for e in finding.evidence]
    assert "proxy_set_header Upgrade $http_upgrade;" in finding.fix


async def test_an_upgrade_that_is_never_answered_is_given_up(autojump_clock: trio.testing.MockClock) -> None:
    class Deaf(FaultyBridge):
        async def serve(self, stream: trio.abc.Stream) -> None:
            async with stream:
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        report = await run_probe(memory_target(nursery, Deaf()))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("upgrade", "BRIDGE-UPGRADE-NO-ANSWER")]
    assert report.exit_code() == 1


async def test_a_bridge_that_never_responds_could_not_be_checked_and_is_reported_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Deaf(FaultyBridge):
        async def serve(self, stream: trio.abc.Stream) -> None:
            async with stream:
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        report = await run_probe(replace(memory_target(nursery, Deaf()), transport=Broken(hangs=True)))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("upgrade", "BRIDGE-NO-ANSWER")]
    assert at_row(report, "health").severity is Severity.INFO
    assert report.exit_code() == 3


async def test_a_server_without_http_is_reported(autojump_clock: trio.testing.MockClock) -> None:
    class Other(FaultyBridge):
        async def serve(self, stream: trio.abc.Stream) -> None:
            async with stream:
                await stream.send_all(b"SSH-2.0-OpenSSH_9.2\r\n")
                await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        report = await run_probe(memory_target(nursery, Other()))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("upgrade", "BRIDGE-NOT-HTTP")]
