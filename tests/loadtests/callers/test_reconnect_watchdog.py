"""How long a caller without a session waits for news about it."""

from __future__ import annotations

import pytest

from loadtests.callers.reconnect_watchdog import ReconnectWatchdog


def test_a_stopped_watchdog_never_expires() -> None:
    watchdog = ReconnectWatchdog()
    assert not watchdog.has_expired(1e9)
    watchdog.start(10.0)
    watchdog.stop()
    assert not watchdog.has_expired(1e9)


@pytest.mark.parametrize(("delay", "still", "over"), [(0.0, 22.4, 22.6), (8.0, 30.4, 30.6), (1e9, 52.4, 52.6)])
def test_an_attempt_may_take_its_time_after_its_delay(delay: float, still: float, over: float) -> None:
    watchdog = ReconnectWatchdog()
    watchdog.start(10.0, delay)
    assert (watchdog.has_expired(still), watchdog.has_expired(over)) == (False, True)


def test_during_an_attempt_the_longest_delay_is_added() -> None:
    watchdog = ReconnectWatchdog()
    watchdog.extend(10.0)
    assert (watchdog.has_expired(52.4), watchdog.has_expired(52.6)) == (False, True)


def test_each_message_restarts_the_wait() -> None:
    watchdog = ReconnectWatchdog()
    watchdog.start(10.0)
    watchdog.start(20.0)
    assert not watchdog.has_expired(30.0)
