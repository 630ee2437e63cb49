"""The upgrade and the tunnel, against servers that are scripted byte by byte."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from trio_websocket import WebSocketRequest, wrap_server_stream

from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import DialFailed, DialPhase, FailureReason, Proxy, UpgradedConnection, parse_url
from bridge.upstream.dial.handshake import BODY_SECONDS, MAX_BODY_BYTES, MAX_INTERIM, open_tunnel, upgrade
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

Wire = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]

ENDPOINT = parse_url("ws://service.example/v1/realtime?model=m")
SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def answer_to(key: str) -> str:
    """Sec-WebSocket-Accept, computed as in RFC 6455 4.2.2."""
    return b64encode(sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()  # noqa: S324 - the RFC's


@dataclass
class Server:
    """Answers one request with these bytes; `{accept}` becomes the right key. `ends` closes behind them."""

    answer: bytes
    ends: bool = True
    request: str = ""
    closed: trio.Event = field(default_factory=trio.Event)

    async def serve(self, wire: Wire) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += await wire.receive_some()
        self.request = data.decode("latin-1")
        key = re.search(r"(?i)sec-websocket-key: (\S+)", self.request)
        accept = answer_to(key.group(1)).encode() if key else b""
        await wire.send_all(self.answer.replace(b"{accept}", accept))
        if self.ends:
            await wire.send_stream.aclose()
        while await wire.receive_some():
            pass
        self.closed.set()

    async def meet(
        self, headers: Sequence[tuple[str, str]] = (), subprotocols: Sequence[str] = ()
    ) -> UpgradedConnection | BaseException:
        """Let our client ask; give its result or what it raised. A failure must close the stream."""
        ours, theirs = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.serve, theirs)
            try:
                upgraded = await upgrade(ours, ENDPOINT, headers=headers, subprotocols=subprotocols)
            except (DialFailed, HandshakeRefused) as error:
                await self.closed.wait()
                return error
            nursery.cancel_scope.cancel()
        return upgraded


async def fails(answer: bytes, *, ends: bool = True, subprotocols: Sequence[str] = ()) -> DialFailed:
    failed = await Server(answer, ends).meet(subprotocols=subprotocols)
    assert isinstance(failed, DialFailed)
    assert failed.phase is DialPhase.UPGRADE
    return failed


async def refuses(answer: bytes, *, ends: bool = True) -> HandshakeRefused:
    refused = await Server(answer, ends).meet()
    assert isinstance(refused, HandshakeRefused)
    return refused


GOOD = f"{SWITCH}Sec-WebSocket-Accept: {{accept}}\r\nCF-RAY: ray\r\n\r\n".encode()


async def test_a_proper_101_opens_the_link() -> None:
    server = Server(GOOD + b"\x81\x02hi", ends=False)
    upgraded = await server.meet(headers=[("Authorization", "Bearer k")])
    assert isinstance(upgraded, UpgradedConnection)
    assert ("cf-ray", "ray") in upgraded.headers
    assert upgraded.subprotocol is None
    assert upgraded.seconds[DialPhase.UPGRADE] >= 0
    assert await upgraded.link.receive() == "hi"  # it came in the segment of the handshake
    assert upgraded.link.peer == "service.example:80"


async def test_the_request_is_valid_by_the_rfc() -> None:
    server = Server(GOOD)
    await server.meet(headers=[("X-Mine", "1")], subprotocols=["realtime", "other"])
    lines = server.request.split("\r\n")
    assert lines[0] == "GET /v1/realtime?model=m HTTP/1.1"
    for line in (
        "Host: service.example",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: realtime, other",
        "User-Agent: sherpa-realtime",
        "X-Mine: 1",
    ):
        assert line in lines
    assert "Sec-WebSocket-Extensions" not in server.request


async def test_the_servers_choice_of_subprotocol_is_given() -> None:
    chosen = GOOD.replace(b"CF-RAY: ray", b"Sec-WebSocket-Protocol: realtime")
    upgraded = await Server(chosen).meet(subprotocols=["realtime"])
    assert isinstance(upgraded, UpgradedConnection)
    assert upgraded.subprotocol == upgraded.link.subprotocol == "realtime"


async def test_early_hints_are_passed_over() -> None:
    upgraded = await Server(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD).meet()
    assert isinstance(upgraded, UpgradedConnection)


async def test_early_hints_without_end_end_the_handshake() -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert isinstance(await Server(hint * MAX_INTERIM + GOOD).meet(), UpgradedConnection)
    failed = await fails(hint * (MAX_INTERIM + 1) + GOOD)
    assert failed.reason is FailureReason.NOT_WEBSOCKET
    assert "more than 16 interim responses" in failed.detail


async def test_an_end_before_the_answer_is_closed_early() -> None:
    assert (await fails(b"")).reason is FailureReason.CLOSED_EARLY


async def test_an_end_within_the_head_is_closed_early() -> None:
    assert (await fails(SWITCH.encode())).reason is FailureReason.CLOSED_EARLY


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9\r\n", b"\x00\x01\x02", b"HTTP/1.1 what\r\n\r\n", b"HTTP/2 200\r\n"]
)
@pytest.mark.parametrize("ends", [False, True])
async def test_a_response_that_is_not_http_is_detected_at_once(answer: bytes, ends: bool) -> None:
    with trio.fail_after(5):
        assert (await fails(answer, ends=ends)).reason in {
            FailureReason.NOT_WEBSOCKET,
            *([FailureReason.CLOSED_EARLY] if ends else []),
        }


async def test_tls_on_a_plain_socket_is_named() -> None:
    assert "use wss://" in (await fails(b"\x15\x03\x01\x00\x02\x02\x46")).detail


@pytest.mark.parametrize("accept", ["", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"])
async def test_a_wrong_accept_key_is_named(accept: str) -> None:
    failed = await fails(f"{SWITCH}{accept}\r\n".encode(), ends=False)
    assert failed.reason is FailureReason.BAD_ACCEPT


@pytest.mark.parametrize(
    "answer",
    [
        GOOD.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        GOOD.replace(b"Connection: Upgrade", b"Connection: close"),
        GOOD.replace(b"CF-RAY: ray", b"Sec-WebSocket-Protocol: unasked"),
        GOOD.replace(b"CF-RAY: ray", b"Sec-WebSocket-Extensions: permessage-deflate"),
    ],
    ids=["another protocol", "no upgrade", "a subprotocol that was not offered", "an extension that was not offered"],
)
async def test_a_101_to_something_else_is_no_websocket(answer: bytes) -> None:
    failed = await fails(answer, ends=False, subprotocols=["realtime", "openai-insecure-api-key.sk-1"])
    assert failed.reason is FailureReason.NOT_WEBSOCKET
    assert "sk-1" not in failed.detail


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 429, 500, 503])
async def test_any_other_answer_is_a_refusal_with_its_body(status: int) -> None:
    refused = await refuses(
        f"HTTP/1.1 {status} X\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbody".encode(), ends=False
    )
    assert (refused.status, refused.body) == (status, b"body")
    assert ("retry-after", "3") in refused.headers


async def test_a_refusals_body_may_be_chunked_or_end_with_the_connection() -> None:
    chunked = await refuses(b"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", ends=False)
    assert chunked.body == b"ab"
    assert (await refuses(b"HTTP/1.1 400 X\r\n\r\nto the end")).body == b"to the end"
    assert (await refuses(b"HTTP/1.1 400 X\r\nContent-Length: 9\r\n\r\ncut")).body == b"cut"


async def test_a_refusals_body_is_cut() -> None:
    refused = await refuses(b"HTTP/1.1 400 X\r\n\r\n" + b"x" * (MAX_BODY_BYTES + 1000))
    assert len(refused.body) == MAX_BODY_BYTES


async def test_a_body_that_never_ends_does_not_hide_the_status(autojump_clock: trio.testing.MockClock) -> None:
    refused = await refuses(b"HTTP/1.1 429 X\r\nContent-Length: 100\r\n\r\nslow", ends=False)
    assert (refused.status, refused.body) == (429, b"slow")
    assert autojump_clock.current_time() == BODY_SECONDS


async def test_an_answer_that_never_comes_is_the_callers_to_end(autojump_clock: trio.testing.MockClock) -> None:
    server = Server(b"", ends=False)
    with trio.move_on_after(30) as scope:
        await server.meet()
    assert scope.cancelled_caught
    assert autojump_clock.current_time() == 30


async def test_cancelling_closes_the_stream_at_once() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    with trio.move_on_after(0.01):
        await upgrade(ours, ENDPOINT)
    with trio.fail_after(1):
        while await theirs.receive_some():
            pass


async def test_a_head_without_end_is_given_up() -> None:
    failed = await fails(b"HTTP/1.1 101 X\r\nX: " + b"x" * 200_000, ends=False)
    assert failed.reason is FailureReason.NOT_WEBSOCKET


@pytest.mark.parametrize("header", [("X", "a\r\nb"), ("Bad Name", "x"), ("Host", "again"), ("X", "ключ")])
async def test_a_header_that_cannot_be_sent_is_reported_without_its_value(header: tuple[str, str]) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    with pytest.raises(ValueError, match="header") as caught:
        await upgrade(ours, ENDPOINT, headers=[header])
    assert header[1] not in str(caught.value)
    assert await theirs.receive_some() == b""


async def test_an_independent_server_is_spoken_to() -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def serve(nursery: trio.Nursery) -> None:
        request: WebSocketRequest = await wrap_server_stream(nursery, theirs)
        assert tuple(request.proposed_subprotocols) == ("realtime",)
        server = await request.accept(subprotocol="realtime")
        for _ in range(3):
            await server.send_message(await server.get_message())
        await server.aclose(4000, "enough")

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, nursery)
            upgraded = await upgrade(ours, ENDPOINT, subprotocols=["realtime"])
            link = upgraded.link
            for message in ("hi", b"\x00", "x" * 100_000):
                await (
                    upgraded.link.send_text(message) if isinstance(message, str) else upgraded.link.send_binary(message)
                )
                assert await upgraded.link.receive() == message
            with pytest.raises(LinkClosed) as caught:
                await link.receive()
    assert (caught.value.code, caught.value.reason, caught.value.by_peer) == (4000, "enough", True)


async def test_an_independent_server_sees_our_goodbye() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    received: list[int] = []

    async def serve(nursery: trio.Nursery) -> None:
        server = await (await wrap_server_stream(nursery, theirs)).accept()
        with trio.CancelScope():
            try:
                await server.get_message()
            except Exception:  # noqa: BLE001 - what it raises is its own; what it noted counts
                assert server.closed is not None
                received.append(server.closed.code)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve, nursery)
            upgraded = await upgrade(ours, ENDPOINT)
            await upgraded.link.close(1001, "bye")
    assert received == [1001]


# The tunnel

LOGIN = Proxy("proxy.example", 3128, Secret("Basic dXNlcjpodW50ZXIy"))


async def tunnel(server: Server, proxy: Proxy = LOGIN) -> DialFailed | None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, theirs)
        try:
            await open_tunnel(ours, ENDPOINT, proxy)
        except DialFailed as failed:
            return failed
        finally:
            nursery.cancel_scope.cancel()
    return None


async def test_a_tunnel_is_requested_with_connect() -> None:
    server = Server(b"HTTP/1.1 200 Connection established\r\n\r\n", ends=False)
    assert await tunnel(server) is None
    lines = server.request.split("\r\n")
    assert lines[0] == "CONNECT service.example:80 HTTP/1.1"
    assert "Host: service.example:80" in lines
    assert "Proxy-Authorization: Basic dXNlcjpodW50ZXIy" in lines


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            FailureReason.PROXY_REFUSED,
            "407 Proxy Authentication",
        ),
        (b"HTTP/1.0 403 Forbidden\r\n\r\n", FailureReason.PROXY_REFUSED, "403"),
        (b"", FailureReason.CLOSED_EARLY, "proxy.example:3128"),
        (b"SSH-2.0\r\n", FailureReason.NOT_WEBSOCKET, "not HTTP"),
    ],
)
async def test_a_proxy_that_does_not_help_is_named(answer: bytes, reason: FailureReason, says: str) -> None:
    failed = await tunnel(Server(answer))
    assert failed is not None
    assert (failed.phase, failed.reason) == (DialPhase.PROXY, reason)
    assert says in failed.detail
    assert "dXNlcjpodW50ZXIy" not in failed.detail
