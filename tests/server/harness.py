"""A whole bridge on memory streams, and clients of both endpoints."""

from __future__ import annotations

import io
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from bridge.config.resolve import Config, Flags, read_config
from bridge.server.assembly import make_bridge
from bridge.server.config.settings import BridgeSettings, ClientRules
from bridge.server.http.admin import AdminServer
from bridge.telemetry.log import Log
from bridge.transport.link import LinkClosed
from bridge.upstream.dial.handshake import upgrade
from bridge.upstream.dial.url import ParsedUrl
from tests.driver.harness import FakeUpstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.server.app import Bridge
    from bridge.server.assembly import SharedState
    from bridge.transport.link import Headers
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.link import Connector
    from reports.redaction import Secret

CLIENT_PATH = "/api/openai/realtime"
NATIVE_URL = "/v1/realtime?model=gpt-realtime-2.1"
TOKEN = "a-token-for-the-tests-0123456789"


def upstream_config() -> Config:
    return read_config(Flags(), {}, Path("/nowhere"), with_key=False)


def make_settings(rules: ClientRules | None = None, **changes: Any) -> BridgeSettings:
    made = BridgeSettings(upstream=upstream_config(), clients=rules or ClientRules())
    return replace(made, **changes)


@dataclass
class JsonTestClient:
    """A client of either endpoint, which sends and receives plain JSON."""

    link: WebSocketLink
    received: list[dict[str, Any]] = field(default_factory=list)
    speech: bytes = b""

    async def send(self, kind: str, **fields: Any) -> None:
        await self.link.send_text(json.dumps({"type": kind, **fields}))

    async def receive_until(self, kind: str) -> dict[str, Any]:
        """Receive until a message of this type. Raises LinkClosed at the end, TooSlowError after three minutes."""
        with trio.fail_after(180):
            while True:
                frame = await self.link.receive()
                if isinstance(frame, bytes):
                    self.speech += frame
                    continue
                self.received.append(json.loads(frame))
                if self.received[-1]["type"] == kind:
                    return self.received[-1]

    async def receive_close(self) -> LinkClosed:
        """Receive everything, and give the close."""
        try:
            await self.receive_until("no such type")
        except LinkClosed as end:
            return end
        raise AssertionError("hears ends only at the end")

    def types(self) -> list[str]:
        return [message["type"] for message in self.received]


@dataclass
class BridgeHarness:
    """A bridge, its log, and its upstream if that is a fake."""

    bridge: Bridge
    nursery: trio.Nursery
    log: io.StringIO
    upstream: FakeUpstream | None = None

    def stream(self) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.bridge.serve_stream, theirs)
        return ours

    async def get_admin(self, path: str, token: Secret | None, *lines: str) -> int:
        """Ask the admin listener, which wants this token, and give the status."""
        ours, theirs = trio.testing.memory_stream_pair()
        admin = AdminServer(self.bridge.monitor, token, self.bridge.on_error)
        self.nursery.start_soon(admin.serve_stream, theirs)
        head = "\r\n".join((f"GET {path} HTTP/1.1", "Host: h", "Connection: close", *lines, "", ""))
        await ours.send_all(head.encode())
        answer = b""
        while piece := await ours.receive_some():
            answer += piece
        return int(answer.split()[1])

    async def connect(
        self, path: str = CLIENT_PATH, *, headers: Headers = (), subprotocols: tuple[str, ...] = ()
    ) -> JsonTestClient:
        """Connect a client. Raises HandshakeRefused."""
        endpoint = ParsedUrl("ws", "bridge.test", 80, path)
        upgraded = await upgrade(self.stream(), endpoint, headers=headers, subprotocols=subprotocols)
        return JsonTestClient(upgraded.link)

    async def get(self, path: str, method: str = "GET") -> tuple[int, bytes, bytes]:
        """Make a plain HTTP request: status, head, body."""
        wire = self.stream()
        await wire.send_all(f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := await wire.receive_some():
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), head, body

    def log_lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """Give the log lines, optionally of one event only."""
        found = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in found if event in (None, line["event"])]


@asynccontextmanager
async def running_bridge(
    made: BridgeSettings | None = None, connector: Connector | None = None, shared: SharedState | None = None
) -> AsyncIterator[BridgeHarness]:
    """Run a bridge while the block runs; its upstream is a fake unless a connector is given."""
    fake = FakeUpstream() if connector is None else None
    text = io.StringIO()
    async with trio.open_nursery() as nursery:
        used = connector or fake
        assert used is not None
        bridge = make_bridge(made or make_settings(), used, Log(text, level="debug"), shared)
        await nursery.start(bridge.run_fallback)
        yield BridgeHarness(bridge, nursery, text, fake)
        nursery.cancel_scope.cancel()
