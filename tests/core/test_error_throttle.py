from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.pacing.error_throttle import ErrorMessage, ErrorThrottle

ERRORS = st.builds(
    ErrorMessage,
    code=st.sampled_from("ABC"),
    message=st.just("x"),
    retryable=st.booleans(),
    terminal=st.booleans(),
)


def error(code: str, *, retryable: bool = True, terminal: bool = False) -> ErrorMessage:
    return ErrorMessage(code=code, message=code, retryable=retryable, terminal=terminal)


def codes(throttle: ErrorThrottle, *times: float) -> list[str | None]:
    return [released.error.code if (released := throttle.pop_due(now)) else None for now in times]


def test_the_first_error_is_sent_at_once_and_the_next_when_the_window_opens() -> None:
    throttle = ErrorThrottle()
    assert throttle.deadline is None
    released = throttle.offer(error("a"), 1.0)
    assert released is not None
    assert released.suppressed == 0
    assert throttle.offer(error("b"), 2.9) is None
    assert throttle.deadline == 3.0
    assert codes(throttle, 2.99, 3.0, 3.0) == [None, "b", None]


def test_the_window_begins_again_with_every_error_that_is_sent() -> None:
    throttle = ErrorThrottle()
    throttle.offer(error("a"), 0.0)
    throttle.offer(error("b"), 1.0)
    assert codes(throttle, 2.0) == ["b"]
    assert throttle.offer(error("c"), 3.0) is None
    assert codes(throttle, 3.9, 4.0) == [None, "c"]


def test_terminal_errors_come_first_then_permanent_ones_then_the_latest() -> None:
    throttle = ErrorThrottle()
    throttle.offer(error("first"), 0.0)
    for one in (error("hopeless", retryable=False), error("end", terminal=True), error("late")):
        throttle.offer(one, 0.5)
    released = throttle.pop_due(2.0)
    assert released is not None
    assert (released.error.code, released.suppressed) == ("end", 2)


def test_terminal_errors_of_one_code_merge_and_those_of_other_codes_wait() -> None:
    throttle = ErrorThrottle()
    throttle.offer(error("first"), 0.0)
    for code in ("A", "B", "A"):
        throttle.offer(error(code, terminal=True), 0.5)
    assert codes(throttle, 2.0, 3.9, 4.0, 6.0) == ["A", None, "B", None]


def test_the_flush_before_a_close_empties_it() -> None:
    throttle = ErrorThrottle()
    assert throttle.flush(0.0) is None
    throttle.offer(error("first"), 0.0)
    for one in (error("A", terminal=True), error("B", retryable=False, terminal=True), error("c")):
        throttle.offer(one, 0.5)
    released = throttle.flush(0.6)
    assert released is not None
    assert (released.error.code, released.suppressed) == ("B", 2)
    assert throttle.deadline is None


@given(st.lists(st.tuples(ERRORS, st.floats(0, 3)), max_size=40))
def test_no_error_is_swallowed_and_the_window_is_kept(offered: list[tuple[ErrorMessage, float]]) -> None:
    throttle, now = ErrorThrottle(), 0.0
    out = []
    for one, wait in offered:
        now += wait
        out += [(now, released) for released in [throttle.offer(one, now)] if released]
    while throttle.deadline is not None:
        now = max(now, throttle.deadline)
        out += [(now, released) for released in [throttle.pop_due(now)] if released]
    assert sum(released.suppressed + 1 for _, released in out) == len(offered)
    assert all(later >= earlier + 2.0 for (earlier, _), (later, _) in itertools.pairwise(out))
    ends = {one.code for one, _ in offered if one.terminal}
    assert {released.error.code for _, released in out if released.error.terminal} == ends
