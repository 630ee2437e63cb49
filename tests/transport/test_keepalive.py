from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bridge.transport.keepalive import Pinged, until_silent
from bridge.transport.memory import memory_link_pair

if TYPE_CHECKING:
    from trio.testing import MockClock


class Line:
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


async def test_two_missed_pongs_in_a_row_are_silence(autojump_clock: MockClock) -> None:
    await until_silent(Line(), never, seconds=20)
    assert autojump_clock.current_time() == 60


async def test_pings_that_are_answered_go_on_for_ever(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1000) as scope:
        await until_silent(Line(answers=True), never, seconds=20)
    assert scope.cancelled_caught
    assert autojump_clock.current_time() == 1000


async def test_a_line_that_takes_no_ping_is_silent_too(autojump_clock: MockClock) -> None:
    await until_silent(Line(writes=False), never, seconds=20)
    assert autojump_clock.current_time() == 100


async def test_whoever_is_heard_is_there(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1000) as scope:
        await until_silent(Line(), autojump_clock.current_time, seconds=20)
    assert scope.cancelled_caught


async def test_what_pinging_raises_passes_through(autojump_clock: MockClock) -> None:
    class Broken(Line):
        async def ping(self) -> None:
            await trio.lowlevel.checkpoint()
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await until_silent(Broken(), never, seconds=20)
    assert autojump_clock.current_time() == 20


def test_a_websocket_link_can_be_pinged() -> None:
    assert all(isinstance(link, Pinged) for link in memory_link_pair())
