"""Many links that end at once: their owners are woken a few at a time, because what they do then takes long."""

from __future__ import annotations

import pytest
import trio

from bridge.transport.reactor import has_reactor
from tests.transport.test_reactor import sessions, settle

pytestmark = pytest.mark.skipif(not has_reactor(), reason="this system has no selector that can be waited for")


async def test_ends_wake_their_owners_a_few_in_each_round_and_in_order() -> None:
    ends = [trio.Event() for _ in range(24)]
    woken: list[int] = []

    async def owner(number: int) -> None:
        await ends[number].wait()
        woken.append(number)

    async with sessions(1) as (one,), trio.open_nursery() as nursery:
        for number in range(len(ends)):
            nursery.start_soon(owner, number)
        await settle()

        def end_all() -> None:
            one.read()
            for ended in ends:
                one.reactor.end(ended)

        one.on_turn = end_all
        one.theirs.send(b"x")
        at_once = []
        while len(woken) < len(ends):
            before = len(woken)
            await trio.lowlevel.checkpoint()
            at_once.append(len(woken) - before)
    assert sorted(woken) == list(range(len(ends)))
    assert max(at_once) <= 8
