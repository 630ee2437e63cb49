"""A session can't flood the log, and no event is lost from it: what is left out is told as a sum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.telemetry.log_limits import NOTHING_LEFT_OUT as NOTHING
from bridge.telemetry.log_limits import WINDOW_SECONDS, LeftOut, LogLimiter


def test_the_first_line_comes_at_once_and_the_next_one_counts_those_between() -> None:
    limiter = LogLimiter()
    assert limiter.offer("error.held_back", {}, 5.0) == NOTHING
    assert [limiter.offer("error.held_back", {}, 5.0 + n * 0.02) for n in range(1, 499)] == [None] * 498
    assert limiter.offer("error.held_back", {}, 5.0 + WINDOW_SECONDS) == LeftOut(498, {})
    assert limiter.offer("error.held_back", {}, 5.1 + WINDOW_SECONDS) is None


def test_after_a_quiet_time_a_line_comes_at_once_again() -> None:
    limiter = LogLimiter()
    limiter.offer("upstream.error", {}, 0)
    assert limiter.offer("upstream.error", {}, 60) == NOTHING
    assert limiter.offer("upstream.error", {}, 61) is None


def test_one_event_does_not_silence_another() -> None:
    limiter = LogLimiter()
    limiter.offer("upstream.error", {}, 0)
    assert limiter.offer("held.dropped", {}, 0) == NOTHING


@pytest.mark.parametrize("event", ["session.created", "session.ready", "attempt.failed", "session.lost"])
def test_steps_of_a_session_are_written_one_by_one_until_they_become_a_loop(event: str) -> None:
    limiter = LogLimiter()
    assert [limiter.offer(event, {}, n * 0.1) for n in range(12)] == [NOTHING] * 10 + [None] * 2


def test_amounts_are_added_up() -> None:
    limiter = LogLimiter()
    limiter.offer("held.dropped", {"ms": 100, "chunks": 5, "messages": 0}, 0)
    for _ in range(3):
        limiter.offer("held.dropped", {"ms": 20, "chunks": 1, "messages": 0, "reason": "too_old"}, 1)
    left_out = limiter.offer("held.dropped", {"ms": 20, "chunks": 1}, WINDOW_SECONDS)
    assert left_out is not None
    assert left_out.as_fields() == {"count": 3, "sums": {"ms": 60, "chunks": 3}}
    assert NOTHING.as_fields() == {}


def test_what_was_left_out_at_the_end_is_told_once() -> None:
    limiter = LogLimiter()
    for _ in range(4):
        limiter.offer("upstream.error", {}, 0)
    limiter.offer("client.gone", {}, 0)
    assert limiter.finish() == [("upstream.error", "", LeftOut(3, {}))]
    assert limiter.finish() == []


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "session.ready"]), st.floats(0, 9)), max_size=100))
def test_lines_and_counts_together_are_all_events(steps: list[tuple[str, float]]) -> None:
    limiter, now, told = LogLimiter(), 0.0, 0
    for event, wait in steps:
        now += wait
        left_out = limiter.offer(event, {}, now)
        told += 0 if left_out is None else 1 + left_out.count
    assert told + sum(left_out.count for *_, left_out in limiter.finish()) == len(steps)


def test_invented_names_take_no_memory() -> None:
    limiter = LogLimiter()
    for number in range(1000):
        limiter.offer(f"name.{number}", {}, 0)
    assert len(limiter.finish()) == 1


def test_kinds_of_an_event_have_limits_of_their_own() -> None:
    limiter = LogLimiter()
    assert [limiter.offer("x", {}, 0, kind=kind) for kind in ("a", "b", "a")] == [NOTHING, NOTHING, None]
    assert limiter.finish() == [("x", "a", LeftOut(1, {}))]
