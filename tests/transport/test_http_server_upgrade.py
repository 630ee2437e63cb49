"""WebSocket upgrades: valid and invalid ones, handlers that fail, and independent client libraries."""

from __future__ import annotations

import ssl
import struct
from functools import partial

import httpx
import pytest
import trio
import trio.testing
import trustme
from trio_websocket import ConnectionClosed, open_websocket_url, wrap_client_stream
from websockets.frames import Frame, Opcode

from bridge.transport.http import HttpResponse
from bridge.transport.http_server import WebSocketUpgrade, serve_connection, serve_tcp
from bridge.transport.link import LinkClosed
from tests.transport.http_harness import ACCEPT, KEY, HttpHarness, head, read_all, read_some, statuses, upgrade_head


async def test_the_upgrade_is_answered_as_the_rfc_says() -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        raw = server.connect(nursery)
        await raw.send_all(upgrade_head("/ws?model=m", Sec_WebSocket_Protocol="realtime, openai-insecure-api-key.k"))
        answer = await read_some(raw, b"\r\n\r\n")
        await raw.aclose()
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    for line in (f"Sec-WebSocket-Accept: {ACCEPT}", "Sec-WebSocket-Protocol: realtime", "x-extra: 1"):
        assert f"{line}\r\n".encode() in answer
    [upgrade] = server.upgrades
    assert upgrade.subprotocols == ("realtime", "openai-insecure-api-key.k")
    assert upgrade.request.query == {"model": "m"}


async def test_frames_in_the_segment_of_the_handshake_are_not_lost() -> None:
    server = HttpHarness()
    frames = Frame(Opcode.TEXT, b"one").serialize(mask=True) + Frame(Opcode.TEXT, b"two").serialize(mask=True)
    async with trio.open_nursery() as nursery:
        raw = server.connect(nursery)
        await raw.send_all(upgrade_head() + frames)
        answer = await read_some(raw, b"two")
        await raw.aclose()
    assert answer.endswith(b"\x81\x03one\x81\x03two")


BAD_UPGRADES = {
    "another version": (426, upgrade_head(Sec_WebSocket_Version="7")),
    "no version": (426, upgrade_head(Sec_WebSocket_Version=None)),
    "no key": (400, upgrade_head(Sec_WebSocket_Key=None)),
    "a key that is no base64": (400, upgrade_head(Sec_WebSocket_Key="!" * 24)),
    "a key that is too short": (400, upgrade_head(Sec_WebSocket_Key="dGhlIHNhbXBsZQ==")),
    "two keys": (400, upgrade_head(sec_websocket_key=KEY)),
    "no Connection: Upgrade": (400, upgrade_head(Connection="keep-alive")),
    "a body": (400, upgrade_head(Content_Length="2") + b"hi"),
    "a chunked body": (400, upgrade_head(Transfer_Encoding="chunked") + b"0\r\n\r\n"),
}


@pytest.mark.parametrize("name", BAD_UPGRADES)
async def test_an_invalid_upgrade_is_rejected(name: str) -> None:
    status, request = BAD_UPGRADES[name]
    server = HttpHarness()
    answer = await server.exchange(request)
    assert statuses(answer) == [status]
    assert (b"sec-websocket-version: 13" in answer) == (status == 426)
    assert server.upgrades == []


@pytest.mark.parametrize(("target", "status"), [("/nothing", 500), ("/broken", 500)])
async def test_a_websocket_handler_that_does_not_answer_gives_500(target: str, status: int) -> None:
    server = HttpHarness()
    assert statuses(await server.exchange(upgrade_head(target))) == [status]
    assert len(server.errors) == (target == "/broken")


async def test_a_websocket_handler_that_fails_after_accepting_closes_with_1011() -> None:
    server = HttpHarness()
    answer = await server.exchange(upgrade_head("/broken-later"))
    assert answer.endswith(Frame(Opcode.CLOSE, struct.pack("!H", 1011)).serialize(mask=False))
    assert [str(error) for error in server.errors] == ["a bug behind"]


async def test_rejecting_a_client_that_has_disconnected_is_not_an_error() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    ended: list[LinkClosed] = []
    mistakes: list[Exception] = []

    async def refuse(upgrade: WebSocketUpgrade) -> None:
        await ours.aclose()
        with pytest.raises(LinkClosed) as closed:
            await upgrade.reject(HttpResponse(403, (), b"no"))
        ended.append(closed.value)
        raise closed.value

    await ours.send_all(upgrade_head())
    await serve_connection(theirs, http=HttpHarness().http, websocket=refuse, on_error=mistakes.append)
    assert ([end.code for end in ended], mistakes) == ([1006], [])


async def test_an_upgrade_may_be_rejected_with_any_response() -> None:
    async def refuse(upgrade: WebSocketUpgrade) -> None:
        await upgrade.reject(HttpResponse(403, (("x-why", "not you"),), b"no"))

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_connection, theirs, http=HttpHarness().http, websocket=refuse))
        await ours.send_all(upgrade_head())
        await ours.send_stream.aclose()
        answer = await read_all(ours)
    assert statuses(answer) == [403]
    assert b"x-why: not you" in answer
    assert answer.endswith(b"no")


