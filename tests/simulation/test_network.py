"""The in-memory link: what it does with bytes under all conditions."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.simulation.network import WINDOW, LinkConditions, MemoryLink

if TYPE_CHECKING:
    from trio.testing import MockClock


def make_link(conditions: LinkConditions | None = None, fault_counts: Counter[str] | None = None) -> MemoryLink:
    counter = Counter[str]() if fault_counts is None else fault_counts

    def on_fault(kind: str) -> None:
        counter[kind] += 1

    return MemoryLink(conditions or LinkConditions(), random.Random(1), on_fault)


async def everything(link: MemoryLink) -> bytes:
    received = bytearray()
    while piece := await link.far.receive_some():
        received += piece
    return bytes(received)


@pytest.mark.parametrize(
    "conditions",
    [
        LinkConditions(),
        LinkConditions(latency_ms=50, jitter_ms=90),
        LinkConditions(slice_bytes=7),
        LinkConditions(stall_rate=0.5, stall_seconds=9.0),
    ],
)
async def test_bytes_arrive_whole_and_in_order(conditions: LinkConditions, autojump_clock: MockClock) -> None:
    link = make_link(conditions)
    sent = random.Random(2).randbytes(3 * WINDOW)

    async def say() -> None:
        for at in range(0, len(sent), 9_999):
            await link.near.send_all(sent[at : at + 9_999])
        await link.near.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        assert await everything(link) == sent
    assert (autojump_clock.current_time() > 0) == bool(conditions.latency_ms or conditions.stall_rate)


async def test_latency_takes_its_time(autojump_clock: MockClock) -> None:
    link = make_link(LinkConditions(latency_ms=150))
    await link.near.send_all(b"hello")
    assert await link.far.receive_some() == b"hello"
    assert autojump_clock.current_time() == pytest.approx(0.15)


async def test_a_stall_delays_what_is_sent(autojump_clock: MockClock) -> None:
    link = make_link()
    link.stall(3)
    await link.near.send_all(b"late")
    assert await link.far.receive_some() == b"late"
    assert autojump_clock.current_time() == pytest.approx(3)


async def test_a_reset_is_seen_by_both_ends(autojump_clock: MockClock) -> None:
    fault_counts = Counter[str]()
    link = make_link(fault_counts=fault_counts)
    await link.near.send_all(b"lost")
    link.reset()
    for end in (link.near, link.far):
        with pytest.raises(trio.BrokenResourceError):
            await end.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await end.send_all(b"x")
    assert fault_counts == {"reset": 1}
    assert link.far.sees_end_at == autojump_clock.current_time()


async def test_a_half_open_link_is_silent_and_fills_up(autojump_clock: MockClock) -> None:
    link = make_link()
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


async def test_sending_to_a_closed_end_raises(autojump_clock: MockClock) -> None:
    link = make_link()
    await link.far.aclose()
    with pytest.raises(trio.BrokenResourceError):
        await link.near.send_all(b"x")
    assert await link.near.receive_some() == b""
    await link.near.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await link.near.receive_some()
    assert link.near.closed_at == autojump_clock.current_time()


async def test_half_closing_leaves_the_other_direction_open(autojump_clock: MockClock) -> None:
    link = make_link()
    await link.near.send_eof()
    assert await link.far.receive_some() == b""
    await link.far.send_all(b"still here")
    assert await link.near.receive_some() == b"still here"
    assert link.far.sees_end_at == autojump_clock.current_time()
