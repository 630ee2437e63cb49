"""Connections without a session: how many an address has and how often it connects, who is behind them, and bodies."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from bridge.server import connections
from bridge.server.addresses import parse_network
from bridge.server.config.settings import ClientRules
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.handshake import upgrade
from bridge.upstream.dial.url import ParsedUrl
from tests.server.harness import make_settings, running_bridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.transport.http import HttpAnswer, HttpRequest
    from tests.server.harness import BridgeHarness

STRANGER, PROXY = "203.0.113.7", "198.51.100.1"
BEHIND_A_PROXY = (parse_network(PROXY),)
MOST = 3


@pytest.fixture(params=[STRANGER, PROXY])
def peer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let all connections come from this address: streams in memory have none."""
    address: str = request.param
    monkeypatch.setattr(connections, "peer_name", lambda _: f"{address}:50000")
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
    monkeypatch.setattr(connections, "_MAX_IDLE_PER_ADDRESS", MOST)
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


HEADER = b"PROXY TCP4 203.0.113.9 10.0.0.1 5000 443\r\n"


@dataclass
class ProxiedBridge:
    """A bridge that wants PROXY headers, on sockets."""

    bridge: BridgeHarness
    streams: list[trio.SocketStream] = field(default_factory=list)

    async def connect(self) -> trio.SocketStream:
        ours, theirs = (trio.SocketStream(trio.socket.from_stdlib_socket(end)) for end in socket.socketpair())
        self.bridge.nursery.start_soon(self.bridge.bridge.serve_stream, theirs)
        self.streams.append(ours)
        return ours

    async def answer(self, first: bytes) -> bytes:
        """What comes back for a request behind these bytes; nothing if the connection is reset."""
        stream = await self.connect()
        await stream.send_all(first + b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        return await rest_of(stream)

    @property
    def refusals(self) -> list[str]:
        return [line["message"] for line in self.bridge.log_lines("client.refused") if line["code"] == "PROXY_HEADER"]


async def rest_of(stream: trio.abc.ReceiveStream) -> bytes:
    answer = b""
    try:
        while piece := await stream.receive_some():
            answer += piece
    except trio.BrokenResourceError:
        return answer
    return answer


@asynccontextmanager
async def proxied(**rules: Any) -> AsyncIterator[ProxiedBridge]:
    made = make_settings(ClientRules(trusted_proxies=BEHIND_A_PROXY, proxy_protocol=True, **rules))
    async with running_bridge(made) as bridge:
        proxied_bridge = ProxiedBridge(bridge)
        try:
            yield proxied_bridge
        finally:
            for stream in proxied_bridge.streams:
                await trio.aclose_forcefully(stream)
            await trio.testing.wait_all_tasks_blocked()


async def test_a_trusted_proxy_says_first_who_its_client_is_and_nobody_else_may(peer: str) -> None:
    async with proxied() as bridge:
        answer = await bridge.answer(HEADER)
        assert answer.startswith(b"HTTP/1.1 200") == (peer == PROXY)
        assert bridge.refusals == ([] if peer == PROXY else [STRANGERS_MESSAGE])


STRANGERS_MESSAGE = (
    "The peer is not one of the trusted proxies. The setting proxy_protocol is on, so the connection was reset."
)


@pytest.mark.parametrize("peer", [PROXY], indirect=True)
async def test_limits_and_log_know_the_client_behind_the_header_and_not_the_proxy(peer: str) -> None:
    async def call(bridge: ProxiedBridge, header: bytes) -> object:
        stream = await bridge.connect()
        await stream.send_all(header)
        return await upgrade(stream, ParsedUrl("ws", "bridge.test", 80, "/api/openai/realtime"))

    async with proxied(sessions_per_ip=1) as bridge:
        running = [await call(bridge, header) for header in (HEADER, HEADER.replace(b"113.9", b"113.10"))]
        with pytest.raises(HandshakeRefused, match="503"):
            await call(bridge, HEADER)
        assert running
        assert [line["peer"] for line in bridge.bridge.log_lines("client.connected")] == [
            "203.0.113.9:5000",
            "203.0.113.10:5000",
        ]


@pytest.mark.parametrize("peer", [PROXY], indirect=True)
async def test_a_proxy_that_speaks_for_itself_is_the_client(peer: str) -> None:
    async with proxied() as bridge:
        assert (await bridge.answer(b"PROXY UNKNOWN\r\n")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("peer", [PROXY], indirect=True)
async def test_a_header_that_is_none_or_comes_slowly_ends_the_connection_and_leaves_nothing(
    peer: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with proxied() as bridge:
        tasks = len(bridge.bridge.nursery.child_tasks)
        assert await bridge.answer(b"") == b""
        slow = await bridge.connect()
        began = trio.current_time()
        await slow.send_all(HEADER[:10])
        assert await rest_of(slow) == b""
        assert trio.current_time() - began == pytest.approx(connections.PROXY_HEADER_SECONDS)
        gone = await bridge.connect()
        await gone.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert len(bridge.bridge.nursery.child_tasks) == tasks
        assert bridge.bridge.bridge.snapshot().values["connections"][""] == [0]
        assert [text.partition(".")[0] for text in bridge.refusals] == [
            "The connection does not begin with a PROXY header",
            "No PROXY header came in time",
            "The connection ended before its PROXY header",
        ]


@pytest.mark.parametrize("peer", [PROXY], indirect=True)
async def test_connections_that_wait_for_their_header_take_places(
    peer: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    monkeypatch.setattr(connections, "_SPARE_CONNECTIONS", 2)
    async with proxied(max_sessions=0) as bridge:
        waiting = [await bridge.connect() for _ in range(2)]
        await trio.testing.wait_all_tasks_blocked()
        assert await rest_of(await bridge.connect()) == b""
        assert bridge.refusals == [], "it is one too many, before its header is waited for"
        for stream in waiting:
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert await bridge.answer(HEADER) != b""