async def test_an_upgrade_is_rejected_once() -> None:
    async def refuse_twice(upgrade: WebSocketUpgrade) -> None:
        await upgrade.reject(HttpResponse(403))
        await upgrade.reject(HttpResponse(404))

    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(upgrade_head())
    await ours.send_stream.aclose()
    mistakes: list[Exception] = []
    await serve_connection(theirs, http=HttpHarness().http, websocket=refuse_twice, on_error=mistakes.append)
    assert (statuses(await read_all(ours)), mistakes) == ([403], [])


async def test_a_handler_that_takes_the_raw_stream_must_answer_itself() -> None:
    async def misbehave(upgrade: WebSocketUpgrade) -> None:
        await upgrade.stream.send_all(b"garbage, not " + upgrade.accept_key.encode())
        await upgrade.stream.send_all(b", behind " + upgrade.trailing_data)

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_connection, theirs, http=HttpHarness().http, websocket=misbehave))
        await ours.send_all(upgrade_head() + b"early")
        assert await read_all(ours) == b"garbage, not " + ACCEPT.encode() + b", behind early"


async def test_a_client_that_disconnects_before_the_response_is_not_an_error() -> None:
    server = HttpHarness()
    seen: list[LinkClosed] = []

    async def accept_late(upgrade: WebSocketUpgrade) -> None:
        await ours.aclose()
        try:
            await upgrade.accept()
        except LinkClosed as end:
            seen.append(end)
            raise

    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            partial(serve_connection, theirs, http=server.http, websocket=accept_late, on_error=server.errors.append)
        )
        await ours.send_all(upgrade_head())
    assert [end.code for end in seen] == [1006]
    assert server.errors == []


# Real sockets, and a client that is not ours


async def test_an_independent_client_can_use_the_server() -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(partial(serve_tcp, http=server.http, websocket=server.websocket))
        with trio.fail_after(5):
            async with open_websocket_url(f"ws://{host}:{port}/x", subprotocols=["realtime"]) as client:
                assert client.subprotocol == "realtime"
                for message in ("hi", b"\x00\xff", "x" * 900):
                    await client.send_message(message)
                    assert await client.get_message() == message
                await client.ping(b"there?")
            assert client.closed is not None
            assert client.closed.code == 1000
            async with httpx.AsyncClient() as browser:
                assert (await browser.get(f"http://{host}:{port}/page")).text == "GET /page b''\n"
        nursery.cancel_scope.cancel()
    assert server.upgrades[0].request.peer.startswith("127.0.0.1:")


async def test_an_independent_client_gets_the_close_code_and_reason() -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(partial(serve_tcp, http=server.http, websocket=server.websocket))
        with trio.fail_after(5):
            stream = await trio.open_tcp_stream(host, port)
            client = await wrap_client_stream(nursery, stream, f"{host}:{port}", "/x")
            await client.send_message("x" * 1001)
            with pytest.raises(ConnectionClosed) as caught:
                await client.get_message()
            await stream.aclose()  # this client leaves it open if the server closes first
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1009
        nursery.cancel_scope.cancel()


async def test_one_broken_client_does_not_affect_another() -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_tcp, http=server.http, websocket=server.websocket, on_error=server.errors.append)
        host, port = await nursery.start(serve)
        with trio.fail_after(5):
            async with open_websocket_url(f"ws://{host}:{port}/x") as good:
                bad = await trio.open_tcp_stream(host, port)
                await bad.send_all(upgrade_head("/x") + b"\xff" * 100)
                answer = await read_all(bad)
                assert Frame(Opcode.CLOSE, struct.pack("!H", 1002)).serialize(mask=False)[2:] in answer
                await bad.aclose()
                crashing = await trio.open_tcp_stream(host, port)
                await crashing.send_all(upgrade_head("/broken"))
                assert b" 500 " in await crashing.receive_some()
                await crashing.aclose()
                await good.send_message("still here")
                assert await good.get_message() == "still here"
        nursery.cancel_scope.cancel()
    assert len(server.errors) == 1


async def test_the_server_speaks_tls_and_survives_plain_text_on_the_tls_port() -> None:
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_tcp, http=server.http, websocket=server.websocket, on_error=server.errors.append)
        host, port = await nursery.start(partial(serve, ssl_context=server_side))
        with trio.fail_after(5):
            plain = await trio.open_tcp_stream(host, port)
            await plain.send_all(head("GET", "/"))
            assert b"HTTP" not in await read_all(plain)
            await plain.aclose()
            async with open_websocket_url(f"wss://{host}:{port}/x", ssl_context=client_side) as client:
                await client.send_message("over TLS")
                assert await client.get_message() == "over TLS"
        nursery.cancel_scope.cancel()
    assert server.errors == []


async def test_a_port_in_use_is_an_os_error() -> None:
    server = HttpHarness()
    async with trio.open_nursery() as nursery:
        host, port = await nursery.start(partial(serve_tcp, http=server.http, websocket=server.websocket))
        with pytest.raises(OSError, match="in use"):
            await serve_tcp(http=server.http, websocket=server.websocket, host=host, port=port)
        nursery.cancel_scope.cancel()
