"""What must have arrived by the end of a stretch with a session, and who talked to nobody in it."""

from __future__ import annotations

from loadtests.callers.session_interval import IN_FLIGHT_MS, MUTE_SECONDS, SessionInterval


def test_of_a_long_stretch_all_but_its_end_must_have_arrived() -> None:
    spell = SessionInterval()
    spell.begin(0.0)
    spell.end(20.0, 20_000)
    assert spell.expected_ms == 20_000 - IN_FLIGHT_MS
    spell.end(30.0, 90_000)
    assert spell.expected_ms == 20_000 - IN_FLIGHT_MS, "there was no session any more"


def test_a_short_stretch_promises_nothing() -> None:
    spell = SessionInterval()
    spell.begin(0.0)
    spell.end(6.0, 6_000)
    assert spell.expected_ms == 0


def test_whoever_waits_too_long_for_any_sign_talks_to_nobody() -> None:
    spell = SessionInterval()
    spell.begin(0.0)
    spell.expect_answer(1.0)
    spell.expect_answer(5.0)
    assert spell.end(1.0 + MUTE_SECONDS, 0)
    assert not spell.end(99.0, 0), "it is told once"


def test_a_sign_of_an_answer_ends_the_wait() -> None:
    spell = SessionInterval()
    spell.begin(0.0)
    spell.expect_answer(1.0)
    spell.answer_seen()
    assert not spell.end(20.0, 0)


def test_a_wait_goes_on_behind_a_loss_and_time_without_a_session_does_not_count() -> None:
    spell = SessionInterval()
    spell.begin(0.0)
    spell.expect_answer(1.0)
    assert not spell.end(6.0, 0)
    spell.begin(60.0)
    assert not spell.end(62.0, 0)
    spell.begin(70.0)
    assert spell.end(71.5, 0)


def test_whoever_asked_nothing_waits_for_nothing() -> None:
    spell = SessionInterval()
    spell.begin(0.0)
    assert not spell.end(60.0, 0)
