"""All the way over real sockets: names, ports, proxies and certificates, good and bad."""

from __future__ import annotations

import socket
import ssl
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme

from bridge.transport.http import HttpRequest, HttpResponse, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import (
    DialFailed,
    DialPhase,
    FailureReason,
    Proxy,
    dial,
    open_stream,
    parse_url,
    resolve,
)
from bridge.upstream.dial.tls import default_tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


async def no_page(_: HttpRequest) -> HttpResponse:
    return text_response(404, "no page")


async def echo(upgrade: WebSocketUpgrade) -> None:
    link = await upgrade.accept()
    while True:
        await link.send_text(await link.receive())


@asynccontextmanager
async def echo_server(ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            serve = partial(serve_tcp, http=no_page, websocket=echo, ssl_context=ssl_context)
            _, port = await nursery.start(serve)
            yield port
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def tcp_server(handler: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
            yield listeners[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = default_tls_context()
    authority.configure_trust(context)
    return context


async def failure(
    url: str, *, proxy: Proxy | None = None, ssl_context: ssl.SSLContext | None = None
) -> tuple[DialPhase, FailureReason, str]:
    with pytest.raises(DialFailed) as caught:
        await dial(url, proxy=proxy, ssl_context=ssl_context)
    return caught.value.phase, caught.value.reason, caught.value.detail


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_a_dialled_link_carries_messages_and_every_phase_is_timed() -> None:
    async with echo_server() as port:
        upgraded = await dial(f"ws://127.0.0.1:{port}/x")
        await upgraded.link.send_text("hi")
        assert await upgraded.link.receive() == "hi"
        assert list(upgraded.seconds) == [DialPhase.NAME, DialPhase.TCP, DialPhase.UPGRADE]
        assert all(0 <= seconds < 5 for seconds in upgraded.seconds.values())
        await upgraded.link.close()


async def test_over_tls_version_and_expiry_are_reported(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    expires = datetime.now(UTC) + timedelta(days=61)
    async with echo_server(server_context(authority.issue_cert("127.0.0.1", not_after=expires))) as port:
        endpoint = parse_url(f"wss://127.0.0.1:{port}/")
        opened = await open_stream(endpoint, ssl_context=trusting)
        assert opened.tls is not None
        assert opened.tls.version == "TLSv1.3"
        assert opened.tls.expires is not None
        assert abs(opened.tls.expires - expires) < timedelta(seconds=2)
        assert opened.address == f"127.0.0.1:{port}"
        assert list(opened.seconds) == [DialPhase.NAME, DialPhase.TCP, DialPhase.TLS]
        await opened.stream.aclose()
        upgraded = await dial(f"wss://127.0.0.1:{port}/", ssl_context=trusting)
        await upgraded.link.send_text("hi")
        assert await upgraded.link.receive() == "hi"
        await upgraded.link.close()


async def test_a_refused_upgrade_is_the_servers_answer() -> None:
    async def refuse(upgrade: WebSocketUpgrade) -> None:
        await upgrade.reject(text_response(403, "not you"))

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            _, port = await nursery.start(partial(serve_tcp, http=no_page, websocket=refuse))
            with pytest.raises(HandshakeRefused) as caught:
                await dial(f"ws://127.0.0.1:{port}/")
            nursery.cancel_scope.cancel()
    assert (caught.value.status, caught.value.body) == (403, b"not you\n")


async def test_names_are_looked_up_once_each() -> None:
    assert await resolve("127.0.0.1", 80) == ("127.0.0.1",)
    assert "127.0.0.1" in await resolve("localhost", 80)


class CountedLookups(trio.abc.HostnameResolver):
    """Knows two addresses of every name; nothing listens on the first."""

    def __init__(self) -> None:
        self.names: list[object] = []

    async def getaddrinfo(self, host: bytes | None, port: Any, *_: Any, **__: Any) -> Any:
        self.names.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    async def getnameinfo(self, *_: Any) -> Any:
        raise NotImplementedError


async def test_a_name_with_several_addresses_is_looked_up_once() -> None:
    async with echo_server() as port:
        lookups = CountedLookups()
        trio.socket.set_custom_hostname_resolver(lookups)
        upgraded = await dial(f"ws://voice.example:{port}/")
        await upgraded.link.close()
    assert lookups.names == [b"voice.example"]


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'a' * 64}.invalid"])
async def test_an_unknown_name_is_reported(host: str) -> None:
    with trio.fail_after(20), pytest.raises(DialFailed) as caught:
        await resolve(host, 443)
    assert (caught.value.phase, caught.value.reason) == (DialPhase.NAME, FailureReason.NAME_UNKNOWN)
    assert host in caught.value.detail


async def test_nothing_listening_is_refused() -> None:
    with trio.fail_after(10):
        phase, reason, detail = await failure(f"ws://127.0.0.1:{unused_port()}/")
    assert (phase, reason) == (DialPhase.TCP, FailureReason.REFUSED)
    assert "no server listens on this port" in detail


BAD_CERTIFICATES = ["expired", "not valid yet", "unknown issuer", "self-signed", "wrong host"]


def self_signed(alone: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with alone.cert_pem.tempfile() as certificate, alone.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    return context


def bad_certificate(name: str, authority: trustme.CA) -> tuple[ssl.SSLContext, str]:
    """A server with this fault, and what must be said of it."""
    now = datetime.now(UTC)
    match name:
        case "expired":
            leaf = authority.issue_cert(
                "127.0.0.1", not_before=now - timedelta(days=9), not_after=now - timedelta(days=1)
            )
            return server_context(leaf), "has expired"
        case "not valid yet":
            return server_context(
                authority.issue_cert("127.0.0.1", not_before=now + timedelta(days=9))
            ), "not valid yet"
        case "unknown issuer":
            return server_context(trustme.CA().issue_cert("127.0.0.1")), "issuer is not trusted"
        case "self-signed":
            return self_signed(trustme.CA()), "self-signed"
        case _:
            return server_context(authority.issue_cert("api.example", "www.api.example")), "for another"


@pytest.mark.parametrize("name", BAD_CERTIFICATES)
async def test_a_bad_certificate_has_a_clear_message(
    name: str, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    context, says = bad_certificate(name, authority)
    async with echo_server(context) as port:
        phase, reason, detail = await failure(f"wss://127.0.0.1:{port}/", ssl_context=trusting)
    assert (phase, reason) == (DialPhase.TLS, FailureReason.CERTIFICATE)
    assert says in detail
    assert ("namely api.example, www.api.example" in detail) == (name == "wrong host")


async def test_the_default_context_does_not_trust_a_private_authority(authority: trustme.CA) -> None:
    async with echo_server(server_context(authority.issue_cert("127.0.0.1"))) as port:
        assert (await failure(f"wss://127.0.0.1:{port}/"))[1] is FailureReason.CERTIFICATE


async def test_plain_http_on_a_tls_port_is_reported() -> None:
    async with echo_server() as port:
        phase, reason, _ = await failure(f"wss://127.0.0.1:{port}/")
    assert (phase, reason) == (DialPhase.TLS, FailureReason.NOT_TLS)


async def test_tls_on_a_plain_url_is_reported(authority: trustme.CA) -> None:
    async with echo_server(server_context(authority.issue_cert("127.0.0.1"))) as port:
        phase, reason, detail = await failure(f"ws://127.0.0.1:{port}/")
    assert (phase, reason) in {
        (DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET),
        (DialPhase.UPGRADE, FailureReason.CLOSED_EARLY),
    }
    assert str(port) in detail


async def test_a_server_that_closes_in_the_tls_handshake_is_reported() -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    async with tcp_server(hang_up) as port:
        phase, reason, _ = await failure(f"wss://127.0.0.1:{port}/")
    assert (phase, reason) == (DialPhase.TLS, FailureReason.CLOSED_EARLY)


async def test_the_callers_timeout_ends_a_dial_to_a_silent_server() -> None:
    left = trio.Event()

    async def never_answer(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass
        left.set()

    async with tcp_server(never_answer) as port:
        for url in (f"ws://127.0.0.1:{port}/", f"wss://127.0.0.1:{port}/"):
            with trio.move_on_after(0.05) as scope:
                await dial(url)
            assert scope.cancelled_caught
            await left.wait()  # the socket was closed, not left behind
            left = trio.Event()


# Proxies


class TunnelProxy:
    """A proxy that connects to the requested address and records the requests."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        self.answer = answer
        self.asked = b""

    async def serve(self, client: trio.SocketStream) -> None:
        self.asked = b""
        while b"\r\n\r\n" not in self.asked:
            self.asked += await client.receive_some()
        await client.send_all(self.answer)
        if b" 200 " not in self.answer:
            return
        host, port = self.asked.split()[1].decode().split(":")
        async with await trio.open_tcp_stream(host, int(port)) as server, trio.open_nursery() as nursery:
            nursery.start_soon(self._pump, client, server)
            await self._pump(server, client)
            nursery.cancel_scope.cancel()

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            while data := await source.receive_some():
                await sink.send_all(data)
            await sink.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


@pytest.mark.parametrize("secure", [False, True])
async def test_a_proxys_tunnel_carries_the_socket(
    secure: bool, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    tunnel = TunnelProxy()
    context = server_context(authority.issue_cert("127.0.0.1")) if secure else None
    async with echo_server(context) as port, tcp_server(tunnel.serve) as proxy_port:
        url = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/x"
        upgraded = await dial(url, proxy=Proxy("127.0.0.1", proxy_port), ssl_context=trusting)
        await upgraded.link.send_text("through")
        assert await upgraded.link.receive() == "through"
        assert list(upgraded.seconds) == [DialPhase.PROXY, *([DialPhase.TLS] if secure else []), DialPhase.UPGRADE]
        await upgraded.link.close()
    assert tunnel.asked.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n".encode())


async def test_a_proxy_that_is_not_there_is_the_proxys_fault() -> None:
    with trio.fail_after(10):
        found = await failure("ws://service.invalid/", proxy=Proxy("127.0.0.1", unused_port()))
        lost = await failure("ws://service.invalid/", proxy=Proxy("proxy.invalid", 1))
    assert found[:2] == lost[:2] == (DialPhase.PROXY, FailureReason.PROXY_UNREACHABLE)
    assert "proxy.invalid:1" in lost[2]


async def test_a_proxy_that_refuses_is_reported_with_its_status() -> None:
    async with tcp_server(TunnelProxy(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").serve) as port:
        phase, reason, detail = await failure("ws://service.invalid/", proxy=Proxy("127.0.0.1", port))
    assert (phase, reason) == (DialPhase.PROXY, FailureReason.PROXY_REFUSED)
    assert "407 Proxy Authentication Required" in detail
