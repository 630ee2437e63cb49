from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from bridge.transport.carriers import StreamCarrier
from bridge.transport.keepalive import KeepAlive, wait_until_dead
from bridge.transport.memory import memory_link_pair
from bridge.transport.push_link import PushLink

if TYPE_CHECKING:
    from trio.testing import MockClock


class FakeLink:
    """A link whose other end answers pings, sends messages, or neither."""

    def __init__(self, clock: MockClock, *, answers: bool = False, sends: bool = False) -> None:
        self._clock, self._answers, self._sends = clock, answers, sends
        self.pings_outstanding = 0
        self.pinged_at: list[float] = []

    @property
    def last_received_at(self) -> float:
        return self._clock.current_time() if self._sends else 0.0

    def ping(self) -> None:
        self.pinged_at.append(self._clock.current_time())
        self.pings_outstanding = 0 if self._answers else self.pings_outstanding + 1


async def test_two_missed_pongs_in_a_row_mean_dead(autojump_clock: MockClock) -> None:
    link = FakeLink(autojump_clock)
    await wait_until_dead(link, interval_seconds=20)
    assert autojump_clock.current_time() == 60
    assert link.pinged_at == [20, 40]


@pytest.mark.parametrize("how", ["answers", "sends"])
async def test_a_peer_that_answers_or_sends_is_alive_and_is_pinged_forever(how: str, autojump_clock: MockClock) -> None:
    link = FakeLink(autojump_clock, answers=how == "answers", sends=how == "sends")
    with trio.move_on_after(1010) as scope:
        await wait_until_dead(link, interval_seconds=20)
    assert scope.cancelled_caught
    assert link.pinged_at == [20 * n for n in range(1, 51)]


async def test_death_is_told_once_and_not_after_a_stop(autojump_clock: MockClock) -> None:
    told = []
    kept = KeepAlive(FakeLink(autojump_clock), lambda: told.append("kept"), interval_seconds=20)
    stopped = KeepAlive(FakeLink(autojump_clock), lambda: told.append("stopped"), interval_seconds=20)
    await trio.sleep(50)
    stopped.stop()
    await trio.sleep(1000)
    assert told == ["kept"]
    kept.stop()


async def test_a_peer_that_never_reads_is_dead(autojump_clock: MockClock) -> None:
    link = PushLink(memory_link_pair()[0], max_unsent_bytes=1000, make_carrier=StreamCarrier)
    pinged = RunningLink(link)
    await wait_until_dead(pinged, interval_seconds=20)
    assert autojump_clock.current_time() == 60


class RunningLink:
    """What a client connection makes of its link."""

    def __init__(self, link: PushLink) -> None:
        self.link, self.ping = link, link.ping

    @property
    def last_received_at(self) -> float:
        return self.link.now

    @property
    def pings_outstanding(self) -> int:
        return self.link.pings_outstanding
