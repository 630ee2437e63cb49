"""Receiving: messages, violations, the end; cancelling loses nothing."""

from __future__ import annotations

import struct

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport.link import Link, LinkClosed, MessageTooLarge
from bridge.transport.memory import memory_link_pair
from bridge.transport.websocket import CLOSE_SECONDS, WebSocketLink
from tests.transport.raw_peer import SIDES, closed_with, link_and_peer, peer_frame, read_to_end


async def test_text_and_binary_go_both_ways() -> None:
    client, server = memory_link_pair()
    await client.send_text("grüße")
    await client.send_text("grüße".encode())
    await client.send_binary(b"\x00\xff")
    assert [await server.receive() for _ in range(3)] == ["grüße", "grüße", b"\x00\xff"]
    await server.send_text("")
    assert await client.receive() == ""
    assert isinstance(client, Link)


@SIDES
async def test_text_that_is_not_utf8_is_answered_with_1007(side: Side, autojump_clock: trio.testing.MockClock) -> None:
    link, peer = link_and_peer(side)
    await peer.send_all(peer_frame(side, Opcode.TEXT, b"\xff\xfe"))
    end = await closed_with(link)
    codec, _ = await read_to_end(peer, side)
    assert (end.code, codec.close_exception().code) == (1007, 1007)
    assert autojump_clock.current_time() <= CLOSE_SECONDS


@SIDES
async def test_three_hundred_thousand_empty_fragments_are_refused(
    side: Side,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - the clock must jump over the bounded wait
) -> None:
    link, peer = link_and_peer(side)
    flood = peer_frame(side, Opcode.TEXT, b"", fin=False) + peer_frame(side, Opcode.CONT, b"", fin=False) * 300_000
    await peer.send_all(flood)
    end = await closed_with(link)
    codec, _ = await read_to_end(peer, side)
    assert (end.code, codec.close_exception().code) == (1009, 1009)


@settings(max_examples=25, deadline=None)
@given(
    messages=st.lists(st.text(max_size=60) | st.binary(max_size=60), min_size=1, max_size=6),
    size=st.integers(1, 20),
    slices=st.integers(1, 9),
)
async def test_cancelling_receive_loses_nothing(messages: list[str | bytes], size: int, slices: int) -> None:
    sender, peer = link_and_peer(Side.CLIENT)
    receiver_stream, feed = trio.testing.memory_stream_pair()
    receiver = WebSocketLink(receiver_stream, Side.SERVER)
    got: list[str | bytes] = []
    for message in messages:
        await sender.send_fragments(message, size)
        data = bytes(await peer.receive_some(100_000))
        for at in range(0, len(data), slices):
            await feed.send_all(data[at : at + slices])
            with trio.CancelScope() as scope:
                scope.cancel() if at % 2 else None
                while len(got) < len(messages):
                    with trio.move_on_after(0) as impatient:
                        got.append(await receiver.receive())
                    if impatient.cancelled_caught:
                        break
    while len(got) < len(messages):
        got.append(await receiver.receive())
    assert got == messages


async def test_bytes_read_behind_the_handshake_belong_to_the_link() -> None:
    ours, _ = trio.testing.memory_stream_pair()
    early = peer_frame(Side.SERVER, Opcode.TEXT, b"at once") + peer_frame(Side.SERVER, Opcode.TEXT, b"cut")[:-1]
    link = WebSocketLink(ours, Side.SERVER, trailing_data=early)
    assert await link.receive() == "at once"


async def test_a_violation_right_behind_the_handshake_is_answered(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = trio.testing.memory_stream_pair()
    link = WebSocketLink(ours, Side.SERVER, trailing_data=b"\x83\x80" + bytes(4))
    assert (await closed_with(link)).code == 1002
    assert (await read_to_end(peer, Side.SERVER))[0].close_exception().code == 1002
    assert autojump_clock.current_time() <= CLOSE_SECONDS


async def test_a_message_over_the_limit_is_1009_and_one_at_the_limit_passes() -> None:
    client, server = memory_link_pair(max_size=10)
    await client.send_text("x" * 10)
    assert await server.receive() == "x" * 10
    await client.send_text("x" * 11)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(closed_with, client)
        assert (await closed_with(server)).code == 1009
    assert client.close_code == 1009


async def test_with_a_deferred_close_a_message_over_the_limit_is_raised_and_the_link_can_still_send(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client, server = memory_link_pair(max_size=10, defer_close=True)
    await client.send_text("before")
    await client.send_text("x" * 11)
    await client.send_text("behind")
    assert await server.receive() == "before"
    for _ in range(2):
        with pytest.raises(MessageTooLarge, match="11"):
            await server.receive()
    await server.send_text("sorry")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.close, 1009, "big")
        assert await client.receive() == "sorry"
        end = await closed_with(client)
    assert (end.code, end.reason, end.by_peer) == (1009, "big", True)
    assert (server.close_code, (await closed_with(server)).by_peer) == (1009, False)
    assert autojump_clock.current_time() < CLOSE_SECONDS


async def test_a_deferred_close_does_not_wait_for_what_follows_the_message_over_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, raw = trio.testing.memory_stream_pair()
    link = WebSocketLink(ours, Side.SERVER, max_size=10, defer_close=True)
    await raw.send_all(peer_frame(Side.SERVER, Opcode.TEXT, b"x" * 11))
    with pytest.raises(MessageTooLarge):
        await link.receive()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.close, 1009)
        codec, when = await read_to_end(raw, Side.SERVER)
    assert (codec.close_exception().code, when) == (1009, 0), "our half of the stream ends at once"
    assert autojump_clock.current_time() == CLOSE_SECONDS, "the peer gets its time to read that"


async def test_a_stream_that_breaks_while_it_is_read_is_1006() -> None:
    async def reset() -> None:
        raise trio.BrokenResourceError

    broken = trio.testing.MemoryReceiveStream(receive_some_hook=reset)
    link = WebSocketLink(trio.StapledStream(trio.testing.MemorySendStream(), broken), Side.SERVER)
    end = await closed_with(link)
    assert (end.code, end.by_peer) == (1006, True)


async def test_frames_that_are_not_whole_messages_are_reported_after_each_read() -> None:
    link, peer = link_and_peer(Side.SERVER)
    reported: list[int] = []
    link.on_control_frames = reported.append
    ping, text = peer_frame(Side.SERVER, Opcode.PING), peer_frame(Side.SERVER, Opcode.TEXT, b"whole")
    for piece in (ping * 3 + text, text, peer_frame(Side.SERVER, Opcode.TEXT, fin=False) + ping):
        await peer.send_all(piece)
        with trio.move_on_after(1):
            await link.receive()
    assert reported == [3, 2]


async def test_a_close_right_behind_the_handshake_is_why_nothing_can_be_sent() -> None:
    ours, _ = trio.testing.memory_stream_pair()
    early = peer_frame(Side.SERVER, Opcode.CLOSE, struct.pack("!H", 3000) + b"key")
    link = WebSocketLink(ours, Side.SERVER, trailing_data=early)
    with pytest.raises(LinkClosed) as caught:
        await link.send_text("x")
    assert (caught.value.code, caught.value.reason, caught.value.by_peer) == (3000, "key", True)
    assert (await closed_with(link)).code == 3000
