"""What a pushing link sends: bounded, in order, in whole frames, whatever the stream takes and whenever it ends."""

from __future__ import annotations

import socket
from itertools import count
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from websockets.frames import Frame, Opcode
from websockets.protocol import Side

from bridge.transport.push_link import MAX_PENDING_PONG_BYTES, MAX_PINGS_OUTSTANDING
from bridge.transport.sockets import find_socket
from tests.transport.push_harness import KINDS, SOCKETS, Connection, Recorder, connect, dribble
from tests.transport.raw_peer import SIDES, CloggedStream, peer_frame

if TYPE_CHECKING:
    from bridge.transport.push_link import PushLink


def little_buffer(connection: Connection) -> None:
    """Let the kernel keep little of what we send and the peer does not read."""
    for stream, option in ((connection.link._link.stream, socket.SO_SNDBUF), (connection.raw, socket.SO_RCVBUF)):
        if (sock := find_socket(stream)) is not None:
            sock.setsockopt(socket.SOL_SOCKET, option, 4096)


def fill(link: PushLink, size: int = 9000) -> list[str | bytes]:
    """Send until there is no room. Returns what was accepted."""
    accepted: list[str | bytes] = []
    for number in count():
        message = b"%06d" % number + b"." * (size - 6)
        if not link.send_binary(message):
            return accepted
        accepted.append(message)
    raise AssertionError


@KINDS
async def test_what_is_unsent_is_bounded_and_what_was_accepted_arrives(kind: str) -> None:
    async with connect(kind, max_unsent_bytes=50_000) as connection, trio.open_nursery() as nursery:
        link = connection.link
        if kind == "memory":
            stream = CloggedStream(link._link.stream)
            link._link.stream = stream
        nursery.start_soon(connection.run)
        await trio.testing.wait_all_tasks_blocked(0.001)
        accepted = fill(link)
        assert 0 < link.unsent_bytes <= 50_000
        assert not link.send_binary(b"no room, and nothing is sent of it" * 300)
        if kind == "memory":
            stream.unclog.set()
        assert await connection.read(len(accepted)) == accepted
        await trio.testing.wait_all_tasks_blocked(0.001)
        assert link.send_text(b"room again")
        assert (await connection.read(len(accepted) + 1))[-1] == "room again"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["memory", "tcp", "tls server"])
async def test_a_message_that_is_larger_than_the_bound_fits_if_nothing_waits(kind: str) -> None:
    async with connect(kind, max_unsent_bytes=1000) as connection, trio.open_nursery() as nursery:
        large = b"x" * 3 * 2**20
        assert connection.link.send_binary(large)
        assert not connection.link.send_binary(b"")
        nursery.start_soon(connection.run)
        assert await connection.read(1) == [large]
        nursery.cancel_scope.cancel()


@KINDS
async def test_once_everything_is_written_the_number_and_the_age_of_forwarded_messages_is_told(kind: str) -> None:
    told: list[tuple[int, float]] = []
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        link = connection.link
        link.on_written = lambda messages, age: told.append((messages, age))
        link.send_text(b"own")
        link.send_text(b"a", read_at=link.now - 2)
        link.send_binary(b"b", read_at=link.now - 1)
        nursery.start_soon(connection.run)
        await connection.read(3)
        await trio.testing.wait_all_tasks_blocked(0.001)
        link.send_text(b"own")
        await connection.read(4)
        link.send_text(b"c", read_at=link.now)
        await connection.read(5)
        await trio.testing.wait_all_tasks_blocked(0.001)
        nursery.cancel_scope.cancel()
    assert [messages for messages, _ in told] == [2, 1]
    assert 2 <= told[0][1] < 3


@KINDS
async def test_what_is_sent_when_all_is_written_is_written_too_and_counted(kind: str) -> None:
    told = []
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        link = connection.link

        def answer(messages: int, _age: float) -> None:
            told.append(messages)
            if len(told) < 4:
                link.send_text(b"%d" % len(told), read_at=link.now)

        link.on_written = answer
        nursery.start_soon(connection.run)
        link.send_text(b"0", read_at=link.now)
        assert await connection.read(4) == ["0", "1", "2", "3"]
        await trio.testing.wait_all_tasks_blocked(0.001)
        nursery.cancel_scope.cancel()
    assert told == [1, 1, 1, 1]


