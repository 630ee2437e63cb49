"""Reconnect delays: they grow, they differ, and they respect the target's own delay."""

from __future__ import annotations

from random import Random

from loadtests.callers.backoff import FIRST_SECONDS, GOOD_SECONDS, LAST_SECONDS, Backoff


class MaximumRandom(Random):
    """A generator that always returns the maximum."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_waits_double_up_to_the_last() -> None:
    backoff = Backoff(MaximumRandom())
    assert [backoff.next_delay() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 8.0, LAST_SECONDS]


def test_what_the_target_asks_for_is_the_least() -> None:
    backoff = Backoff(MaximumRandom())
    assert backoff.next_delay(at_least=3.0) == 3.0
    assert backoff.next_delay(at_least=0.1) == 1.0


def test_callers_do_not_wait_in_step() -> None:
    assert len({Backoff(Random(seed)).next_delay() for seed in range(50)}) == 50


def test_only_after_a_good_session_delays_are_short_again() -> None:
    backoff = Backoff(MaximumRandom())
    backoff.next_delay()
    backoff.session_lasted(GOOD_SECONDS - 0.1)
    assert backoff.next_delay() == 2 * FIRST_SECONDS
    backoff.session_lasted(GOOD_SECONDS)
    assert backoff.next_delay() == FIRST_SECONDS
