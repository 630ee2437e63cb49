"""Receiving: messages, violations, the end; cancelling loses nothing."""

from __future__ import annotations

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport.link import Link
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