@SOCKETS
@pytest.mark.parametrize("taken", [1, 2, 7])
@SIDES
async def test_closing_after_a_run_completes_the_frame_that_was_half_written(kind: str, taken: int, side: Side) -> None:
    messages: list[str | bytes] = ["one", b"two", "three" * 50]
    async with connect(kind, side) as connection:
        with pytest.MonkeyPatch.context() as little:
            dribble(little, write=taken)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(connection.run)
                await trio.testing.wait_all_tasks_blocked(0.001)
                for message in messages:
                    connection.link.send_text(message.encode()) if isinstance(message, str) else (
                        connection.link.send_binary(message)
                    )
                nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.link.close, 4000, "bye")
            read, end = await connection.read_to_end()
            await connection.raw.aclose()
    assert read == messages
    assert (end.code, end.reason) == (4000, "bye")


@KINDS
@SIDES
async def test_what_is_unsent_and_not_begun_can_be_dropped(
    monkeypatch: pytest.MonkeyPatch, kind: str, side: Side
) -> None:
    dribble(monkeypatch, write=3)
    async with connect(kind, side) as connection, trio.open_nursery() as nursery:
        link = connection.link
        if kind in {"memory", "tcp without reactor"}:
            stream = link._link.stream = CloggedStream(link._link.stream)
        nursery.start_soon(connection.run)
        await trio.testing.wait_all_tasks_blocked(0.001)
        link.send_text(b"begun")
        if kind in {"memory", "tcp without reactor"}:
            await trio.testing.wait_all_tasks_blocked(0.001)
        begun = link.unsent_bytes
        for number in range(10):
            link.send_text(b"dropped %d" % number)
        unsent = link.unsent_bytes
        assert link.drop_unsent() == unsent - begun
        assert link.unsent_bytes == begun
        assert link.drop_unsent() == 0
        link.send_text(b"after")
        if kind in {"memory", "tcp without reactor"}:
            stream.unclog.set()
        assert (await connection.read(2))[0] == "begun"
        nursery.cancel_scope.cancel()


@KINDS
async def test_pings_are_answered_with_their_payload(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        connection._codec.send_ping(b"\x00\x07", 0.0)
        nursery.start_soon(connection.run)
        await connection.raw.send_all(connection._codec.data_to_send())
        while connection._codec.pings_outstanding:
            connection._codec.receive_data(await connection.raw.receive_some())
        assert connection.link.pings_received == 1
        nursery.cancel_scope.cancel()


@KINDS
async def test_a_pong_comes_before_the_answer_to_what_was_sent_after_the_ping(kind: str) -> None:
    side = Side.SERVER
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        connection.handler = Recorder(
            lambda _: connection.link.send_raw(Frame(Opcode.TEXT, b"answer").serialize(mask=False))
        )
        nursery.start_soon(connection.run)
        fragments = peer_frame(side, Opcode.TEXT, b"a", fin=False), peer_frame(side, Opcode.CONT, b"b")
        await connection.raw.send_all(fragments[0] + peer_frame(side, Opcode.PING, b"in between") + fragments[1])
        expected = Frame(Opcode.PONG, b"in between").serialize(mask=False) + Frame(Opcode.TEXT, b"answer").serialize(
            mask=False
        )
        got = b""
        while len(got) < len(expected):
            got += await connection.raw.receive_some()
        assert got == expected
        nursery.cancel_scope.cancel()


@KINDS
async def test_a_pong_answers_our_ping(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        connection.link.ping()
        connection.link.ping()
        assert connection.link.pings_outstanding == 2
        while connection._codec.pings_received < 2:
            connection._codec.receive_data(await connection.raw.receive_some())
        await connection.raw.send_all(connection._codec.data_to_send())
        await connection.handler.until(lambda: not connection.link.pings_outstanding)
        assert connection.link._link.last_pong_at is not None
        nursery.cancel_scope.cancel()


async def test_pings_that_nobody_answers_are_bounded() -> None:
    async with connect("memory") as connection:
        for _ in range(2 * MAX_PINGS_OUTSTANDING):
            connection.link.ping()
        assert connection.link.pings_outstanding == MAX_PINGS_OUTSTANDING


@pytest.mark.parametrize("kind", ["memory", "tcp", "tls server"])
async def test_a_peer_that_pings_and_never_reads_is_cut_off(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        little_buffer(connection)
        if kind == "memory":
            connection.link._link.stream = CloggedStream(connection.link._link.stream)
        nursery.start_soon(connection.run)
        pings = peer_frame(Side.SERVER, Opcode.PING, b"x" * 125) * 100
        most = 0

        async def ping() -> None:
            nonlocal most
            while connection.link._link.is_writable:
                most = max(most, connection.link.unsent_bytes)
                await connection.raw.send_all(pings)

        nursery.start_soon(ping)
        await connection.ended.wait()
        assert connection.how.reason == "the peer pings and does not read the pongs"
        assert (connection.how.code, connection.how.by_peer) == (None, False)
        assert most < MAX_PENDING_PONG_BYTES + len(pings)
        nursery.cancel_scope.cancel()
