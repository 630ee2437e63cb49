"""Attacks before the upgrade: origins, tickets, invalid requests. Cases 1, 2, 4, 5 and 15."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.server.admission.tickets import make_ticket
from bridge.transport.link import HandshakeRefused
from reports.redaction import Secret
from tests.hardening.conftest import MAX_SESSIONS
from tests.hardening.harness import (
    CLIENT_PATH,
    NATIVE_URL,
    PAGE,
    TOKEN,
    WITH_TOKEN,
    BridgeProcess,
    SimulatorThread,
    attack,
)
from tests.hardening.raw_websocket import KEY_LINE, random_bytes, status_of, upgrade_request

if TYPE_CHECKING:
    from tests.server.harness import JsonTestClient

pytestmark = pytest.mark.slow

STRANGE_PAGES = (
    "https://evil.test",
    "null",
    "https://app.test.evil.test",
    "https://evilapp.test",
    "https://app.test:8443",
    "http://app.test",
    "https://APP.TEST",
    "https://app.test/",
    "https://app.test@evil.test",
    "http://localhost",
    "",
)


async def test_case_1_an_origin_that_is_not_listed_is_rejected_before_the_upgrade(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    before = await bridge.metrics()
    async with attack(bridge, upstream, seconds=15):
        asked = upstream.opened_sessions(), dict(upstream.simulator.journal.requests)
        for path in (CLIENT_PATH, NATIVE_URL):
            for origin in STRANGE_PAGES:
                assert await status_of(bridge, upgrade_request(f"Origin: {origin}", path=path)) == 403, origin
        assert await status_of(bridge, upgrade_request(f"Origin: {PAGE}", "Origin: https://evil.test")) == 403
        assert await status_of(bridge, upgrade_request(token="")) == 401  # neither origin nor token
        assert await status_of(bridge, upgrade_request(f"Origin: {PAGE}")) == 101
        assert asked == (upstream.opened_sessions(), dict(upstream.simulator.journal.requests))
    assert await refused_since(before, bridge) == {"ORIGIN_NOT_ALLOWED": 2 * len(STRANGE_PAGES) + 1, "UNAUTHORIZED": 1}


async def refused_since(before: dict[str, float], bridge: BridgeProcess) -> dict[str, float]:
    """How many clients were refused, by code. The log has only some lines of a kind."""
    after = await bridge.metrics()
    counts = {name.split('"')[1]: after[name] - before.get(name, 0) for name in after if "refused_total{" in name}
    return {code: count for code, count in counts.items() if count}


async def test_case_2_a_ticket_is_valid_once_for_a_minute_and_never_logged(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    token, now = Secret(TOKEN), time.time()
    good = make_ticket(token, now).reveal()
    bad = {
        "missing": "",
        "old": make_ticket(token, now - 120).reveal(),
        "of another": make_ticket(Secret("another-token-0123456789abcdef"), now).reveal(),
        "stretched": good.replace(good.split(".")[1], str(int(now) + 600), 1),
        "cut": good[:-4],
        "endless": "t1." + "9" * 5000,
        "static": TOKEN,
    }
    outcomes: list[int] = []
    before = await bridge.metrics()
    async with attack(bridge, upstream, seconds=15):
        for name, ticket in bad.items():
            assert await status_of(bridge, upgrade_request(path=f"{CLIENT_PATH}?ticket={ticket}", token="")) == 401, (
                name
            )

        async def use() -> None:
            outcomes.append(await status_of(bridge, upgrade_request(path=f"{CLIENT_PATH}?ticket={good}", token="")))

        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(use)
        assert sorted(outcomes) == [101] + [401] * 19
    assert set(await refused_since(before, bridge)) == {"UNAUTHORIZED"}
    text = bridge.log.read_text()
    assert TOKEN not in text
    assert not any(ticket and ticket in text for ticket in (good, *bad.values()))


async def test_case_4_invalid_requests_are_answered_and_closed(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    plenty = [f"X-{n}: y" for n in range(1000)]
    requests = {
        "many headers": (upgrade_request(*plenty), {431}),
        "a long line": (upgrade_request("X: " + "y" * 65536), {431}),
        "an endless line": (upgrade_request("X: " + "y" * 2**20), {431, 0}),
        "an endless path": (upgrade_request(path="/" + "y" * 2**20), {431, 400, 0}),
        "line feeds only": (upgrade_request(end="\n"), {101, 400}),
        "two keys": (upgrade_request(KEY_LINE), {400}),
        "no key": (upgrade_request(key=""), {400}),
        "a short key": (upgrade_request(key="Sec-WebSocket-Key: YWJj"), {400}),
        "two lengths": (upgrade_request("Content-Length: 5", "Content-Length: 6"), {400}),
        "both lengths": (
            upgrade_request("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\nGET / HTTP/1.1\r\n",
            {400},
        ),
        "a body": (upgrade_request("Content-Length: 5") + b"hello", {400}),
        "an old version": (upgrade_request().replace(b"13", b"7", 1), {426}),
        "no host": (upgrade_request().replace(b"Host: bridge.test\r\n", b""), {400}),
        "a folded header": (upgrade_request("X: y\r\n z"), {101, 400}),
        "a space before the colon": (upgrade_request("X : y"), {400}),
        "a zero byte": (upgrade_request("X: a\0b"), {400}),
        "an absolute target": (upgrade_request(path="http://evil.test/v1/realtime"), {101}),
        "a page": (b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", {200}),
        "a post": (b"POST /v1/realtime HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", {426}),
        "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500) + b"\r\n\r\n", {400}),
        "HTTP 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 404, 505}),
        "noise": (random_bytes(70_000), {400, 431, 0}),
    }
    async with attack(bridge, upstream, seconds=20):
        for name, (request, wanted) in requests.items():
            assert await status_of(bridge, request, seconds=2) in wanted, name


async def test_case_5_a_subprotocol_header_of_spaces_costs_no_time(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    async with attack(bridge, upstream, seconds=10):
        for filling in (" " * 32_768, " " * 28_000, "," * 28_000, ", a" * 9_000, "\t ," * 9_000):
            started = trio.current_time()
            request = upgrade_request(f"Sec-WebSocket-Protocol: realtime{filling}x")
            assert await status_of(bridge, request) in {101, 431}
            assert trio.current_time() - started < 1


async def test_case_15_a_session_beyond_the_limit_is_rejected_and_the_others_stay(
    bridge: BridgeProcess, upstream: SimulatorThread
) -> None:
    before = await bridge.metrics()
    async with attack(bridge, upstream, seconds=15):
        inside = [await bridge.connect() for _ in range(MAX_SESSIONS - 1)]
        for path in (CLIENT_PATH, NATIVE_URL):
            with pytest.raises(HandshakeRefused) as refused:
                await bridge.connect(path)
            assert refused.value.status == 503
            assert "retry-after" in dict(refused.value.headers)
        assert len([one for one in inside if await _is_connected(one)]) == MAX_SESSIONS - 1
        for one in inside:
            await one.link.abort()
        with trio.fail_after(2):
            while await status_of(bridge, upgrade_request()) != 101:  # noqa: ASYNC110 - another process
                await trio.sleep(0.05)
    assert set(await refused_since(before, bridge)) == {"SERVER_BUSY"}
    assert WITH_TOKEN[0][1] not in bridge.log.read_text()


async def _is_connected(client: JsonTestClient) -> bool:
    await client.send("ping")
    with trio.fail_after(5):
        await client.receive_until("pong")
    return True
