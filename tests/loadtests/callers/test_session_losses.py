"""A caller's talk when sessions are lost: who is asked again, when, and what is measured of it."""

from __future__ import annotations

import pytest

from loadtests.callers.session import READY_SECONDS
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint
from tests.loadtests.session_harness import READY, START, SessionHarness, message, ready_session


def test_a_loss_lasts_until_the_next_session_is_ready_and_speech_goes_on_meanwhile() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=10_000))
    desk.run_for(0.1)
    desk.receive(message("reconnecting", attempt=1))
    assert not desk.session.is_ready
    before = len(desk.chunks)
    desk.run_for(0.5)
    desk.receive(message("reconnecting", attempt=2))
    desk.run_for(0.5)
    assert len(desk.chunks) - before == pytest.approx(50, abs=2)
    desk.receive(message("reconnected", generation=2, resentMs=120))
    assert desk.ms("reconnect") == pytest.approx(1000, rel=0.01)
    assert (desk.total("reconnections"), desk.total("resent_ms"), desk.session.resent_ms) == (1, 120, 120)
    assert desk.total("ready") == 1


def test_a_session_that_failed_is_asked_for_again_with_a_wait() -> None:
    desk = SessionHarness()
    desk.receive(message("error", code="SESSION_INITIALIZATION_FAILED", retryable=True, detail={"retryAfterMs": 2000}))
    desk.run_for(1.9)
    assert desk.messages == ["create_session"]
    desk.run_for(0.2)
    assert desk.messages == ["create_session", "create_session"]
    desk.receive(READY)
    assert desk.ms("ready") == pytest.approx(2100, rel=0.01)  # since the caller wanted it, not since he asked last
    assert desk.recorder.attempts.failed == 1
    assert desk.total("failed_calls") == 0


def test_a_session_that_is_given_up_later_is_asked_for_again_and_nothing_is_said_meanwhile() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=10_000))
    desk.run_for(0.1)
    desk.receive(message("reconnecting", attempt=1))
    desk.run_for(1.0)
    before = len(desk.chunks)
    desk.receive(message("error", code="CONNECTION_LOST", retryable=True, detail={"retryAfterMs": 1000}))
    desk.run_for(0.9)
    assert len(desk.chunks) == before
    assert desk.total("passed_over_ms") == pytest.approx(900, abs=40)
    desk.run_for(0.2)
    assert desk.messages.count("create_session") == 2
    desk.receive(message("session_ready", generation=9))
    assert desk.ms("reconnect") == pytest.approx(2100, rel=0.01)
    assert desk.total("reconnections") == 0


def test_what_cannot_get_better_is_not_asked_for_again() -> None:
    desk = SessionHarness()
    desk.receive(message("error", code="QUOTA_EXHAUSTED", retryable=False))
    desk.run_for(20)
    assert desk.messages == ["create_session"]
    assert desk.session.is_done
    assert desk.session.has_failed
    assert not desk.session.has_session
    assert desk.total("failed_calls") == 1


def test_an_error_that_ends_nothing_changes_nothing() -> None:
    desk = ready_session()
    desk.receive(message("error", code="INVALID_MESSAGE", retryable=False))
    desk.run_for(1.0)
    assert desk.messages == ["create_session"]
    assert desk.session.is_ready
    assert desk.total("errors") == 1


def test_a_session_that_only_grew_too_old_is_asked_for_again_once() -> None:
    desk = ready_session()
    desk.receive(message("error", code="SESSION_EXPIRED", retryable=True), message("session_closed", reason="expired"))
    desk.run_for(9)
    assert desk.messages.count("create_session") == 2
    assert desk.recorder.attempts.failed == 1


def test_a_session_that_never_comes_is_a_failed_call() -> None:
    desk = SessionHarness(CallerBehaviour(speaks_before_ready=True))
    for attempt in range(4):
        desk.receive(message("session_initializing", attempt=attempt))
        desk.run_for((READY_SECONDS - 1) / 4)
    assert not desk.session.is_done
    desk.run_for(2)
    assert desk.session.has_failed
    assert (desk.total("failed_calls"), desk.total("stranded_calls")) == (1, 0)


def test_nobody_speaks_to_a_bridge_that_is_going_down() -> None:
    desk = ready_session()
    desk.run_for(0.1)
    desk.receive(message("session_closed", reason="draining"))
    before = len(desk.chunks)
    desk.run_for(1)
    assert len(desk.chunks) == before
    assert not desk.session.has_session


def test_who_comes_back_from_a_loss_measures_it_and_spoke_into_nothing_meanwhile() -> None:
    desk = SessionHarness(CallerBehaviour(chunk_ms=20, speech_ms=10_000), lost_at=START - 1.0)
    desk.run_for(0.5)
    desk.receive(READY)
    assert desk.ms("reconnect") == pytest.approx(1500, rel=0.01)
    assert desk.total("passed_over_ms") == pytest.approx(500, abs=40)


def test_a_first_call_speaks_into_nothing_before_it_is_ready() -> None:
    desk = SessionHarness()
    desk.run_for(0.5)
    assert desk.total("passed_over_ms") == 0


def test_a_socket_that_breaks_is_a_loss_only_where_there_was_a_session() -> None:
    never, once = SessionHarness(), ready_session()
    never.session.session_lost(START + 1)
    once.session.session_lost(START + 1)
    assert never.session.lost_at is None
    assert once.session.lost_at == START + 1


def test_what_the_bridge_gives_up_and_what_comes_late_is_counted() -> None:
    desk = ready_session()
    desk.receive(message("audio_dropped", ms=420), message("audio_dropped", ms=80))
    desk.receive(message("reconnected", generation=5), message("reconnecting", generation=4))
    assert (desk.total("dropped_ms"), desk.total("stale_events")) == (500, 1)
    desk.session.is_leaving = True
    desk.receive(message("audio_dropped", ms=40))
    assert desk.total("dropped_ms") == 500


def test_an_sdk_that_sees_the_session_updated_again_counts_a_reconnection() -> None:
    desk = SessionHarness(CallerBehaviour(endpoint=TargetEndpoint.NATIVE, chunk_ms=20, speech_ms=100))
    desk.receive(message("session.created"), message("session.updated"))
    assert desk.total("reconnections") == 0
    desk.receive(message("session.updated"))
    assert desk.total("reconnections") == 1
