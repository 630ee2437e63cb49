"""Closing: which frames are sent, who closes the stream, and how long it may take."""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import partial

import pytest
import trio
import trio.lowlevel
import trio.testing
from websockets.frames import Frame, Opcode
from websockets.protocol import Side

from bridge.transport.codec import Codec
from bridge.transport.frame_cutter import FRAMES_PER_SLICE
from bridge.transport.link import LinkClosed
from bridge.transport.memory import memory_link_pair
from bridge.transport.websocket import CLOSE_SECONDS, MAX_CROSSING_FRAMES, WebSocketLink
from tests.transport.raw_peer import SIDES, CloggedStream, closed_with, link_and_peer, peer_frame, read_to_end


@SIDES
@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"\xc1\x00", 1002), (b"\x81\xff" + b"\xff" * 8, 1009)],
    ids=["reserved bit", "length beyond everything"],
)
async def test_a_violation_ends_in_a_close_frame_and_a_closed_stream(
    side: Side, payload: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    if side is Side.CLIENT:
        payload = payload[:1] + bytes([payload[1] & 0x7F]) + payload[2:]
    elif payload[1] == 0:
        payload = payload[:1] + b"\x80" + bytes(4)
    link, raw = link_and_peer(side)
    await raw.send_all(peer_frame(side, Opcode.TEXT, b"before") + payload)
    async with trio.open_nursery() as nursery:
        results: list[tuple[Codec, float]] = []

        async def peer_that_never_closes() -> None:
            results.append(await read_to_end(raw, side))

        nursery.start_soon(peer_that_never_closes)
        assert await link.receive() == "before"
        end = await closed_with(link)
    assert (end.code, end.by_peer) == (code, False)
    assert (link.close_code, link.close_reason) == (end.code, end.reason)
    [(codec, when)] = results
    assert codec.close_exception().code == code
    assert when == 0  # raised at once; the rest is the wait for a peer that never closes
    assert autojump_clock.current_time() == CLOSE_SECONDS
    with pytest.raises(trio.BrokenResourceError):
        await raw.send_all(b"more")


@SIDES
async def test_a_close_of_the_peer_is_raised_after_its_messages(
    side: Side, autojump_clock: trio.testing.MockClock
) -> None:
    link, raw = link_and_peer(side)
    close = peer_frame(side, Opcode.CLOSE, struct.pack("!H", 4004) + b"gone")
    await raw.send_all(peer_frame(side, Opcode.TEXT, b"error") + close)
    assert await link.receive() == "error"
    end = await closed_with(link)
    assert (end.code, end.reason, end.by_peer) == (4004, "gone", True)
    assert str(end) == "closed by the peer: 4004 gone"
    codec, _ = await read_to_end(raw, side)
    assert codec.close_exception().code == 4004
    assert autojump_clock.current_time() == (0 if side is Side.SERVER else CLOSE_SECONDS)  # the server lets go first


@SIDES
async def test_an_end_without_a_close_is_1006(side: Side) -> None:
    link, raw = link_and_peer(side)
    await raw.aclose()
    end = await closed_with(link)
    assert (end.code, end.by_peer) == (1006, True)
    with pytest.raises(LinkClosed):
        await link.send_text("too late")


@SIDES
async def test_close_is_bounded_when_the_peer_does_not_answer(
    side: Side, autojump_clock: trio.testing.MockClock
) -> None:
    link, raw = link_and_peer(side)
    await link.close(1001, "bye")
    assert autojump_clock.current_time() == CLOSE_SECONDS
    codec, _ = await read_to_end(raw, side)
    assert (codec.close_exception().code, codec.close_exception().reason) == (1001, "bye")
    assert (await closed_with(link)).code is None


async def test_close_is_bounded_when_nothing_can_be_written(autojump_clock: trio.testing.MockClock) -> None:
    ours, _theirs = trio.testing.memory_stream_pair()
    link = WebSocketLink(CloggedStream(ours), Side.SERVER)
    async with trio.open_nursery() as nursery:

        async def blocked_sender() -> None:
            with pytest.raises(LinkClosed):
                await link.send_text("a")

        nursery.start_soon(blocked_sender)
        await trio.testing.wait_all_tasks_blocked()
        await link.close()
        assert autojump_clock.current_time() == CLOSE_SECONDS
        nursery.cancel_scope.cancel()  # the fake's own wait; a real stream fails the write by itself


async def test_closing_while_another_task_receives_ends_both() -> None:
    client, server = memory_link_pair()
    ends: dict[str, LinkClosed] = {}

    async def receive(name: str, link: WebSocketLink) -> None:
        ends[name] = await closed_with(link)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive, "client", client)
        nursery.start_soon(receive, "server", server)
        await trio.testing.wait_all_tasks_blocked()
        await client.close(1000, "done")
        await client.close()
    assert (ends["client"].code, ends["client"].by_peer) == (1000, False)
    assert (ends["server"].code, ends["server"].reason, ends["server"].by_peer) == (1000, "done", True)


async def test_closing_does_not_wait_for_a_cancelled_receiver() -> None:
    client, server = memory_link_pair()
    for _ in range(50):
        await server.send_text("more")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(closed_with, server)
        assert await client.receive() == "more"
        with trio.fail_after(CLOSE_SECONDS / 2):
            await client.close()
    assert client.close_code == 1000
    with pytest.raises(LinkClosed):  # what arrives after our Close is dropped
        await client.receive()


