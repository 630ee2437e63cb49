from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bridge.transport.keepalive import Pingable, wait_until_dead
from bridge.transport.memory import memory_link_pair

if TYPE_CHECKING:
    from trio.testing import MockClock


class FakeLink:
    """A line whose other end answers, or not."""

    def __init__(self, *, answers: bool = False, writes: bool = True) -> None:
        self.pings_outstanding = 0
        self._answers, self._writes = answers, writes

    async def ping(self) -> None:
        if not self._writes:
            await trio.sleep_forever()
        self.pings_outstanding = 0 if self._answers else self.pings_outstanding + 1


def never() -> float:
    return 0.0


async def test_two_missed_pongs_in_a_row_mean_dead(autojump_clock: MockClock) -> None:
    await wait_until_dead(FakeLink(), never, interval_seconds=20)
    assert autojump_clock.current_time() == 60


async def test_answered_pings_continue_forever(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1000) as scope:
        await wait_until_dead(FakeLink(answers=True), never, interval_seconds=20)
    assert scope.cancelled_caught
    assert autojump_clock.current_time() == 1000


async def test_a_link_that_cannot_write_a_ping_is_dead_too(autojump_clock: MockClock) -> None:
    await wait_until_dead(FakeLink(writes=False), never, interval_seconds=20)
    assert autojump_clock.current_time() == 100


async def test_a_peer_that_sends_is_alive(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1000) as scope:
        await wait_until_dead(FakeLink(), autojump_clock.current_time, interval_seconds=20)
    assert scope.cancelled_caught


async def test_an_exception_of_ping_passes_through(autojump_clock: MockClock) -> None:
    class Broken(FakeLink):
        async def ping(self) -> None:
            await trio.lowlevel.checkpoint()
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await wait_until_dead(Broken(), never, interval_seconds=20)
    assert autojump_clock.current_time() == 20


def test_a_websocket_link_can_be_pinged() -> None:
    assert all(isinstance(link, Pingable) for link in memory_link_pair())
