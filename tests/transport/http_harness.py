"""An HTTP server whose handlers record what they get, and raw requests to send to it."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

import trio
import trio.testing

from bridge.transport.http import HttpRequest, HttpResponse, text_response
from bridge.transport.http_server import HttpLimits, WebSocketUpgrade, serve_connection

PeerStream = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # with its answer, from RFC 6455 1.3
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = {
    "Host": "h",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def head(method: str, target: str, *, version: str = "1.1", **headers: str | None) -> bytes:
    """A request's head; underscores in names stand for dashes, None leaves a header out."""
    fields = {"Host": "h", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"{method} {target} HTTP/{version}\r\n{lines}\r\n".encode()


def upgrade_head(target: str = "/", **changes: str | None) -> bytes:
    fields: dict[str, str | None] = {**UPGRADE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    return f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode()


@dataclass
class HttpHarness:
    """A server whose handlers record what they get."""

    limits: HttpLimits = field(default_factory=HttpLimits)
    takes_bodies: bool = True
    requests: list[HttpRequest] = field(default_factory=list)
    upgrades: list[WebSocketUpgrade] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def http(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        if request.path == "/broken":
            raise RuntimeError("a bug")
        return text_response(200, f"{request.method} {request.path} {request.body!r}")

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        self.upgrades.append(upgrade)
        if upgrade.request.path == "/broken":
            raise RuntimeError("a bug before")
        if upgrade.request.path == "/nothing":
            return
        link = await upgrade.accept(next(iter(upgrade.subprotocols), None), (("x-extra", "1"),), max_size=1000)
        if upgrade.request.path == "/broken-later":
            raise RuntimeError("a bug behind")
        while True:
            message = await link.receive()
            await (link.send_text(message) if isinstance(message, str) else link.send_binary(message))

    async def serve(self, stream: trio.abc.Stream) -> None:
        await serve_connection(
            stream,
            http=self.http,
            websocket=self.websocket,
            limits=self.limits,
            on_error=self.errors.append,
            takes_body=lambda _: self.takes_bodies,
        )

    async def exchange(self, *pieces: bytes) -> bytes:
        """Send these bytes, close our half, and return everything that comes back until the server closes."""
        async with trio.open_nursery() as nursery:
            peer = self.connect(nursery)
            with suppress(trio.BrokenResourceError):  # the server has heard enough
                for piece in pieces:
                    await peer.send_all(piece)
                    await trio.testing.wait_all_tasks_blocked()
            await peer.send_stream.aclose()
            return await read_all(peer)

    def connect(self, nursery: trio.Nursery) -> PeerStream:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(self.serve, theirs)
        return ours


async def read_all(peer: trio.abc.ReceiveStream) -> bytes:
    data = b""
    while piece := await peer.receive_some():
        data += piece
    return data


async def read_some(peer: trio.abc.ReceiveStream, until: bytes) -> bytes:
    data = b""
    while until not in data:
        piece = await peer.receive_some()
        assert piece, data
        data += piece
    return data


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
