"""What a case does becomes a verdict; a fault of the suite is never one of the bridge."""

from __future__ import annotations

import pytest
import trio
from wsproto.utilities import RemoteProtocolError

from probes.conformance.judge import verdict_of
from probes.conformance.peers.expected_list import ExpectedList
from probes.conformance.peers.lateness import Lateness
from probes.conformance.peers.waiting import Waiter
from probes.conformance.peers.wire_log import WireLog
from probes.conformance.verdict import (
    CaseEnded,
    Failed,
    Inconclusive,
    NotApplicable,
    check,
    fail,
    not_applicable,
)

BROKEN = Failed("a", "b")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (CaseEnded(BROKEN), BROKEN),
        (ExceptionGroup("", [CaseEnded(NotApplicable("x")), ExceptionGroup("", [CaseEnded(BROKEN)])]), BROKEN),
        (ExceptionGroup("", [ValueError("x"), CaseEnded(BROKEN)]), BROKEN),
        (RemoteProtocolError("bad"), Failed("the bridge speaks WebSocket", "an invalid frame: bad")),
    ],
)
def test_a_failure_wins_over_everything_else_that_happened(error: Exception, verdict: Failed) -> None:
    assert verdict_of(error) == verdict


def test_a_broken_connection_is_the_bridge_s_and_any_other_exception_the_suite_s() -> None:
    assert isinstance(verdict_of(trio.BrokenResourceError()), Failed)
    assert isinstance(verdict_of(ConnectionResetError()), Failed)
    assert verdict_of(KeyError("x")) == Inconclusive("a fault of the suite: KeyError: 'x'")


def test_what_is_not_there_is_a_failure_of_the_bridge() -> None:
    sessions = ExpectedList[str](["one"], "upstream sessions of the bridge")
    assert (sessions[0], sessions[-1], sessions[:5]) == ("one", "one", ["one"])
    for index, wanted in ((1, 2), (-2, 2)):
        with pytest.raises(CaseEnded) as ended:
            sessions[index]
        assert ended.value.verdict == Failed(f"at least {wanted} upstream sessions of the bridge", "1")


def test_a_check_says_what_was_expected_and_seen() -> None:
    check(condition=True, expected="a", seen="b")
    with pytest.raises(CaseEnded) as ended:
        check(condition=False, expected="a", seen="b")
    assert ended.value.verdict == BROKEN
    with pytest.raises(CaseEnded):
        fail("a", "b")
    with pytest.raises(CaseEnded) as ended:
        not_applicable("no such part")
    assert ended.value.verdict == NotApplicable("no such part")


async def test_a_wait_ends_when_its_condition_holds(autojump_clock: trio.testing.MockClock) -> None:
    log, seen = WireLog(), list[str]()
    waiter = Waiter(log, Lateness())

    async def say() -> None:
        await trio.sleep(1)
        seen.append("x")
        log.add("client", "x")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(say)
        await waiter.until(lambda: seen, expected="x", seen="nothing")
    assert trio.current_time() == pytest.approx(autojump_clock.current_time())
    assert not await waiter.holds(lambda: False, within=2.0)


async def test_a_wait_that_ends_without_its_condition_fails_the_bridge(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    started = trio.current_time()
    with pytest.raises(CaseEnded) as ended:
        await Waiter(WireLog(), Lateness()).until(lambda: False, expected="x", seen="nothing", within=3.0)
    assert ended.value.verdict == Failed("x", "nothing")
    assert trio.current_time() - started == pytest.approx(3.0)


async def test_lateness_makes_a_wait_longer_and_much_of_it_makes_it_inconclusive(
    autojump_clock: trio.testing.MockClock,
) -> None:
    del autojump_clock
    lateness, started = Lateness(), trio.current_time()
    waiter = Waiter(WireLog(), lateness)

    async def be_late(seconds: float) -> None:
        lateness.summed += seconds

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_late, 0.5)
        assert not await waiter.holds(lambda: False, within=1.0)
    assert trio.current_time() - started == pytest.approx(2.5)

    def much_later() -> bool:
        lateness.summed += 60.0
        return False

    with pytest.raises(CaseEnded) as ended:
        await waiter.until(much_later, expected="x", seen="nothing", within=1.0)
    assert isinstance(ended.value.verdict, Inconclusive)


async def test_a_standstill_of_the_machine_counts_before_its_measurement_has_run(
    mock_clock: trio.testing.MockClock,
) -> None:
    lateness = Lateness()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lateness.run)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(4.5)
        assert lateness.total == pytest.approx(4.5, abs=0.1)
        await trio.testing.wait_all_tasks_blocked()
        assert lateness.total == lateness.summed == pytest.approx(4.5, abs=0.1)
        nursery.cancel_scope.cancel()


async def test_repeated_messages_are_one_entry_of_the_log_with_a_count(autojump_clock: trio.testing.MockClock) -> None:
    del autojump_clock
    log = WireLog()
    for _ in range(3):
        log.add("client", "(binary)", "client 1")
        await trio.sleep(1)
    log.add("upstream", "session.created")
    first, second = log.timeline("A-01").moments
    assert (first.what, first.count, first.at, first.until) == ("(binary)", 3, 0.0, 2.0)
    assert (second.who, second.count) == ("upstream", 1)
