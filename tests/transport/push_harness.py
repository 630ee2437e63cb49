"""A pushing link under test over each kind of stream, and the raw other end of it."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
import trustme
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport import carriers
from bridge.transport.carriers import SocketCarrier, StreamCarrier, TlsCarrier, carrier_for
from bridge.transport.push_link import PushLink
from bridge.transport.websocket import WebSocketLink
from bridge.upstream.dial.tls import default_tls_context
from tests.transport.raw_peer import peer_codec, peer_frame

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bridge.transport.link import Carrier, LinkClosed

__all__ = ["KINDS", "OPCODES", "SOCKETS", "TLS", "Connection", "Recorder", "connect", "dribble", "push_link", "streams"]

OPCODES = {str: Opcode.TEXT, bytes: Opcode.BINARY}
_KINDS = ["memory", "tcp", "tls server", "tls client", "tcp without reactor"]
KINDS = pytest.mark.parametrize("kind", _KINDS)
SOCKETS = pytest.mark.parametrize("kind", ["tcp", "tls server", "tls client"])
TLS = pytest.mark.parametrize("kind", ["tls server", "tls client"])


@cache
def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Give a server's and a client's settings for TLS."""
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), default_tls_context()
    authority.issue_cert("localhost").configure_cert(serving)
    authority.configure_trust(trusting)
    return serving, trusting


@asynccontextmanager
async def streams(kind: str) -> AsyncGenerator[tuple[trio.abc.Stream, trio.abc.Stream], None]:
    """Join two streams: ours, of this kind, and the peer's. Both are closed afterwards."""
    if kind == "memory":
        yield trio.testing.memory_stream_pair()
        return
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with (
        listener,
        await trio.testing.open_stream_to_socket_listener(listener) as theirs,
        await listener.accept() as ours,
    ):
        if not kind.startswith("tls"):
            yield ours, theirs
            return
        serving, trusting = _contexts()
        ends = {"tls server": (ours, theirs), "tls client": (theirs, ours)}[kind]
        server = trio.SSLStream(ends[0], serving, server_side=True, https_compatible=True)
        client = trio.SSLStream(ends[1], trusting, server_hostname="localhost", https_compatible=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.do_handshake)
            await client.do_handshake()
        yield (server, client) if kind == "tls server" else (client, server)


class Recorder:
    """A handler that keeps what it gets, and does what a test wants at each call."""

    def __init__(self, on_message: Callable[[str | bytes], None] | None = None) -> None:
        self.messages: list[str | bytes] = []
        self.control_frames = 0
        self.too_large: list[str] = []
        self._on_message = on_message
        self._news = trio.Event()

    def on_text(self, data: bytes) -> None:
        self._keep(data.decode())

    def on_binary(self, data: bytes) -> None:
        self._keep(data)

    def on_control_frames(self, frames: int) -> None:
        self.control_frames += frames
        self._tell()

    def on_too_large(self, reason: str) -> None:
        self.too_large.append(reason)
        self._tell()

    def _keep(self, message: str | bytes) -> None:
        self.messages.append(message)
        self._tell()
        if self._on_message is not None:
            self._on_message(message)

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true, looking at each call."""
        while not condition():
            await self._news.wait()

    async def until_messages(self, number: int) -> None:
        await self.until(lambda: len(self.messages) >= number)


class Connection:
    """A pushing link under test, its handler, and the raw peer."""

    def __init__(self, link: PushLink, raw: trio.abc.Stream, side: Side) -> None:
        self.link, self.raw, self.side = link, raw, side
        self.handler = Recorder()
        self.end: LinkClosed | None = None
        self.ended = trio.Event()
        self._codec = peer_codec(side)

    def frame(self, message: str | bytes) -> bytes:
        """A message as the peer sends it."""
        payload = message.encode() if isinstance(message, str) else message
        return peer_frame(self.side, OPCODES[type(message)], payload)

    async def send(self, *messages: str | bytes) -> None:
        """Let the peer send messages in one write."""
        await self.raw.send_all(b"".join(map(self.frame, messages)))

    async def read(self, number: int) -> list[str | bytes]:
        """Let the peer read until it has so many messages in all."""
        while len(self._codec.messages) < number:
            data = await self.raw.receive_some()
            assert data, f"the stream ended after {list(self._codec.messages)!r:.200}"
            self._codec.receive_data(data)
        return list(self._codec.messages)

    async def read_to_end(self) -> tuple[list[str | bytes], LinkClosed]:
        """Let the peer read until the stream ends or resets. Returns all messages, and how it ended."""
        try:
            while data := await self.raw.receive_some():
                self._codec.receive_data(data)
        except trio.BrokenResourceError:
            pass
        self._codec.receive_data(b"")
        return list(self._codec.messages), self._codec.close_exception()

    @property
    def how(self) -> LinkClosed:
        """How the link ended."""
        assert self.end is not None
        return self.end

    async def run(self) -> None:
        self.end = await self.link.run(self.handler)
        self.ended.set()


def push_link(
    stream: trio.abc.Stream,
    side: Side,
    *,
    max_unsent_bytes: int = 2**20,
    make_carrier: Callable[[PushLink, trio.abc.Stream], Carrier] = carrier_for,
    **limits: int | bool,
) -> PushLink:
    link = WebSocketLink(stream, side, peer="test", **limits)  # type: ignore[arg-type] # limits of either type
    return PushLink(link, max_unsent_bytes=max_unsent_bytes, make_carrier=make_carrier)


@asynccontextmanager
async def connect(
    kind: str,
    side: Side = Side.SERVER,
    *,
    max_unsent_bytes: int = 2**20,
    make_carrier: Callable[[PushLink, trio.abc.Stream], Carrier] | None = None,
    **limits: int | bool,
) -> AsyncGenerator[Connection, None]:
    """Make a link that nobody runs yet."""
    if make_carrier is None:
        make_carrier = StreamCarrier if kind == "tcp without reactor" else carrier_for
    with trio.fail_after(30):
        async with streams(kind) as (ours, theirs):
            link = push_link(ours, side, max_unsent_bytes=max_unsent_bytes, make_carrier=make_carrier, **limits)
            yield Connection(link, theirs, side)
            await trio.aclose_forcefully(ours)


def dribble(monkeypatch: pytest.MonkeyPatch, *, read: int = 2**16, write: int = 2**16, eagain: bool = False) -> None:
    """Let sockets give and take so many bytes at a time; with `eagain`, take nothing every other time."""
    monkeypatch.setattr(carriers, "READ_BYTES", read)
    refused = False

    def write_little(self: SocketCarrier, data: bytes | memoryview) -> int:
        nonlocal refused
        refused = eagain and not refused
        return 0 if refused else original(self, memoryview(data)[:write])

    original = SocketCarrier._write
    monkeypatch.setattr(SocketCarrier, "_write", write_little)
    assert issubclass(TlsCarrier, SocketCarrier)
