"""Sending, pings and pongs: messages stay whole and in order, and what breaks the link."""

from __future__ import annotations

import struct

import pytest
import trio
import trio.testing
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.transport.link import LinkClosed
from bridge.transport.memory import memory_link_pair
from bridge.transport.websocket import PONG_SECONDS, WebSocketLink
from tests.transport.raw_peer import CloggedStream, closed_with, link_and_peer, peer_codec, peer_frame


async def test_pings_are_answered_while_receiving() -> None:
    link, peer = link_and_peer(Side.SERVER)
    pings = b"".join(peer_frame(Side.SERVER, Opcode.PING, bytes([number])) for number in range(3))
    await peer.send_all(pings + peer_frame(Side.SERVER, Opcode.TEXT, b"hi"))
    assert await link.receive() == "hi"
    answer = bytes(await peer.receive_some())
    assert answer == b"".join(bytes([0x8A, 1, number]) for number in range(3))
    assert link.pings_received == 3


async def test_a_pong_never_comes_between_the_halves_of_a_frame() -> None:
    ours, peer = trio.testing.memory_stream_pair()
    stream = CloggedStream(ours)
    link = WebSocketLink(stream, Side.SERVER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.send_text, "a long frame")
        await trio.testing.wait_all_tasks_blocked()
        await peer.send_all(peer_frame(Side.SERVER, Opcode.PING, b"p") + peer_frame(Side.SERVER, Opcode.TEXT, b"hi"))
        assert await link.receive() == "hi"  # reading goes on while the write is stuck
        stream.unclog.set()
    codec = peer_codec(Side.SERVER)
    codec.send_ping(b"p", 0.0)
    while codec.pongs_received == 0:
        codec.receive_data(await peer.receive_some())
    assert list(codec.messages) == ["a long frame"]
    assert (codec.pongs_received, codec.pings_outstanding) == (1, 0)


async def test_cancelling_receive_in_the_middle_of_a_pong_does_not_break_the_link() -> None:
    ours, peer = trio.testing.memory_stream_pair()
    stream = CloggedStream(ours)
    link = WebSocketLink(stream, Side.SERVER)
    await peer.send_all(peer_frame(Side.SERVER, Opcode.PING, b"p"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.receive)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        stream.unclog.set()
    await link.send_text("whole")
    codec = peer_codec(Side.SERVER)
    while not codec.messages:
        codec.receive_data(await peer.receive_some())
    assert (codec.pongs_received, list(codec.messages)) == (1, ["whole"])


async def test_a_link_to_a_peer_that_pings_and_never_reads_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    ours, peer = trio.testing.memory_stream_pair()
    link = WebSocketLink(CloggedStream(ours), Side.SERVER)
    await peer.send_all(peer_frame(Side.SERVER, Opcode.PING, b"p"))
    end = await closed_with(link)
    assert (end.code, end.by_peer) == (None, False)
    assert "pongs" in end.reason
    assert autojump_clock.current_time() == PONG_SECONDS


async def test_a_pong_that_cannot_be_written_does_not_hide_the_last_messages_of_the_peer() -> None:
    link, peer = link_and_peer(Side.SERVER)
    peer.receive_stream.close()
    for last_words in (b"one", b"two"):
        await peer.send_all(peer_frame(Side.SERVER, Opcode.PING) + peer_frame(Side.SERVER, Opcode.TEXT, last_words))
        assert await link.receive() == last_words.decode()
    with pytest.raises(LinkClosed) as caught:
        await link.send_text("x")
    assert (caught.value.code, caught.value.by_peer) == (1006, True)


async def test_reading_waits_when_too_many_pongs_are_pending() -> None:
    ours, peer = trio.testing.memory_stream_pair()
    stream = CloggedStream(ours)
    link = WebSocketLink(stream, Side.SERVER)
    flood = peer_frame(Side.SERVER, Opcode.PING, b"x" * 100) * 2000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.send_text, "stuck")
        await peer.send_all(flood)
        nursery.start_soon(closed_with, link)
        await trio.testing.wait_all_tasks_blocked()
        assert 0 < link.pings_received < 2000
        stream.unclog.set()
        await trio.testing.wait_all_tasks_blocked()
        assert link.pings_received == 2000
        await peer.aclose()


async def test_a_send_that_is_cancelled_while_writing_breaks_the_link() -> None:
    ours, peer = trio.testing.memory_stream_pair()
    stream = CloggedStream(ours)
    link = WebSocketLink(stream, Side.CLIENT)
    with trio.move_on_after(0.01):
        await link.send_text("never whole")
    stream.unclog.set()
    for send in (link.send_text("x"), link.send_binary(b"x"), link.send_fragments("x", 1), link.ping()):
        with pytest.raises(LinkClosed, match="half a frame") as caught:
            await send
        assert caught.value.code is None
    await link.close()
    assert len(await peer.receive_some()) == 1  # and nothing behind the half
    assert await peer.receive_some() == b""


async def test_a_send_that_is_cancelled_before_its_turn_is_harmless() -> None:
    ours, peer = trio.testing.memory_stream_pair()
    stream = CloggedStream(ours)
    link = WebSocketLink(stream, Side.SERVER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.send_text, "first")
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.01):
            await link.send_text("second")
        stream.unclog.set()
    await link.send_text("third")
    codec = peer_codec(Side.SERVER)
    codec.receive_data(await peer.receive_some())
    assert list(codec.messages) == ["first", "third"]


async def test_messages_of_several_senders_do_not_mix() -> None:
    client, server = memory_link_pair()

    async def send(letter: str) -> None:
        for _ in range(5):
            await client.send_fragments(letter * 50, 7)

    async with trio.open_nursery() as nursery:
        for letter in "abc":
            nursery.start_soon(send, letter)
    got = [await server.receive() for _ in range(15)]
    assert sorted(got, key=str) == [letter * 50 for letter in "aaaaabbbbbccccc"]


async def test_after_a_reset_the_sender_gets_an_error_and_the_receiver_the_last_messages() -> None:
    link, peer = link_and_peer(Side.CLIENT)
    last_words = struct.pack("!H", 1013) + b"insufficient_quota.insufficient_quota"
    await peer.send_all(peer_frame(Side.CLIENT, Opcode.CLOSE, last_words))
    await peer.aclose()
    with pytest.raises(LinkClosed) as caught:
        await link.send_text("x")
    assert (caught.value.code, caught.value.by_peer) == (1006, True)
    end = await closed_with(link)
    assert (end.code, end.by_peer) == (1013, True)


async def test_a_ping_measures_the_round_trip(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_link_pair()
    await client.ping()
    await client.ping(b"mine")
    assert (client.pings_outstanding, client.last_pong_at) == (2, None)
    await trio.sleep(3)
    await server.send_text("x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(closed_with, server)
        assert await client.receive() == "x"
        await trio.sleep(1)
        await client.close()
    assert (client.pings_outstanding, client.round_trip_seconds) == (0, 4.0)
    assert client.last_pong_at == autojump_clock.current_time()


async def test_raw_bytes_are_sent_between_frames() -> None:
    link, peer = link_and_peer(Side.SERVER)
    await link.send_text("a")
    await link.send_raw(b"\x00garbage")
    assert bytes(await peer.receive_some()) == b"\x81\x01a\x00garbage"