async def test_closing_from_two_tasks_sends_one_close(autojump_clock: trio.testing.MockClock) -> None:
    link, raw = link_and_peer(Side.SERVER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.close, 1001)
        nursery.start_soon(link.close, 1000)
        await trio.testing.wait_all_tasks_blocked()
        sent = bytes(await raw.receive_some())
        await raw.send_all(peer_frame(Side.SERVER, Opcode.CLOSE, sent[2:4]))
    assert sent in {b"\x88\x02" + struct.pack("!H", code) for code in (1000, 1001)}
    assert await raw.receive_some() == b""
    assert autojump_clock.current_time() < CLOSE_SECONDS


async def test_a_send_while_we_close_is_refused_and_does_not_hide_the_peers_close() -> None:
    link, raw = link_and_peer(Side.SERVER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.close)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(LinkClosed) as caught:
            await link.send_text("late")
        await raw.send_all(peer_frame(Side.SERVER, Opcode.TEXT, b"crossing"))
        await trio.testing.wait_all_tasks_blocked()
        await raw.send_all(peer_frame(Side.SERVER, Opcode.CLOSE, struct.pack("!H", 1000)))
    assert (caught.value.code, caught.value.by_peer) == (None, False)
    assert link.close_code == 1000


async def test_both_sides_may_close_at_once() -> None:
    client, server = memory_link_pair()
    with trio.fail_after(CLOSE_SECONDS / 2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.close)
            nursery.start_soon(partial(server.close, 4000))
    assert (client.close_code, server.close_code) == (4000, 1000)


@SIDES
async def test_frames_that_cross_our_close_do_not_hide_the_peers_close(
    side: Side, autojump_clock: trio.testing.MockClock
) -> None:
    link, raw = link_and_peer(side)

    async def peer() -> None:
        await raw.receive_some()  # our Close
        for crossing in (b"one", b"two"):
            await raw.send_all(peer_frame(side, Opcode.TEXT, crossing))
            await trio.sleep(0.1)
        await raw.send_all(peer_frame(side, Opcode.CLOSE, struct.pack("!H", 1000)))
        await raw.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer)
        await link.close()
    assert link.close_code == 1000
    assert autojump_clock.current_time() < CLOSE_SECONDS


@pytest.mark.parametrize("opcode", [Opcode.PONG, Opcode.TEXT], ids=["control frames", "messages"])
async def test_little_is_decoded_of_a_peer_that_keeps_sending_after_our_close(
    opcode: Opcode, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, raw = link_and_peer(Side.SERVER)
    decoded, taken, at_once, longest = 0, 0, 0, 0
    handle = Codec._handle

    def counting(codec: Codec, frame: Frame) -> None:
        nonlocal decoded, at_once
        decoded += 1
        at_once += 1
        handle(codec, frame)

    monkeypatch.setattr(Codec, "_handle", counting)
    pieces = peer_frame(Side.SERVER, opcode) * 1000

    async def peer() -> None:
        nonlocal taken
        await raw.receive_some()  # our Close
        with suppress(trio.BrokenResourceError):
            for _ in range(50):
                await raw.send_all(pieces)
                taken += len(pieces)
                await trio.lowlevel.checkpoint()

    async def bystander() -> None:
        nonlocal at_once, longest
        while taken < 40 * len(pieces):  # then it must not keep the clock from jumping
            longest, at_once = max(longest, at_once), 0
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer)
        nursery.start_soon(bystander)
        await link.close(1008)
    assert MAX_CROSSING_FRAMES < decoded <= MAX_CROSSING_FRAMES + FRAMES_PER_SLICE
    assert longest <= 2 * FRAMES_PER_SLICE, "others have their turn after each slice"
    assert taken == 50 * len(pieces), "all of it was read, so that no reset discards our Close frame"
    assert autojump_clock.current_time() == CLOSE_SECONDS


async def test_a_cancelled_close_closes_the_stream_at_once() -> None:
    link, raw = link_and_peer(Side.CLIENT)
    with trio.move_on_after(0):
        await link.close()
    with trio.fail_after(1):
        while await raw.receive_some():
            pass
    assert (await closed_with(link)).code is None


async def test_1005_sends_a_close_without_a_code() -> None:
    client, server = memory_link_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.close, 1005)
        assert (await closed_with(server)).code == 1005


@pytest.mark.parametrize("code", [1006, 1015, 999, 5000])
async def test_a_code_that_cannot_be_sent_is_a_value_error_and_changes_nothing(code: int) -> None:
    client, server = memory_link_pair()
    with pytest.raises(ValueError, match=str(code)):
        await client.close(code)
    await client.send_text("still open")
    assert await server.receive() == "still open"


async def test_a_reason_that_is_too_long_is_truncated() -> None:
    client, server = memory_link_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.close, 4000, "x" * 200)
        assert (await closed_with(server)).reason == "x" * 123


@pytest.mark.parametrize(("fails", "code"), [(False, 1000), (True, 1011)])
async def test_leaving_the_context_closes(fails: bool, code: int) -> None:
    client, server = memory_link_pair()
    ends: list[LinkClosed] = []

    async def receive() -> None:
        ends.append(await closed_with(server))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        with suppress(ZeroDivisionError):
            async with client:
                assert 1 / (not fails)
    assert ends[0].code == code


async def test_sending_after_the_peers_close_raises_its_code_and_reason() -> None:
    client, server = memory_link_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.close, 3000, "key")
        await closed_with(client)
    with pytest.raises(LinkClosed) as caught:
        await client.send_text("x")
    assert (caught.value.code, caught.value.reason, caught.value.by_peer) == (3000, "key", True)


async def test_abort_ends_a_waiting_receive() -> None:
    link, raw = link_and_peer(Side.CLIENT)
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            end = await closed_with(link)
            assert (end.code, end.by_peer) == (None, False)

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        await link.abort()
    assert await raw.receive_some() == b""
