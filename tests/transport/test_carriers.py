"""Carriers below trio's streams: which one a stream gets, what they take over, and what they give back."""

from __future__ import annotations

import gc
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport import carriers
from bridge.transport.carriers import SocketCarrier, StreamCarrier, TlsCarrier, carrier_for
from bridge.transport.frame_cutter import FRAMES_PER_SLICE
from bridge.transport.reactor import Reactor, current_reactor
from bridge.transport.sockets import find_socket
from bridge.transport.websocket import WebSocketLink
from tests.transport.push_harness import SOCKETS, TLS, Connection, Recorder, connect, dribble, push_link, streams
from tests.transport.raw_peer import peer_frame

if TYPE_CHECKING:
    from bridge.transport.link import Carrier


def chosen(stream: trio.abc.Stream) -> type[Carrier]:
    return type(carrier_for(push_link(stream, Side.SERVER), stream))


@pytest.mark.parametrize(
    ("kind", "carrier"),
    [("tcp", SocketCarrier), ("tls server", TlsCarrier), ("tls client", TlsCarrier), ("memory", StreamCarrier)],
)
async def test_each_stream_gets_the_best_carrier_there_is(kind: str, carrier: type[Carrier]) -> None:
    async with streams(kind) as (ours, _):
        assert chosen(ours) is carrier


async def test_tls_over_a_stream_without_a_socket_gets_tasks_of_its_own() -> None:
    ours, _ = trio.testing.memory_stream_pair()
    assert chosen(trio.SSLStream(ours, ssl.create_default_context(), server_hostname="a.test")) is StreamCarrier


class StubbornSocket:
    """A socket that answers each write in the same way."""

    def __init__(self, real: socket.socket, error: OSError) -> None:
        self._real, self._error = real, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def send(self, _: bytes) -> int:
        raise self._error


@pytest.mark.parametrize(("error", "writable"), [(BlockingIOError(), True), (BrokenPipeError(), False)])
async def test_a_write_that_is_refused_waits_and_one_that_fails_breaks_the_link(error: OSError, writable: bool) -> None:
    async with connect("tcp") as connection, trio.open_nursery() as nursery:
        link = connection.link
        nursery.start_soon(connection.run)
        await trio.testing.wait_all_tasks_blocked(0.002)
        carrier = link._carrier
        assert isinstance(carrier, SocketCarrier)
        real = carrier._socket
        assert real is not None
        carrier._socket = StubbornSocket(real, error)  # type: ignore[assignment]
        link.send_text(b"kept or dropped")
        assert bool(link.unsent_bytes) is writable
        carrier._socket = real
        if writable:
            assert await connection.read(1) == ["kept or dropped"]
        nursery.cancel_scope.cancel()


