"""How a pushing link ends: writes that fail or are cancelled, resets, aborts, and what is sent afterwards."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport.push_link import FINAL_READ_SECONDS, PushLink
from bridge.transport.sockets import find_socket
from bridge.transport.stream_carrier import LAST_WRITE_SECONDS, StreamCarrier
from bridge.transport.websocket import CLOSE_SECONDS, WebSocketLink
from tests.transport.push_harness import KINDS, SOCKETS, Recorder, connect, push_link
from tests.transport.raw_peer import CloggedStream, peer_frame

if TYPE_CHECKING:
    from trio.testing import MockClock


@KINDS
async def test_sends_after_the_end_are_dropped_and_take_no_room(kind: str) -> None:
    async with connect(kind, max_unsent_bytes=100) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await connection.raw.send_all(peer_frame(Side.SERVER, Opcode.CLOSE))
        await connection.read_to_end()
        await connection.raw.aclose()
        await connection.ended.wait()
        for _ in range(10):
            assert connection.link.send_text(b"x" * 60)
        connection.link.send_raw(b"x")
        connection.link.ping()
        assert connection.link.unsent_bytes == 0
        assert (await connection.link.run(connection.handler)).code == 1005


async def test_a_close_behind_the_handshake_ends_the_run_at_once() -> None:
    ours, _ = trio.testing.memory_stream_pair()
    closed = WebSocketLink(ours, Side.SERVER, trailing_data=peer_frame(Side.SERVER, Opcode.CLOSE, b"\x03\xe9bye"))
    end = await PushLink(closed, max_unsent_bytes=1000, make_carrier=StreamCarrier).run(Recorder())
    assert (end.code, end.reason, end.by_peer) == (1001, "bye", True)


@pytest.mark.parametrize("kind", ["tcp", "tls server", "tcp without reactor"])
async def test_a_write_that_fails_leaves_time_to_read_why(kind: str) -> None:
    async with connect(kind) as connection:
        goodbye = connection.frame("last words") + peer_frame(Side.SERVER, Opcode.CLOSE, b"\x03\xf3dying")
        await connection.raw.send_all(goodbye)
        connection.link.pause()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            await trio.testing.wait_all_tasks_blocked(0.001)
            connection.link.broken()
            assert connection.link.send_text(b"dropped")
            assert connection.link.unsent_bytes == 0
            connection.link.resume()
    assert connection.handler.messages == ["last words"]
    assert (connection.how.code, connection.how.reason) == (1011, "dying")


@KINDS
async def test_a_link_that_can_write_nothing_ends_when_its_peer_says_nothing_more(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await trio.testing.wait_all_tasks_blocked(0.001)
        began = trio.current_time()
        connection.link.broken()
        connection.link.drop_unsent()
        await connection.ended.wait()
        assert trio.current_time() - began < 2 * FINAL_READ_SECONDS
        assert (connection.how.code, connection.how.by_peer) == (1006, True)


@SOCKETS
async def test_a_peer_that_resets_ends_the_link_and_not_its_messages(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await connection.raw.send_all(connection.frame("whole") + connection.frame("half")[:4])
        await connection.handler.until_messages(1)
        sock = find_socket(connection.raw)
        assert sock is not None
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        await trio.aclose_forcefully(connection.raw)
        connection.link.send_text(b"into the void")
        await connection.ended.wait()
        assert (connection.how.code, connection.how.by_peer) == (1006, True)
        assert connection.handler.messages == ["whole"]


async def test_what_is_unsent_on_a_broken_link_is_gone() -> None:
    async with connect("memory") as connection:
        connection.link.send_text(b"x")
        connection.link.broken()
        assert connection.link.unsent_bytes == 0
        assert not connection.link.out
        assert connection.link.drop_unsent() == 0


async def test_a_link_that_was_broken_before_sends_nothing() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    pulling = WebSocketLink(CloggedStream(ours), Side.SERVER)
    with trio.move_on_after(0.1):
        await pulling.send_text("half of it")
    link = push_link(ours, Side.SERVER)
    link = type(link)(pulling, max_unsent_bytes=100, make_carrier=StreamCarrier)
    assert link.send_text(b"would be in the middle of a frame")
    with trio.fail_after(2 * FINAL_READ_SECONDS):
        end = await link.run(Recorder())
    assert end.reason == "a cancelled send left half a frame in the stream"
    assert len(await theirs.receive_some()) == 1


async def test_cancelling_a_run_lets_a_write_come_to_its_end(autojump_clock: MockClock) -> None:
    async with connect("memory") as connection:
        stream = connection.link._link.stream = CloggedStream(connection.link._link.stream)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            connection.link.send_text(b"whole")
            connection.link.send_text(b"behind")
            await trio.testing.wait_all_tasks_blocked()
            connection.link.send_text(b"later")
            nursery.cancel_scope.cancel()
            stream.unclog.set()
        assert autojump_clock.current_time() == 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.link.close)
            messages, end = await connection.read_to_end()
            await connection.raw.aclose()
        assert (messages, end.code) == (["whole", "behind", "later"], 1000)


async def test_once_a_run_is_cancelled_no_write_begins(autojump_clock: MockClock) -> None:
    """Which of the two tasks of a carrier runs first is chance, so this is tried often."""
    for _ in range(20):
        async with connect("memory") as connection, trio.open_nursery() as nursery:
            connection.link._link.stream = CloggedStream(connection.link._link.stream)
            nursery.start_soon(connection.run)
            await trio.testing.wait_all_tasks_blocked()
            connection.link.send_text(b"wakes the writer")
            nursery.cancel_scope.cancel()
    assert autojump_clock.current_time() == 0


async def test_a_write_that_does_not_come_to_its_end_breaks_the_link(autojump_clock: MockClock) -> None:
    async with connect("memory") as connection:
        connection.link._link.stream = CloggedStream(connection.link._link.stream)
        with trio.move_on_after(1):
            connection.link.send_text(b"half")
            await connection.run()
        assert autojump_clock.current_time() == 1 + LAST_WRITE_SECONDS
        assert connection.link.send_text(b"dropped")
        await connection.link.close()
        assert autojump_clock.current_time() <= 1 + LAST_WRITE_SECONDS + CLOSE_SECONDS
        assert connection.link.close_reason in {"", "a cancelled send left half a frame in the stream"}


@KINDS
async def test_closing_while_it_runs_is_an_error_and_aborting_is_not(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await trio.testing.wait_all_tasks_blocked(0.001)
        with pytest.raises(RuntimeError, match="cancel `run`"):
            await connection.link.close()
        with pytest.raises(RuntimeError, match="running already"):
            await connection.link.run(connection.handler)
        await connection.link.abort()
        await connection.ended.wait()
        assert (connection.how.code, connection.how.by_peer) == (None, False)
        _, end = await connection.read_to_end()
        assert end.code == 1006
        await connection.link.close()


@KINDS
async def test_a_link_that_was_aborted_before_its_run_ends_at_once(kind: str) -> None:
    async with connect(kind) as connection:
        await connection.link.abort()
        await connection.run()
        assert connection.how.code is None
        assert connection.link.send_text(b"dropped")


@KINDS
async def test_a_stream_that_was_closed_behind_its_back_ends_the_link(kind: str) -> None:
    async with connect(kind) as connection:
        await trio.aclose_forcefully(connection.link._link.stream)
        connection.link.send_text(b"dropped")
        await connection.run()
        assert connection.end is not None
