"""How often sessions are opened, and what happens while the upstream can't be reached."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from bridge.core.events import Failure
from bridge.upstream.circuit_breaker import FAILURES, FIRST_SECONDS, LONGEST_SECONDS, STATE_NUMBERS, CircuitBreaker
from bridge.upstream.dial_limits import DialLimits, DialState
from bridge.upstream.failures import ConnectFailed
from tests.driver.harness import FakeUpstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.upstream.link import UpstreamLink

UNREACHED = Failure(code="UPSTREAM_UNAVAILABLE", message="No.", retryable=True)
ANSWER = Failure(code="MODEL_NOT_AVAILABLE", message="No.", retryable=False)


class Failing:
    """A connector that fails, after a time."""

    def __init__(self, failure: Failure, seconds: float = 0.0) -> None:
        self.failure, self.seconds, self.asked = failure, seconds, 0

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> UpstreamLink:  # noqa: ARG002
        self.asked += 1
        await trio.sleep(self.seconds)
        raise ConnectFailed(self.failure)


async def failure_of(limits: DialLimits, connector: Failing, address: str | None = "a") -> Failure:
    with pytest.raises(ConnectFailed) as failed:
        await limits.connector(connector, address).open(1, {})
    return failed.value.failure


# The breaker


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(FAILURES):
        assert breaker.admit(100.0) == 0
        breaker.failed(100.0)
    return breaker


def test_a_closed_breaker_forgets_failures_with_each_success() -> None:
    breaker = CircuitBreaker()
    for number in range(5 * FAILURES):
        (breaker.succeeded if number % FAILURES == 0 else lambda: breaker.failed(0.0))()
    assert breaker.admit(0.0) == 0


def test_an_open_breaker_admits_one_attempt_at_a_time_and_waits_longer_after_each() -> None:
    breaker, now, waits = opened(), 100.0, []
    for _ in range(4):
        wait = breaker.admit(now)
        waits.append(wait)
        now += wait
        assert breaker.admit(now) == 0
        assert breaker.admit(now) > 0, "one is on its way"
        breaker.failed(now)
    assert waits == [FIRST_SECONDS, 2 * FIRST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]
    breaker.succeeded()
    assert [breaker.admit(now), breaker.admit(now)] == [0, 0]


def test_an_attempt_that_nobody_waits_for_gives_its_turn_to_the_next() -> None:
    breaker = opened()
    assert breaker.admit(101.0) == 0
    breaker.given_up(101.5)
    assert breaker.admit(101.5) == 0


# The limits


async def test_sessions_of_one_address_are_opened_at_its_rate_and_others_do_not_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits, upstream = DialLimits(per_address=0.5, in_all=0), FakeUpstream()
    for _ in range(20):
        await limits.connector(upstream, "a").open(1, {})
    assert trio.current_time() == 0
    await limits.connector(upstream, "a").open(1, {})
    assert trio.current_time() == 2
    for address in ("b", None):
        await limits.connector(upstream, address).open(1, {})
    assert trio.current_time() == 2


async def test_an_attempt_that_would_wait_for_too_long_fails_and_says_when_to_come_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits, failing = DialLimits(per_address=0.025, in_all=0), Failing(ANSWER)
    await failure_of(limits, failing)
    failure = await failure_of(limits, failing)
    assert (failure.code, failure.retryable) == ("RATE_LIMITED", True)
    assert 3 <= (failure.retry_after_seconds or 0) <= 6
    assert failing.asked == 1


async def test_all_clients_share_one_rate(autojump_clock: trio.testing.MockClock) -> None:
    limits, upstream = DialLimits(per_address=0, in_all=1), FakeUpstream()
    for address in ("a", "b", "c", None):
        await limits.connector(upstream, address).open(1, {})
    assert trio.current_time() == 2


async def test_those_who_share_the_state_share_the_rates_and_the_breaker(
    autojump_clock: trio.testing.MockClock,
) -> None:
    state = DialState(breaker=[0.0] * STATE_NUMBERS)
    one, two = (DialLimits(per_address=0.5, in_all=1, state=state) for _ in range(2))
    for limits in (one, two, one, two):
        await limits.connector(FakeUpstream(), None).open(1, {})
    assert trio.current_time() == 2
    for number in range(FAILURES):
        await trio.sleep(2)
        await failure_of((one, two)[number % 2], Failing(UNREACHED), f"{number}")
    assert one.breaker.is_open
    assert two.breaker.is_open
    failing = Failing(UNREACHED)
    await failure_of(two, failing)
    assert failing.asked == 0
    await trio.sleep(FIRST_SECONDS)
    assert one.breaker.admit(one.now()) == 0
    assert two.breaker.admit(two.now()) > 0, "one attempt at a time, in all of them"


async def test_while_the_upstream_is_out_of_reach_hardly_anybody_dials(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits, failing = DialLimits(per_address=0, in_all=0), Failing(UNREACHED)
    for _ in range(10 * FAILURES):
        failure = await failure_of(limits, failing)
    assert failing.asked == FAILURES
    assert failure.retryable
    assert failure.retry_after_seconds is not None
    assert FIRST_SECONDS <= failure.retry_after_seconds <= 2 * FIRST_SECONDS
    await trio.sleep(FIRST_SECONDS)
    await limits.connector(FakeUpstream(), "a").open(1, {})
    assert not limits.breaker.is_open


async def test_answers_of_the_upstream_open_no_breaker(autojump_clock: trio.testing.MockClock) -> None:
    limits, failing = DialLimits(per_address=0, in_all=0), Failing(ANSWER)
    for _ in range(2 * FAILURES):
        await failure_of(limits, failing)
    assert failing.asked == 2 * FAILURES


@pytest.mark.parametrize(("patience", "is_open"), [(10.0, True), (1.0, False)])
async def test_an_attempt_that_takes_too_long_has_failed_and_one_that_is_given_up_has_not(
    patience: float, is_open: bool, autojump_clock: trio.testing.MockClock
) -> None:
    limits, silent = DialLimits(per_address=0, in_all=0), Failing(UNREACHED, seconds=999)
    for _ in range(FAILURES):
        with trio.move_on_after(patience):
            await limits.connector(silent, "a").open(1, {})
    assert limits.breaker.is_open is is_open


async def test_an_attempt_that_leaves_while_it_waits_for_its_rate_holds_no_trial(
    autojump_clock: trio.testing.MockClock,
) -> None:
    limits, failing = DialLimits(per_address=0.025, in_all=0), Failing(UNREACHED)
    for number in range(FAILURES):
        await failure_of(limits, failing, f"other {number}")
    await trio.sleep(FIRST_SECONDS)
    assert (await failure_of(limits, Failing(UNREACHED), "other 0")).code == "RATE_LIMITED"
    await limits.connector(FakeUpstream(), "a").open(1, {})
    assert not limits.breaker.is_open
