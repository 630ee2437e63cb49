"""What must have arrived by the end of a stretch with a session, and when the session counts as mute."""

from __future__ import annotations

from loadtests.callers.session_interval import IN_FLIGHT_MS, MUTE_SECONDS, SessionInterval


def test_of_a_long_stretch_all_but_its_end_must_have_arrived() -> None:
    interval = SessionInterval()
    interval.begin(0.0)
    interval.end(20.0, 20_000)
    assert interval.expected_ms == 20_000 - IN_FLIGHT_MS
    interval.end(30.0, 90_000)
    assert interval.expected_ms == 20_000 - IN_FLIGHT_MS, "there was no session any more"


def test_a_short_stretch_promises_nothing() -> None:
    interval = SessionInterval()
    interval.begin(0.0)
    interval.end(6.0, 6_000)
    assert interval.expected_ms == 0


def test_a_long_wait_without_an_answer_is_a_mute_session() -> None:
    interval = SessionInterval()
    interval.begin(0.0)
    interval.expect_answer(1.0)
    interval.expect_answer(5.0)
    assert interval.end(1.0 + MUTE_SECONDS, 0)
    assert not interval.end(99.0, 0), "it is told once"


def test_a_sign_of_an_answer_ends_the_wait() -> None:
    interval = SessionInterval()
    interval.begin(0.0)
    interval.expect_answer(1.0)
    interval.answer_seen()
    assert not interval.end(20.0, 0)


def test_a_wait_continues_after_a_loss_without_the_time_in_between() -> None:
    interval = SessionInterval()
    interval.begin(0.0)
    interval.expect_answer(1.0)
    assert not interval.end(6.0, 0)
    interval.begin(60.0)
    assert not interval.end(62.0, 0)
    interval.begin(70.0)
    assert interval.end(71.5, 0)


def test_without_a_request_no_answer_is_awaited() -> None:
    interval = SessionInterval()
    interval.begin(0.0)
    assert not interval.end(60.0, 0)
