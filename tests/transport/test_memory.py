"""The pair of links in memory that tests and simulations use."""

from __future__ import annotations

import pytest
import trio

from bridge.transport.link import LinkClosed
from bridge.transport.memory import memory_link_pair


async def test_the_pair_carries_real_frames_both_ways() -> None:
    client, server = memory_link_pair()
    await client.send_text("up")
    await server.send_binary(b"down")
    assert (await server.receive(), await client.receive()) == ("up", b"down")
    assert (client.peer, server.peer) == ("memory:server", "memory:client")


async def test_the_size_limit_holds_on_both_sides() -> None:
    for sender, receiver in (memory_link_pair(max_size=5), memory_link_pair(max_size=5)[::-1]):
        await sender.send_text("x" * 6)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender.close)
            with pytest.raises(LinkClosed) as caught:
                await receiver.receive()
        assert caught.value.code == 1009