@SOCKETS
async def test_without_a_reactor_every_stream_gets_tasks_of_its_own(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(carriers, "has_reactor", lambda: False)
    async with streams(kind) as (ours, _):
        assert chosen(ours) is StreamCarrier


@TLS
async def test_without_the_parts_of_a_tls_stream_it_gets_tasks_of_its_own(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(carriers, "TLS_PARTS", (*carriers.TLS_PARTS, "_not_in_this_version"))
    async with streams(kind) as (ours, _):
        assert chosen(ours) is StreamCarrier


@TLS
async def test_trios_tls_stream_has_the_parts_that_the_carrier_uses(kind: str) -> None:
    """They are private: this says which version of trio changed them."""
    async with streams(kind) as (ours, _):
        assert isinstance(ours, trio.SSLStream)
        assert isinstance(ours._ssl_object, ssl.SSLObject)
        assert isinstance(ours._incoming, ssl.MemoryBIO)
        assert isinstance(ours._outgoing, ssl.MemoryBIO)
        assert ours._delayed_outgoing is None or isinstance(ours._delayed_outgoing, bytes)
        assert (kind == "tls server") is bool(ours._delayed_outgoing)  # session tickets, which must come first
        assert ours._outgoing.pending == 0


@TLS
async def test_records_that_the_stream_has_read_are_the_links_first_messages(kind: str) -> None:
    """The peer sends nothing after the link was taken over, so nothing makes the socket readable."""
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        pulling = connection.link._link
        messages = [f"{number}" * 1000 for number in range(40)]
        for message in messages:
            await connection.send(message)
        pulling._read_bytes = 10
        assert await pulling.receive() == messages[0]
        assert isinstance(pulling.stream, trio.SSLStream)
        assert pulling.stream._incoming.pending or pulling.stream._ssl_object.pending()
        nursery.start_soon(connection.run)
        await connection.handler.until_messages(len(messages) - 1)
        assert connection.handler.messages == messages[1:]
        nursery.cancel_scope.cancel()


def encrypt(stream: trio.abc.Stream, data: bytes = b"", *, end: bool = False) -> bytes:
    """The records of this data, and of what TLS says at its end."""
    assert isinstance(stream, trio.SSLStream)
    tickets, stream._delayed_outgoing = stream._delayed_outgoing or b"", None
    if data:
        stream._ssl_object.write(data)
    if end:
        with pytest.raises(ssl.SSLWantReadError):
            stream._ssl_object.unwrap()
    return tickets + stream._outgoing.read()


async def send_below(connection: Connection, data: bytes) -> None:
    assert isinstance(connection.raw, trio.SSLStream)
    await connection.raw.transport_stream.send_all(data)


@TLS
@pytest.mark.parametrize("number", [1, 3 * FRAMES_PER_SLICE])
async def test_all_messages_before_the_end_of_tls_arrive(kind: str, number: int) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        messages = [f"{at}" for at in range(number)]
        await send_below(connection, encrypt(connection.raw, b"".join(map(connection.frame, messages)), end=True))
        nursery.start_soon(connection.run)
        await connection.ended.wait()
        assert connection.handler.messages == messages
        assert (connection.how.code, connection.how.by_peer) == (1006, True)


@TLS
async def test_a_pause_before_the_end_of_tls_holds_back_the_messages_and_the_end(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        connection.handler = Recorder(lambda message: connection.link.pause() if message == "a" else None)
        await send_below(connection, encrypt(connection.raw, connection.frame("a") + connection.frame("b"), end=True))
        nursery.start_soon(connection.run)
        await connection.handler.until_messages(1)
        await trio.testing.wait_all_tasks_blocked(0.002)
        assert (connection.handler.messages, connection.end) == (["a"], None)
        connection.link.resume()
        await connection.ended.wait()
        assert connection.handler.messages == ["a", "b"]


@TLS
async def test_a_broken_record_ends_the_link_and_no_other(kind: str) -> None:
    async with connect(kind) as connection, connect(kind) as other, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        nursery.start_soon(other.run)
        await connection.send("fine")
        await connection.handler.until_messages(1)
        await send_below(connection, b"\x17\x03\x03\x00\x20" + bytes(32))
        await connection.ended.wait()
        assert connection.how.code == 1006
        await other.send("fine")
        await other.handler.until_messages(1)
        nursery.cancel_scope.cancel()


@TLS
async def test_records_that_were_left_are_written_though_nothing_more_is_sent(kind: str) -> None:
    """A socket that takes a byte of a record is asked again, though the link has nothing left to encrypt."""
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        with pytest.MonkeyPatch.context() as patch:
            dribble(patch, write=1)
            nursery.start_soon(connection.run)
            connection.link.send_text(b"one message")
            assert await connection.read(1) == ["one message"]
        nursery.cancel_scope.cancel()


@SOCKETS
async def test_after_a_run_the_stream_is_an_ordinary_one(kind: str) -> None:
    async with connect(kind) as connection:
        with trio.move_on_after(0.1):
            await connection.run()
        pulling = connection.link._link
        await pulling.send_text("down")
        assert await connection.read(1) == ["down"]
        await connection.send("up")
        assert await pulling.receive() == "up"


@SOCKETS
async def test_a_carrier_that_never_ran_leaves_the_descriptor_alone(kind: str) -> None:
    async with connect(kind) as connection:
        stream = connection.link._link.stream
        carrier = carrier_for(connection.link, stream)
        sock = find_socket(stream)
        assert sock is not None
        assert isinstance(carrier, SocketCarrier)
        assert carrier.fd == sock.fileno()
        del carrier
        gc.collect()
        assert sock.fileno() >= 0
        sock.getpeername()


@SOCKETS
async def test_a_paused_link_whose_peer_resets_keeps_nobody_busy(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    rounds = 0

    def counting(self: Reactor) -> None:
        nonlocal rounds
        rounds += 1
        assert rounds < 1000
        original(self)

    original = Reactor._round
    monkeypatch.setattr(Reactor, "_round", counting)
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await trio.testing.wait_all_tasks_blocked(0.002)
        connection.link.pause()
        sock = find_socket(connection.raw)
        assert sock is not None
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await trio.aclose_forcefully(connection.raw)
        before = rounds
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert rounds - before <= 2
        connection.link.resume()
        await connection.ended.wait()
        assert connection.how.code == 1006


@SOCKETS
async def test_a_flood_on_one_socket_delays_another_by_two_slices(kind: str) -> None:
    async with connect(kind) as flood, connect(kind) as quiet, trio.open_nursery() as nursery:
        small = peer_frame(Side.SERVER, Opcode.BINARY, b"")
        before_quiet: list[int] = []
        quiet.handler = Recorder(lambda _: before_quiet.append(len(flood.handler.messages)))
        at = 1000
        peer = find_socket(quiet.raw)
        assert peer is not None
        word = quiet.frame("a word")
        if kind != "tcp":
            word = encrypt(quiet.raw, word)
        sending = socket.socket(fileno=peer.fileno())

        def speak(_: str | bytes) -> None:
            if len(flood.handler.messages) == at:
                assert sending.send(word) == len(word)

        flood.handler = Recorder(speak)
        try:
            nursery.start_soon(quiet.run)
            nursery.start_soon(flood.run)
            nursery.start_soon(flood.raw.send_all, small * 20_000)
            await quiet.handler.until_messages(1)
            assert before_quiet[0] - at <= 2 * FRAMES_PER_SLICE
            await flood.handler.until_messages(20_000)
        finally:
            sending.detach()
        nursery.cancel_scope.cancel()


@SOCKETS
async def test_aborting_one_link_leaves_alone_the_next_one_with_its_descriptor(kind: str) -> None:
    async with trio.open_nursery() as nursery, connect(kind) as first:
        nursery.start_soon(first.run)
        await trio.testing.wait_all_tasks_blocked(0.002)
        await first.link.abort()
        async with connect(kind) as second:
            nursery.start_soon(second.run)
            await second.send("x")
            await second.handler.until_messages(1)
            await first.ended.wait()
            await second.send("y")
            await second.handler.until_messages(2)
            nursery.cancel_scope.cancel()
    assert current_reactor()._served == {}


async def test_the_reactor_keeps_nothing_of_links_that_are_gone() -> None:
    for _ in range(3):
        async with connect("tcp") as connection, trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            await connection.raw.aclose()
            await connection.ended.wait()
    reactor = current_reactor()
    assert (reactor._served, reactor._watched, list(reactor._asked)) == ({}, {}, [])


def test_a_websocket_link_tells_whether_it_may_be_written() -> None:
    link = WebSocketLink(trio.testing.memory_stream_pair()[0], Side.SERVER)
    assert (link.is_writable, link.is_closed) == (True, False)
