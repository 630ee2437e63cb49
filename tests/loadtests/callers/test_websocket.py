"""The callers' WebSocket against another implementation on loopback: frames of all sizes, both ways, and every end."""

from __future__ import annotations

import socket
import ssl
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import gevent
import gevent.ssl
import pytest
import trustme
from gevent.server import StreamServer

from loadtests.callers.websocket import SOCKET_ERRORS, CallerSocket, SocketClosed
from tests.loadtests.gevent_bridge import CallerLeft, ServedCaller, gevent_bridge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZES = [0, 1, 125, 126, 960, 65_535, 65_536, 200_000]


@contextmanager
def connected(
    script: Callable[[ServedCaller], None], *, read_bytes: int = 0
) -> Iterator[tuple[CallerSocket, list[ServedCaller]]]:
    with gevent.Timeout(60), gevent_bridge(script) as running:
        wire = CallerSocket.connect(f"{running.url}/path?a=b", ("X-Own: 1",), read_bytes=read_bytes)
        try:
            yield wire, running.callers
        finally:
            wire.abort()


def echo(caller: ServedCaller) -> None:
    while True:
        for frame in caller.receive():
            if isinstance(frame, bytes):
                caller.send_bytes(frame)
            else:
                caller.protocol.send_text(frame.encode())
                caller._flush()


@pytest.mark.parametrize("size", SIZES)
def test_frames_of_every_size_arrive_whole_both_ways(size: int) -> None:
    data = bytes(step % 251 for step in range(size))
    with connected(echo) as (wire, guests):
        wire.send(data)
        assert wire.receive() == data
        wire.send("ü" * (size // 2))
        assert wire.receive() == "ü" * (size // 2)
    assert guests[0].path == "/path?a=b"
    assert guests[0].headers["X-Own"] == "1"
    assert "Origin" not in guests[0].headers, "callers are no page: a bridge that allows only its own lets them in"


def test_frames_that_arrive_together_are_separated() -> None:
    def talkative(caller: ServedCaller) -> None:
        for step in range(200):
            caller.protocol.send_text(b"x" * step)
        caller._flush()
        caller.receive()

    with connected(talkative) as (wire, _):
        assert [len(wire.receive()) for _ in range(200)] == list(range(200))


def test_a_ping_is_answered_between_the_frames() -> None:
    def pinging(caller: ServedCaller) -> None:
        caller.ping()
        caller.send("after")
        caller.receive()

    with connected(pinging) as (wire, guests):
        assert "after" in wire.receive()
        wire.send("done")
        gevent.sleep(0)
        while not guests[0].received:
            gevent.sleep(0.001)
        assert guests[0].pongs == 1


def test_an_answer_to_a_ping_waits_until_a_frame_is_written_whole() -> None:
    def pinging(caller: ServedCaller) -> None:
        caller.ping()
        caller.receive()

    with connected(pinging) as (wire, guests):
        reader = gevent.spawn(wire.receive)
        with wire._sending:
            gevent.sleep(0.05)
            assert guests[0].pongs == 0
        while not guests[0].pongs:
            gevent.sleep(0.001)
        wire.abort()
        reader.join(timeout=60)


def test_a_close_has_its_code() -> None:
    with connected(lambda caller: caller.close(1013)) as (wire, _), pytest.raises(SocketClosed) as caught:
        wire.receive()
    assert caught.value.code == 1013


def test_an_end_without_a_close_frame_differs_from_one_with() -> None:
    with connected(lambda _: None) as (wire, _), pytest.raises(SOCKET_ERRORS) as caught:
        wire.receive()
    assert not isinstance(caught.value, SocketClosed)


def test_cutting_wakes_the_receiver_and_stops_sending() -> None:
    with connected(echo) as (wire, guests):
        reader = gevent.spawn(wire.receive)
        gevent.sleep(0.01)
        wire.abort()
        wire.abort()
        with pytest.raises(SOCKET_ERRORS):
            reader.get(timeout=60)
        with pytest.raises(SOCKET_ERRORS):
            wire.send(b"late")
        assert guests[0].close_code is None


def test_a_normal_end_is_a_close_with_1000() -> None:
    with connected(echo) as (wire, guests):
        wire.send_close()
        with pytest.raises(SocketClosed):
            wire.receive()
        assert guests[0].close_code == 1000


def test_sending_says_whether_the_target_blocked_us() -> None:
    def deaf(caller: ServedCaller) -> None:
        gevent.sleep(0.05)
        while True:
            caller.receive()

    with connected(deaf) as (wire, _):
        assert wire.send(bytes(960))
        assert not wire.send(bytes(16 * 2**20))


def test_a_slow_reader_has_a_small_tcp_window() -> None:
    with connected(echo, read_bytes=4096) as (wire, _):
        stream = wire._web.sock
        assert stream.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 4096


@pytest.mark.parametrize("status", [503, 301, 307])
def test_a_refused_upgrade_is_reported_with_its_status_and_no_redirect_is_followed(status: int) -> None:
    def refuse(stream: socket.socket, _: object) -> None:
        with stream:
            stream.recv(65_536)
            stream.sendall(b"HTTP/1.1 %d Busy\r\nset-cookie: secret\r\nlocation: ws://127.0.0.1:9/\r\n" % status)
            stream.sendall(b"content-length: 4\r\n\r\nbody")

    server = StreamServer(("127.0.0.1", 0), refuse)
    server.start()
    try:
        with (
            gevent.Timeout(60),
            pytest.raises(ConnectionError, match=rf"^the WebSocket upgrade was answered with status {status}$"),
        ):
            CallerSocket.connect(f"ws://127.0.0.1:{server.server_port}/")
    finally:
        server.stop(timeout=0.5)


@contextmanager
def over_tls(authority: trustme.CA) -> Iterator[str]:
    """Be a bridge behind TLS, with a certificate of this authority for 127.0.0.1."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def serve(stream: Any, _: object) -> None:
        with stream, suppress(CallerLeft, OSError):
            caller = ServedCaller(stream)
            caller.accept()
            echo(caller)

    server = StreamServer(("127.0.0.1", 0), serve, ssl_context=context)
    server.start()
    try:
        with gevent.Timeout(60):
            yield f"wss://127.0.0.1:{server.server_port}/"
    finally:
        server.stop(timeout=0.5)


def test_tls_carries_frames_where_the_certificate_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    with authority.cert_pem.tempfile() as trusted, over_tls(authority) as address:
        monkeypatch.setenv("SSL_CERT_FILE", trusted)
        wire = CallerSocket.connect(address)
        wire.send(bytes(200_000))
        assert wire.receive() == bytes(200_000)
        wire.abort()


def test_an_untrusted_certificate_is_refused() -> None:
    with over_tls(trustme.CA()) as address, pytest.raises(ssl.SSLCertVerificationError):
        CallerSocket.connect(address)


def test_a_refused_connection_is_a_system_error() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with gevent.Timeout(60), pytest.raises(OSError, match="refused"):
            CallerSocket.connect(f"ws://127.0.0.1:{held.getsockname()[1]}/")
