"""How long a caller without a session waits for the next word about it."""

from __future__ import annotations

import pytest

from loadtests.callers.reconnect_watchdog import ReconnectWatchdog


def test_whoever_waits_for_nothing_is_never_out_of_patience() -> None:
    patience = ReconnectWatchdog()
    assert not patience.has_expired(1e9)
    patience.start(10.0)
    patience.stop()
    assert not patience.has_expired(1e9)


@pytest.mark.parametrize(("delay", "still", "over"), [(0.0, 22.4, 22.6), (8.0, 30.4, 30.6), (1e9, 52.4, 52.6)])
def test_an_attempt_may_take_its_time_behind_its_delay(delay: float, still: float, over: float) -> None:
    patience = ReconnectWatchdog()
    patience.start(10.0, delay)
    assert (patience.has_expired(still), patience.has_expired(over)) == (False, True)


def test_behind_an_attempt_that_began_the_longest_delay_is_waited_for_too() -> None:
    patience = ReconnectWatchdog()
    patience.extend(10.0)
    assert (patience.has_expired(52.4), patience.has_expired(52.6)) == (False, True)


def test_each_word_is_waited_for_anew() -> None:
    patience = ReconnectWatchdog()
    patience.start(10.0)
    patience.start(20.0)
    assert not patience.has_expired(30.0)
