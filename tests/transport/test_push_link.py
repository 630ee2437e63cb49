"""A link that pushes: messages in both directions, in order, over every carrier, however the bytes are cut."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from websockets.frames import Frame, Opcode
from websockets.protocol import Side

from bridge.transport.frame_cutter import FRAMES_PER_SLICE
from bridge.transport.link import LinkClosed
from bridge.transport.push_link import PushLink
from bridge.transport.short_frames import SHORT_BYTES
from bridge.transport.stream_carrier import StreamCarrier
from bridge.transport.websocket import WebSocketLink
from tests.transport.push_harness import KINDS, SOCKETS, Recorder, connect, dribble, push_link
from tests.transport.raw_peer import SIDES, peer_frame

#: Short and long, text and binary, around the lengths at which headers grow.
MESSAGES: list[str | bytes] = [
    *("", b"", "5 €", b"\xff\x00", "x" * 125, b"y" * 126, "z" * 127),
    *(b"a" * size for size in (65535, 65536, 200_000)),
    "\U0001f600" * (SHORT_BYTES // 4 + 1),
    *(f"number {number}" for number in range(2 * FRAMES_PER_SLICE)),
]


def send(link: PushLink, *messages: str | bytes) -> None:
    for message in messages:
        assert link.send_text(message.encode()) if isinstance(message, str) else link.send_binary(message)


@KINDS
@SIDES
async def test_messages_arrive_in_order_in_both_directions(kind: str, side: Side) -> None:
    async with connect(kind, side, max_unsent_bytes=2**22) as connection, trio.open_nursery() as nursery:
        send(connection.link, "before it runs")
        nursery.start_soon(connection.run)
        nursery.start_soon(connection.send, *MESSAGES)
        send(connection.link, *MESSAGES)
        assert await connection.read(1 + len(MESSAGES)) == ["before it runs", *MESSAGES]
        await connection.handler.until_messages(len(MESSAGES))
        assert connection.handler.messages == MESSAGES
        nursery.cancel_scope.cancel()


@KINDS
async def test_answers_of_a_handler_are_written(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        connection.handler = Recorder(lambda message: send(connection.link, message))
        nursery.start_soon(connection.run)
        for message in MESSAGES[:7]:
            await connection.send(message)
        assert await connection.read(7) == MESSAGES[:7]
        nursery.cancel_scope.cancel()


@SOCKETS
@SIDES
async def test_a_socket_may_give_and_take_a_byte_at_a_time(
    monkeypatch: pytest.MonkeyPatch, kind: str, side: Side
) -> None:
    dribble(monkeypatch, read=1, write=1, eagain=True)
    messages = MESSAGES[:7]
    async with connect(kind, side) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        nursery.start_soon(connection.send, *messages)
        send(connection.link, *messages)
        assert await connection.read(len(messages)) == messages
        await connection.handler.until_messages(len(messages))
        assert connection.handler.messages == messages
        nursery.cancel_scope.cancel()


@KINDS
@SIDES
async def test_a_frame_may_be_cut_anywhere(kind: str, side: Side) -> None:
    frames = [
        peer_frame(side, Opcode.TEXT, b"text"),
        peer_frame(side, Opcode.BINARY, b"b" * 126),
        peer_frame(side, Opcode.TEXT, b"frag", fin=False) + peer_frame(side, Opcode.CONT, b"ments"),
    ]
    expected = ["text", b"b" * 126, "fragments"]
    async with connect(kind, side) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        for frame, message in zip(frames, expected, strict=True):
            for at in range(1, min(len(frame), 16)):
                await connection.raw.send_all(frame[:at])
                await trio.testing.wait_all_tasks_blocked(0.0002)
                await connection.raw.send_all(frame[at:])
                await connection.handler.until_messages(1)
                assert connection.handler.messages == [message]
                connection.handler.messages.clear()
        nursery.cancel_scope.cancel()


@KINDS
@pytest.mark.parametrize("cut_at", [1, 3, 9])
async def test_an_end_in_the_middle_of_a_frame_is_1006_after_all_messages(kind: str, cut_at: int) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await connection.raw.send_all(connection.frame("whole") + connection.frame("cut off")[:cut_at])
        await connection.raw.aclose()
    assert connection.handler.messages == ["whole"]
    assert (connection.how.code, connection.how.by_peer) == (1006, True)
    assert connection.link.close_code == 1006


@KINDS
@SIDES
async def test_a_close_of_the_peer_is_answered_and_returned_after_all_messages(kind: str, side: Side) -> None:
    async with connect(kind, side) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        close = peer_frame(side, Opcode.CLOSE, b"\x0b\xb8why")
        await connection.raw.send_all(connection.frame("last") + close + connection.frame("behind"))
        if side is Side.CLIENT and kind == "memory":
            await trio.testing.wait_all_tasks_blocked()
            await connection.raw.aclose()  # the server closes first
        else:
            _, end = await connection.read_to_end() if side is Side.SERVER else (None, LinkClosed(3000, by_peer=False))
            assert end.code == 3000
            await connection.raw.aclose()
    assert connection.handler.messages == ["last"]
    assert (connection.how.code, connection.how.reason, connection.how.by_peer) == (3000, "why", True)


@KINDS
async def test_a_violation_is_answered_with_its_code_and_ends_the_link(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await connection.raw.send_all(connection.frame("fine") + peer_frame(Side.SERVER, Opcode.TEXT, b"\xff"))
        _, end = await connection.read_to_end()
        await connection.raw.aclose()
    assert (end.code, end.by_peer) == (1007, True)
    assert connection.handler.messages == ["fine"]
    assert (connection.how.code, connection.how.by_peer) == (1007, False)


@KINDS
async def test_what_was_read_behind_the_handshake_comes_first_and_in_slices(kind: str) -> None:
    number = 3 * FRAMES_PER_SLICE
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        link = connection.link
        early = b"".join(connection.frame(f"{at}") for at in range(number))
        ping = peer_frame(Side.SERVER, Opcode.PING, b"early")
        kept = WebSocketLink(link._link.stream, Side.SERVER, trailing_data=early + ping)
        connection.link = type(link)(kept, max_unsent_bytes=1000, make_carrier=link._make_carrier)
        connection.handler = Recorder(lambda message: connection.link.pause() if message == "40" else None)
        nursery.start_soon(connection.run)
        await connection.send("later")
        await connection.handler.until_messages(41)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(connection.handler.messages) == 41
        connection.link.resume()
        await connection.handler.until_messages(number + 1)
        assert connection.handler.messages == [*(f"{at}" for at in range(number)), "later"]
        assert connection.handler.control_frames == 1
        nursery.cancel_scope.cancel()


async def test_a_ping_behind_the_handshake_is_answered_before_the_message_behind_it() -> None:
    side = Side.SERVER
    async with connect("memory") as connection, trio.open_nursery() as nursery:
        early = peer_frame(side, Opcode.PING, b"early") + connection.frame("hello")
        kept = WebSocketLink(connection.link._link.stream, side, trailing_data=early)
        link = connection.link = PushLink(kept, max_unsent_bytes=1000, make_carrier=StreamCarrier)
        connection.handler = Recorder(lambda _: link.send_raw(b"answer"))
        nursery.start_soon(connection.run)
        expected, got = Frame(Opcode.PONG, b"early").serialize(mask=False) + b"answer", b""
        while len(got) < len(expected):
            got += await connection.raw.receive_some()
        assert got == expected
        nursery.cancel_scope.cancel()


async def test_a_message_of_the_pulling_side_may_be_kept_for_the_pushing_one() -> None:
    async with connect("memory") as connection, trio.open_nursery() as nursery:
        await connection.send("first", b"second", "third")
        assert await connection.link._link.receive() == "first"
        nursery.start_soon(connection.run)
        await connection.handler.until_messages(2)
        assert connection.handler.messages == [b"second", "third"]
        nursery.cancel_scope.cancel()


async def test_fragments_and_control_frames_are_counted_for_the_handler() -> None:
    async with connect("memory") as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        side = connection.side
        await connection.raw.send_all(
            peer_frame(side, Opcode.TEXT, b"a", fin=False) + peer_frame(side, Opcode.CONT, b"b")
        )
        await connection.raw.send_all(peer_frame(side, Opcode.PONG, b"unasked") + connection.frame("whole"))
        await connection.handler.until(lambda: connection.handler.control_frames == 3)
        await connection.handler.until_messages(2)
        assert connection.handler.messages == ["ab", "whole"]
        nursery.cancel_scope.cancel()


async def test_the_time_of_a_message_is_that_of_its_read(autojump_clock: trio.testing.MockClock) -> None:
    async with connect("memory") as connection, trio.open_nursery() as nursery:
        times = []
        connection.handler = Recorder(lambda _: times.append(connection.link.now))
        nursery.start_soon(connection.run)
        for _ in range(3):
            await trio.sleep(1)
            await connection.send("x", "y")
            await connection.handler.until_messages(2 * len(times) // 2)
            await trio.testing.wait_all_tasks_blocked()
        assert times == [1, 1, 2, 2, 3, 3]
        assert autojump_clock.current_time() == 3
        nursery.cancel_scope.cancel()


async def test_a_message_that_is_too_large_is_told_once_and_the_link_can_still_send() -> None:
    async with connect("memory", max_size=100, defer_close=True) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await connection.send("fine", "x" * 101, "ignored")
        await connection.handler.until(lambda: connection.handler.too_large)
        assert connection.link.paused
        connection.link.send_text(b"too large")
        connection.link.resume()
        await connection.send("ignored too")
        await trio.testing.wait_all_tasks_blocked()
        assert (connection.handler.messages, len(connection.handler.too_large)) == (["fine"], 1)
        nursery.cancel_scope.cancel()
    assert "101" in connection.handler.too_large[0]


def test_a_link_needs_no_more_than_a_stream_and_a_side() -> None:
    async def main() -> None:
        ours, _ = trio.testing.memory_stream_pair()
        link = push_link(ours, Side.CLIENT)
        assert (link.peer, link.pings_outstanding, link.pings_received, link.close_code, link.close_reason) == (
            *("test", 0, 0),
            *(None, ""),
        )

    trio.run(main)
