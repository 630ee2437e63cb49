"""The frames of one client: rate, size and end."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.core.events import BadMessage, ClientLimitExceeded, ClientNative, ClientText, Ping
from bridge.server.clients.frame_limits import INVALID_FRAMES
from bridge.server.clients.json_bounds import VALUES_PER_FRAME
from bridge.server.clients.json_client import JsonClient
from bridge.server.clients.rate_limit import RateLimits
from bridge.transport.memory import memory_link_pair
from tests.server.clients.harness import pushing, served

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

LIMITS = RateLimits(bytes_per_second=1e9, burst_bytes=1e9, frames_per_second=10, burst_frames=10)


def pair(max_bytes: int = 100) -> tuple[WebSocketLink, JsonClient]:
    link, server = memory_link_pair(max_size=max_bytes, defer_close=True)
    return link, JsonClient(pushing(server), client_id="c", max_bytes=max_bytes, limits=LIMITS)


async def ping(link: WebSocketLink, number: int) -> None:
    await link.send_text(f'{{"type":"ping","id":{number}}}')


async def test_a_message_that_is_too_large_is_reported_with_both_sizes() -> None:
    link, client = pair()
    await ping(link, 1)
    await link.send_binary(b"\0" * 101)
    async with served(client) as handler:
        assert await handler.receive() == Ping(1)
        found = await handler.receive()
    assert isinstance(found, ClientLimitExceeded)
    assert (found.code, found.close_code) == ("MESSAGE_TOO_LARGE", 1009)
    assert "100" in found.message
    assert "101" in found.message


async def test_pings_count_as_frames_and_a_flood_of_them_is_reported(autojump_clock: trio.testing.MockClock) -> None:
    link, client = pair()

    async def flood() -> None:
        while True:
            await link.ping()
            await trio.sleep(0.05)

    started = trio.current_time()
    async with served(client) as handler, trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        with trio.fail_after(60):
            found = await handler.receive()
        nursery.cancel_scope.cancel()
    assert isinstance(found, ClientLimitExceeded)
    assert found.code == "RATE_EXCEEDED"
    assert 5 <= trio.current_time() - started < 10


async def test_a_few_pings_between_messages_are_harmless() -> None:
    link, client = pair()
    async with served(client) as handler:
        for n in range(4):
            await link.ping()
            await ping(link, n)
            assert await handler.receive() == Ping(n)


async def test_a_flood_is_read_slowly_and_then_reported_once(autojump_clock: trio.testing.MockClock) -> None:
    link, client = pair()
    for n in range(200):
        await ping(link, n)
    started, read = trio.current_time(), 0
    async with served(client) as handler:
        with trio.fail_after(60):
            while isinstance(found := await handler.receive(), Ping):
                assert found == Ping(read)
                read += 1
        took = trio.current_time() - started
        assert isinstance(found, ClientLimitExceeded)
        assert (found.code, found.close_code) == ("RATE_EXCEEDED", 1008)
        assert 5 <= took < 5.5
        assert read == pytest.approx(10 + 10 * took, abs=2)
        with trio.move_on_after(60):
            raise AssertionError(await handler.receive())


async def test_a_client_that_was_slowed_is_read_on_without_a_loss(autojump_clock: trio.testing.MockClock) -> None:
    link, client = pair()
    for n in range(30):
        await ping(link, n)
    async with served(client) as handler:
        assert [await handler.receive() for _ in range(30)] == [Ping(n) for n in range(30)]


async def test_the_end_of_the_socket_is_the_end_of_the_client() -> None:
    link, client = pair()
    await link.abort()
    async with served(client) as handler:
        with pytest.raises(trio.EndOfChannel):
            await handler.receive()


async def test_an_invalid_message_counts_as_many_frames(autojump_clock: trio.testing.MockClock) -> None:
    link, client = pair()
    for _ in range(4):
        await link.send_text("{}")
    await ping(link, 1)
    started = trio.current_time()
    async with served(client) as handler:
        assert [type(await handler.receive()) for _ in range(5)] == [BadMessage] * 4 + [Ping]
    charged = 4 * INVALID_FRAMES + 1
    assert trio.current_time() - started == pytest.approx(
        (charged - LIMITS.burst_frames) / LIMITS.frames_per_second, abs=0.2
    )


async def test_a_flood_of_invalid_messages_is_refused_after_few_of_them(autojump_clock: trio.testing.MockClock) -> None:
    link, client = pair()
    for n in range(400):
        await (link.send_text("[]") if n % 2 else link.send_binary(b"odd"))
    async with served(client) as handler:
        judged = 0
        with trio.fail_after(60):
            while isinstance(found := await handler.receive(), BadMessage):
                judged += 1
    assert isinstance(found, ClientLimitExceeded)
    assert found.code == "RATE_EXCEEDED"
    assert 5 <= judged <= 8


async def test_a_large_message_counts_by_its_values(autojump_clock: trio.testing.MockClock) -> None:
    link, client = pair(max_bytes=100_000)
    values = 40 * VALUES_PER_FRAME
    large = {"type": "response.create", "response": {"metadata": list(range(values))}}
    await link.send_text(json.dumps(large))
    await ping(link, 1)
    started = trio.current_time()
    async with served(client) as handler:
        assert [type(await handler.receive()) for _ in range(2)] == [ClientNative, Ping]
    charged = 1 + values / VALUES_PER_FRAME
    assert trio.current_time() - started == pytest.approx(
        (charged - LIMITS.burst_frames) / LIMITS.frames_per_second, abs=0.3
    )


async def test_a_message_of_text_is_one_frame_however_long_it_is() -> None:
    link, client = pair(max_bytes=100_000)
    async with served(client) as handler:
        for _ in range(9):
            await link.send_text(json.dumps({"type": "text", "text": "word " * 2000}))
            assert isinstance(await handler.receive(), ClientText)
