from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.pacing.backoff import delay_seconds, worth_waiting


def delay(attempt: int, jitter: float = 1.0, retry_after: float | None = None) -> float:
    return delay_seconds(attempt, lambda: jitter, base_seconds=1.0, cap_seconds=8.0, retry_after_seconds=retry_after)


def test_bounds_double_from_attempt_to_attempt_up_to_the_cap() -> None:
    assert [delay(attempt) for attempt in range(1, 8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_any_attempt_has_a_delay() -> None:
    assert delay(10_000) == 8.0


def test_jitter_spreads_over_all_of_it() -> None:
    assert [delay(3, jitter) for jitter in (0.0, 0.25, 0.5)] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(("retry_after", "expected"), [(0.5, 1.0), (3.0, 3.0), (30.0, 30.0)])
def test_retry_after_wins_when_it_is_longer_even_past_the_cap(retry_after: float, expected: float) -> None:
    assert delay(2, retry_after=retry_after) == expected


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_never_negative_nor_past_the_cap(attempt: int, jitter: float) -> None:
    assert 0 <= delay(attempt, jitter) <= 8.0


@pytest.mark.parametrize(("seconds", "worth"), [(None, True), (0.0, True), (60.0, True), (60.1, False)])
def test_a_minute_is_the_longest_that_is_waited_for(seconds: float | None, worth: bool) -> None:
    assert worth_waiting(seconds) is worth
