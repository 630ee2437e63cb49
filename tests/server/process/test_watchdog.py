"""Which workers count as hanging."""

from __future__ import annotations

from bridge.server.process.watchdog import HUNG_SECONDS, Watchdog


def ask(watchdog: Watchdog, beats: dict[int, float], start: float, end: float) -> list[int]:
    """Ask twice a second, as the parent does, and return what the last answer is."""
    found: list[int] = []
    now = start
    while now <= end:
        found = watchdog.hung(beats, now)
        now += 0.5
    return found


def test_a_worker_that_is_silent_for_too_long_hangs_and_no_other() -> None:
    watchdog = Watchdog(100.0)
    beats = {7: 100.0, 8: 110.0}
    assert ask(watchdog, beats, 100.0, 100.0 + HUNG_SECONDS - 0.5) == []
    assert ask(watchdog, beats, 100.0 + HUNG_SECONDS, 100.0 + HUNG_SECONDS) == [7]


def test_a_standstill_of_the_whole_machine_is_no_fault_of_the_workers() -> None:
    watchdog = Watchdog(100.0)
    assert watchdog.hung({7: 100.0}, 100.5) == []
    assert ask(watchdog, {7: 100.0}, 3700.0, 3700.0 + HUNG_SECONDS - 0.5) == []
    assert ask(watchdog, {7: 100.0}, 3700.0 + HUNG_SECONDS, 3700.0 + HUNG_SECONDS) == [7]
