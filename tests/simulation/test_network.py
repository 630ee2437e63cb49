"""The cable: what it does with bytes in every weather."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.simulation.network import WINDOW, LinkConditions, MemoryLink

if TYPE_CHECKING:
    from trio.testing import MockClock


def cable(weather: LinkConditions | None = None, happened: Counter[str] | None = None) -> MemoryLink:
    counter = Counter[str]() if happened is None else happened

    def happens(kind: str) -> None:
        counter[kind] += 1

    return MemoryLink(weather or LinkConditions(), random.Random(1), happens)


async def everything(link: MemoryLink) -> bytes:
    heard = bytearray()
    while piece := await link.far.receive_some():
        heard += piece
    return bytes(heard)


@pytest.mark.parametrize(
    "weather",
    [
        LinkConditions(),
        LinkConditions(latency_ms=50, jitter_ms=90),
        LinkConditions(slice_bytes=7),
        LinkConditions(stall_rate=0.5, stall_seconds=9.0),
    ],
)
async def test_bytes_arrive_whole_and_in_order(weather: LinkConditions, autojump_clock: MockClock) -> None:
    link = cable(weather)
    said = random.Random(2).randbytes(3 * WINDOW)

    async def say() -> None:
        for at in range(0, len(said), 9_999):
            await link.near.send_all(said[at : at + 9_999])
        await link.near.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        assert await everything(link) == said
    assert (autojump_clock.current_time() > 0) == bool(weather.latency_ms or weather.stall_rate)


async def test_latency_takes_its_time(autojump_clock: MockClock) -> None:
    link = cable(LinkConditions(latency_ms=150))
    await link.near.send_all(b"hello")
    assert await link.far.receive_some() == b"hello"
    assert autojump_clock.current_time() == pytest.approx(0.15)


async def test_a_stall_holds_up_what_is_sent_then(autojump_clock: MockClock) -> None:
    link = cable()
    link.stall(3)
    await link.near.send_all(b"late")
    assert await link.far.receive_some() == b"late"
    assert autojump_clock.current_time() == pytest.approx(3)


async def test_a_reset_is_seen_by_both_ends(autojump_clock: MockClock) -> None:
    happened = Counter[str]()
    link = cable(happened=happened)
    await link.near.send_all(b"lost")
    link.reset()
    for end in (link.near, link.far):
        with pytest.raises(trio.BrokenResourceError):
            await end.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await end.send_all(b"x")
    assert happened == {"reset": 1}
    assert link.far.sees_end_at == autojump_clock.current_time()


async def test_a_half_open_link_says_nothing_and_fills_up(autojump_clock: MockClock) -> None:
    link = cable()
    link.go_silent()
    with trio.move_on_after(60) as scope:
        await link.near.send_all(bytes(WINDOW + 1))
    assert scope.cancelled_caught
    await link.near.aclose()
    with trio.move_on_after(60) as scope:
        await link.far.receive_some()
    assert scope.cancelled_caught
    assert autojump_clock.current_time() == 120
    assert link.far.sees_end_at == float("inf")


async def test_who_sends_to_nobody_is_told(autojump_clock: MockClock) -> None:
    link = cable()
    await link.far.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await link.near.send_all(b"x")
    assert await link.near.receive_some() == b""
    await link.near.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await link.near.receive_some()
    assert link.near.closed_at == autojump_clock.current_time()


async def test_half_a_goodbye_leaves_the_other_direction_open(autojump_clock: MockClock) -> None:
    link = cable()
    await link.near.send_eof()
    assert await link.far.receive_some() == b""
    await link.far.send_all(b"still here")
    assert await link.near.receive_some() == b"still here"
    assert link.far.sees_end_at == autojump_clock.current_time()
