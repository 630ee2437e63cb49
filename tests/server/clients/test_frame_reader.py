"""The frames of one client: rate, size and end."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import pytest
import trio
import trio.testing

from bridge.core.events import ClientLimitExceeded
from bridge.driver.client import ClientDisconnected
from bridge.server.clients.frame_reader import ClientFrameReader
from bridge.server.clients.rate_limit import RateLimits
from bridge.transport.memory import memory_link_pair

LIMITS = RateLimits(bytes_per_second=1e9, burst_bytes=1e9, frames_per_second=10, burst_frames=10)


async def test_frames_are_returned_unchanged() -> None:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)
    await client.send_text("abc")
    await client.send_binary(b"\0" * 10)
    assert await reader.receive() == "abc"
    assert await reader.receive() == b"\0" * 10


async def test_a_message_that_is_too_large_is_reported_with_both_sizes() -> None:
    client, server = memory_link_pair(max_size=10, defer_close=True)
    await client.send_text("before")
    await client.send_binary(b"\0" * 11)
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)
    assert await reader.receive() == "before"
    found = await reader.receive()
    assert isinstance(found, ClientLimitExceeded)
    assert (found.code, found.close_code) == ("MESSAGE_TOO_LARGE", 1009)
    assert "10" in found.message
    assert "11" in found.message


async def test_pings_count_as_frames_and_a_flood_of_them_is_reported(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)

    async def flood() -> None:
        while True:
            await client.ping()
            await trio.sleep(0.05)

    started = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        with trio.fail_after(60):
            found = await reader.receive()
        nursery.cancel_scope.cancel()
    assert isinstance(found, ClientLimitExceeded)
    assert found.code == "RATE_EXCEEDED"
    assert 5 <= trio.current_time() - started < 10


async def test_a_few_pings_between_messages_are_harmless() -> None:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)
    for n in range(4):
        await client.ping()
        await client.send_text(str(n))
        assert await reader.receive() == str(n)


async def test_a_flood_is_read_slowly_and_then_reported(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)
    for _ in range(200):
        await client.send_text("x")
    started, read = trio.current_time(), 0
    with trio.fail_after(60):
        while isinstance(found := await reader.receive(), str):
            read += 1
    took = trio.current_time() - started
    assert isinstance(found, ClientLimitExceeded)
    assert (found.code, found.close_code) == ("RATE_EXCEEDED", 1008)
    assert 5 <= took < 5.5
    assert read == pytest.approx(10 + 10 * took, abs=2)


async def test_cancelling_a_wait_loses_no_frame(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)
    for n in range(12):
        await client.send_text(str(n))
    found = [await reader.receive() for _ in range(11)]
    with trio.move_on_after(0.05) as scope:
        await reader.receive()
    assert scope.cancelled_caught
    assert [*found, await reader.receive()] == [str(n) for n in range(12)]


async def test_the_end_of_the_socket_is_the_end_of_the_client() -> None:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=10, limits=LIMITS)
    await client.abort()
    with pytest.raises(ClientDisconnected):
        await reader.receive()
