"""Connections without a session: how many of them an address has, how often it connects, and whose bodies are kept."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.server import app
from bridge.server.addresses import parse_network
from bridge.server.config.settings import ClientRules
from tests.server.harness import make_settings, running_bridge

if TYPE_CHECKING:
    from bridge.transport.http import HttpAnswer, HttpRequest
    from tests.server.harness import BridgeHarness

STRANGER, PROXY = "203.0.113.7", "198.51.100.1"
BEHIND_A_PROXY = (parse_network(PROXY),)
MOST = 3


@pytest.fixture(params=[STRANGER, PROXY])
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let all connections come from this address: streams in memory have none."""
    address: str = request.param
    monkeypatch.setattr(app, "peer_name", lambda _: f"{address}:50000")
    return address


async def served(bridge: BridgeHarness) -> bool:
    """Whether a new connection gets an answer instead of a reset, once those before it have begun or ended."""
    await trio.testing.wait_all_tasks_blocked()
    try:
        return (await bridge.get("/healthz"))[0] == 200
    except (trio.BrokenResourceError, trio.ClosedResourceError, IndexError):
        return False


async def test_an_address_has_so_many_open_handshakes_and_a_trusted_proxy_more(
    peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_MAX_IDLE_PER_ADDRESS", MOST)
    async with running_bridge(make_settings(ClientRules(trusted_proxies=BEHIND_A_PROXY))) as bridge:
        held = [bridge.stream() for _ in range(MOST - 1)]
        assert await served(bridge)
        held.append(bridge.stream())
        assert await served(bridge) == (peer == PROXY)
        for stream in held:
            await stream.aclose()


async def test_an_address_connects_at_its_rate_and_a_trusted_proxy_as_often_as_it_likes(
    peer: str, autojump_clock: trio.testing.MockClock
) -> None:
    rules = ClientRules(connections_per_ip=1, trusted_proxies=BEHIND_A_PROXY)
    async with running_bridge(make_settings(rules)) as bridge:
        assert [await served(bridge) for _ in range(11)] == [True] * 10 + [peer == PROXY]


async def test_a_body_is_kept_only_where_a_route_wants_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_bridge() as bridge:
        bodies, answer = list[bytes](), bridge.bridge.http

        async def look(request: HttpRequest) -> HttpAnswer:
            bodies.append(request.body)
            return await answer(request)

        monkeypatch.setattr(bridge.bridge, "http", look)
        for path in ("/healthz", "/v1/realtime", "/nothing", "/api/openai/realtime/sessions"):
            stream = bridge.stream()
            head = f"POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\n"
            await stream.send_all(head.encode() + b"body")
            while await stream.receive_some():
                pass
    assert bodies == [b"", b"", b"", b"body"]
