"""Reading more slowly, handing a link from one handler to the next, and handlers that raise or cancel their own run."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
import trio.testing
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport.codec import Codec
from bridge.transport.frame_cutter import FRAMES_PER_SLICE
from bridge.transport.websocket import CLOSE_SECONDS
from tests.transport.push_harness import KINDS, Recorder, connect
from tests.transport.raw_peer import CloggedStream, peer_frame

NUMBERS = [f"{number}" for number in range(3 * FRAMES_PER_SLICE)]


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked(0.002)


@KINDS
@pytest.mark.parametrize("stop_at", [0, 5, FRAMES_PER_SLICE - 1, FRAMES_PER_SLICE, len(NUMBERS) - 1])
async def test_a_pause_holds_at_once_and_resuming_goes_on_with_the_next_message(kind: str, stop_at: int) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        link = connection.link
        connection.handler = Recorder(lambda message: link.pause() if message == f"{stop_at}" else None)
        nursery.start_soon(connection.run)
        await connection.send(*NUMBERS)
        await connection.handler.until_messages(stop_at + 1)
        await settle()
        assert connection.handler.messages == NUMBERS[: stop_at + 1]
        link.pause()
        await connection.send("behind")
        await settle()
        assert connection.handler.messages == NUMBERS[: stop_at + 1]
        link.resume()
        link.resume()
        await connection.handler.until_messages(len(NUMBERS) + 1)
        assert connection.handler.messages == [*NUMBERS, "behind"]
        nursery.cancel_scope.cancel()


@KINDS
async def test_a_pause_while_a_read_waits_holds_what_it_reads(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.run)
        await settle()
        connection.link.pause()
        connection.link.pause()
        await connection.send("1", "2")
        await settle()
        assert connection.handler.messages == []
        connection.link.resume()
        await connection.handler.until_messages(2)
        assert connection.handler.messages == ["1", "2"]
        nursery.cancel_scope.cancel()


@KINDS
async def test_a_link_may_be_paused_before_it_runs_and_sends_meanwhile(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        connection.link.pause()
        await connection.send(*NUMBERS)
        connection.link.send_text(b"written all the same")
        nursery.start_soon(connection.run)
        assert await connection.read(1) == ["written all the same"]
        await settle()
        assert connection.handler.messages == []
        connection.link.resume()
        await connection.handler.until_messages(len(NUMBERS))
        nursery.cancel_scope.cancel()


@KINDS
async def test_resuming_does_not_wait_until_the_stream_takes_more(kind: str) -> None:
    async with connect(kind, max_unsent_bytes=50_000) as connection, trio.open_nursery() as nursery:
        link = connection.link
        if kind in {"memory", "tcp without reactor"}:
            link._link.stream = CloggedStream(link._link.stream)
        connection.handler = Recorder(lambda message: link.pause() if message == "3" else None)
        nursery.start_soon(connection.run)
        while link.send_binary(b"x" * 9000):
            pass
        await connection.send(*NUMBERS)
        await connection.handler.until_messages(4)
        link.resume()
        await connection.handler.until_messages(len(NUMBERS))
        assert connection.handler.messages == NUMBERS
        nursery.cancel_scope.cancel()


@KINDS
async def test_a_pause_that_is_taken_back_in_the_same_call_changes_nothing(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        link = connection.link

        def pause_and_resume(_: str | bytes) -> None:
            link.pause()
            link.resume()

        connection.handler = Recorder(pause_and_resume)
        nursery.start_soon(connection.run)
        await connection.send(*NUMBERS)
        await connection.handler.until_messages(len(NUMBERS))
        assert connection.handler.messages == NUMBERS
        nursery.cancel_scope.cancel()


@KINDS
@pytest.mark.parametrize("size", [1, 3000], ids=["small", "large"])
async def test_from_one_handler_to_the_next_no_message_is_lost(kind: str, size: int) -> None:
    """The peer sends all the time; each handler cancels its own run after some messages."""
    messages = [number * size for number in NUMBERS]
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        nursery.start_soon(connection.send, *messages)
        got: list[str | bytes] = []
        for begin, end in pairwise([0, 1, 2, 40, 41, 70, len(messages)]):
            with trio.CancelScope() as scope:

                def leave(message: str | bytes, last: str = messages[end - 1], scope: trio.CancelScope = scope) -> None:
                    if message == last:
                        connection.link.pause()
                        scope.cancel()

                connection.handler = Recorder(leave)
                connection.link.resume()
                await connection.run()
            assert scope.cancelled_caught
            assert connection.handler.messages == messages[begin:end]
            got += connection.handler.messages
        assert got == messages


@KINDS
async def test_a_link_closed_by_its_own_callback_says_all_it_had_to_say(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        link, scope = connection.link, trio.CancelScope()

        def leave(_: str | bytes) -> None:
            link.send_text(b"goodbye")
            scope.cancel()

        connection.handler = Recorder(leave)

        async def run_and_close() -> None:
            with scope:
                await connection.run()
            await link.close(4001, "done")

        nursery.start_soon(run_and_close)
        await connection.send("leave")
        messages, end = await connection.read_to_end()
        await connection.raw.aclose()
    assert messages == ["goodbye"]
    assert (end.code, end.reason) == (4001, "done")


@KINDS
async def test_a_close_that_was_received_and_not_handled_yet_is_not_waited_for_again(kind: str) -> None:
    async with connect(kind) as connection:
        with trio.CancelScope() as scope:

            def leave(_: str | bytes) -> None:
                connection.link.pause()
                scope.cancel()

            connection.handler = Recorder(leave)
            close = peer_frame(Side.SERVER, Opcode.CLOSE, b"\x0f\xa0theirs")
            await connection.raw.send_all(b"".join(map(connection.frame, NUMBERS)) + close)
            await connection.run()
        began = trio.current_time()
        await connection.link.close()
        assert trio.current_time() - began < CLOSE_SECONDS
        assert (connection.link.close_code, connection.link.close_reason) == (4000, "theirs")


@KINDS
async def test_messages_that_a_run_left_can_be_asked_for(kind: str) -> None:
    async with connect(kind) as connection:
        with trio.CancelScope() as scope:

            def leave(_: str | bytes) -> None:
                connection.link.pause()
                scope.cancel()

            connection.handler = Recorder(leave)
            await connection.send(*NUMBERS)
            await connection.run()
        assert [await connection.link._link.receive() for _ in NUMBERS[1:]] == NUMBERS[1:]


@KINDS
async def test_while_a_link_closes_its_handler_hears_no_more(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        with trio.move_on_after(0.1):
            await connection.run()
        nursery.start_soon(connection.link.close)
        await connection.raw.send_all(connection.frame("crossing") + peer_frame(Side.SERVER, Opcode.CLOSE, b"\x03\xe8"))
        await connection.read_to_end()
    assert connection.handler.messages == []
    assert connection.link.close_code == 1000


class Failing(Recorder):
    """A handler with a bug in one of its methods."""

    def __init__(self, method: str) -> None:
        super().__init__()
        setattr(self, method, self._fail)

    def _fail(self, *_: object) -> None:
        raise ZeroDivisionError("a bug")


@KINDS
@pytest.mark.parametrize("method", ["on_text", "on_binary", "on_control_frames", "on_too_large"])
async def test_what_a_handler_raises_ends_its_run_and_leaves_the_link_open_for_a_close(kind: str, method: str) -> None:
    side = Side.SERVER
    frames = {
        "on_text": peer_frame(side, Opcode.TEXT, b"x"),
        "on_binary": peer_frame(side, Opcode.BINARY, b"x" * 70_000),
        "on_control_frames": peer_frame(side, Opcode.PONG),
        "on_too_large": peer_frame(side, Opcode.TEXT, b"x" * 80_001),
    }
    async with connect(kind, max_size=80_000, defer_close=True) as connection, trio.open_nursery() as nursery:
        connection.handler = Failing(method)

        async def run_and_close() -> None:
            connection.link.send_text(b"before")
            for _ in range(2):
                with pytest.raises(ZeroDivisionError, match="a bug"):
                    await connection.run()
            await connection.link.close(1011)

        nursery.start_soon(run_and_close)
        await connection.raw.send_all(frames[method] + connection.frame("behind"))
        messages, end = await connection.read_to_end()
        await connection.raw.aclose()
    assert (messages, end.code) == (["before"], 1011)


@KINDS
async def test_what_is_raised_when_all_is_written_ends_the_run_too(kind: str) -> None:
    async with connect(kind) as connection:

        def fail(_messages: int, _age: float) -> None:
            raise ZeroDivisionError("a bug")

        connection.link.on_written = fail
        connection.link.send_text(b"x", read_at=0.0)
        with pytest.raises(ZeroDivisionError):
            await connection.run()


@KINDS
async def test_an_error_of_one_session_does_not_reach_another(kind: str) -> None:
    async with connect(kind) as failing, connect(kind) as fine, trio.open_nursery() as nursery:
        failing.handler = Failing("on_text")
        nursery.start_soon(fine.run)
        await failing.send("x")
        with pytest.raises(ZeroDivisionError):
            await failing.run()
        await fine.send("x")
        await fine.handler.until_messages(1)
        nursery.cancel_scope.cancel()


async def test_a_frame_whose_handler_raised_counts_as_taken() -> None:
    for opcode, size in ((Opcode.TEXT, 5), (Opcode.TEXT, 70_000), (Opcode.BINARY, 70_000)):
        codec = Codec(Side.SERVER, max_size=None, max_fragments=10)
        failing = Failing("on_text")
        codec.on_text = codec.on_binary = failing.on_text
        data = peer_frame(Side.SERVER, opcode, b"x" * size) + peer_frame(Side.SERVER, Opcode.TEXT, b"behind")
        with pytest.raises(ZeroDivisionError):
            codec.receive_data(data)
        codec.keep_messages()
        assert not codec.cut()
        assert list(codec.messages) == ["behind"]
        assert codec.is_open


@KINDS
async def test_a_message_that_took_long_lets_others_have_their_turn_before_the_next(kind: str) -> None:
    async with connect(kind) as connection, trio.open_nursery() as nursery:
        rounds, seen = 0, []

        def long(_: str | bytes) -> None:
            seen.append(rounds)
            connection.link.end_slice()

        async def other() -> None:
            nonlocal rounds
            while True:
                rounds += 1
                await trio.lowlevel.checkpoint()

        connection.handler = Recorder(long)
        await connection.send(*NUMBERS)
        nursery.start_soon(other)
        nursery.start_soon(connection.run)
        await connection.handler.until_messages(len(NUMBERS))
        nursery.cancel_scope.cancel()
    assert connection.handler.messages == NUMBERS
    assert all(earlier < later for earlier, later in zip(seen, seen[2:], strict=False))  # each runs once, in any order
