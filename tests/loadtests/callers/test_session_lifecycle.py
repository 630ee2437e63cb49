"""A caller's session after losses: when it is requested again, and what is recorded."""

from __future__ import annotations

import pytest

from loadtests.callers.session_lifecycle import READY_SECONDS
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint
from tests.loadtests.session_harness import READY, START, SessionHarness, message, ready_session


def test_a_loss_lasts_until_the_next_session_is_ready_and_speech_goes_on_meanwhile() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=10_000))
    harness.run_for(0.1)
    harness.receive(message("reconnecting", attempt=1))
    assert not harness.session.lifecycle.is_ready
    before = len(harness.chunks)
    harness.run_for(0.5)
    harness.receive(message("reconnecting", attempt=2))
    harness.run_for(0.5)
    assert len(harness.chunks) - before == pytest.approx(50, abs=2)
    harness.receive(message("reconnected", generation=2, resentMs=120))
    assert harness.ms("reconnect") == pytest.approx(1000, rel=0.01)
    assert (harness.total("reconnections"), harness.total("resent_ms"), harness.session.resent_ms) == (1, 120, 120)
    assert harness.total("ready") == 1


def test_a_session_that_failed_is_asked_for_again_with_a_wait() -> None:
    harness = SessionHarness()
    harness.receive(
        message("error", code="SESSION_INITIALIZATION_FAILED", retryable=True, detail={"retryAfterMs": 2000})
    )
    harness.run_for(1.9)
    assert harness.messages == ["create_session"]
    harness.run_for(0.2)
    assert harness.messages == ["create_session", "create_session"]
    harness.receive(READY)
    assert harness.ms("ready") == pytest.approx(2100, rel=0.01)  # since the caller wanted it, not since he asked last
    assert harness.recorder.attempts.failed == 1
    assert harness.total("failed_calls") == 0


def test_a_session_that_fails_later_is_requested_again_and_nothing_is_sent_meanwhile() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=10_000))
    harness.run_for(0.1)
    harness.receive(message("reconnecting", attempt=1))
    harness.run_for(1.0)
    before = len(harness.chunks)
    harness.receive(message("error", code="CONNECTION_LOST", retryable=True, detail={"retryAfterMs": 1000}))
    harness.run_for(0.9)
    assert len(harness.chunks) == before
    assert harness.total("passed_over_ms") == pytest.approx(900, abs=40)
    harness.run_for(0.2)
    assert harness.messages.count("create_session") == 2
    harness.receive(message("session_ready", generation=9))
    assert harness.ms("reconnect") == pytest.approx(2100, rel=0.01)
    assert harness.total("reconnections") == 0


def test_what_cannot_get_better_is_not_asked_for_again() -> None:
    harness = SessionHarness()
    harness.receive(message("error", code="QUOTA_EXHAUSTED", retryable=False))
    harness.run_for(20)
    assert harness.messages == ["create_session"]
    assert harness.session.is_done
    assert harness.session.lifecycle.has_failed
    assert not harness.session.lifecycle.is_requested
    assert harness.total("failed_calls") == 1


def test_an_error_that_ends_nothing_changes_nothing() -> None:
    harness = ready_session()
    harness.receive(message("error", code="INVALID_MESSAGE", retryable=False))
    harness.run_for(1.0)
    assert harness.messages == ["create_session"]
    assert harness.session.lifecycle.is_ready
    assert harness.total("errors") == 1


def test_a_session_that_only_grew_too_old_is_asked_for_again_once() -> None:
    harness = ready_session()
    harness.receive(
        message("error", code="SESSION_EXPIRED", retryable=True), message("session_closed", reason="expired")
    )
    harness.run_for(9)
    assert harness.messages.count("create_session") == 2
    assert harness.recorder.attempts.failed == 1


def test_a_session_that_never_comes_is_a_failed_call() -> None:
    harness = SessionHarness(CallerBehaviour(speaks_before_ready=True))
    for attempt in range(4):
        harness.receive(message("session_initializing", attempt=attempt))
        harness.run_for((READY_SECONDS - 1) / 4)
    assert not harness.session.is_done
    harness.run_for(2)
    assert harness.session.lifecycle.has_failed
    assert (harness.total("failed_calls"), harness.total("stranded_calls")) == (1, 0)


def test_nothing_is_sent_to_a_draining_bridge() -> None:
    harness = ready_session()
    harness.run_for(0.1)
    harness.receive(message("session_closed", reason="draining"))
    before = len(harness.chunks)
    harness.run_for(1)
    assert len(harness.chunks) == before
    assert not harness.session.lifecycle.is_requested


def test_a_reconnect_is_measured_and_audio_in_between_is_skipped() -> None:
    harness = SessionHarness(CallerBehaviour(chunk_ms=20, speech_ms=10_000), lost_at=START - 1.0)
    harness.run_for(0.5)
    harness.receive(READY)
    assert harness.ms("reconnect") == pytest.approx(1500, rel=0.01)
    assert harness.total("passed_over_ms") == pytest.approx(500, abs=40)


def test_a_first_call_speaks_into_nothing_before_it_is_ready() -> None:
    harness = SessionHarness()
    harness.run_for(0.5)
    assert harness.total("passed_over_ms") == 0


def test_a_socket_that_breaks_is_a_loss_only_where_there_was_a_session() -> None:
    never, once = SessionHarness(), ready_session()
    never.session.lifecycle.lost(START + 1)
    once.session.lifecycle.lost(START + 1)
    assert never.session.lifecycle.lost_at is None
    assert once.session.lifecycle.lost_at == START + 1


def test_what_the_bridge_gives_up_and_what_comes_late_is_counted() -> None:
    harness = ready_session()
    harness.receive(message("audio_dropped", ms=420), message("audio_dropped", ms=80))
    harness.receive(message("reconnected", generation=5), message("reconnecting", generation=4))
    assert (harness.total("dropped_ms"), harness.total("stale_events")) == (500, 1)
    harness.session.lifecycle.is_leaving = True
    harness.receive(message("audio_dropped", ms=40))
    assert harness.total("dropped_ms") == 500


def test_an_sdk_that_sees_the_session_updated_again_counts_a_reconnection() -> None:
    harness = SessionHarness(CallerBehaviour(endpoint=TargetEndpoint.NATIVE, chunk_ms=20, speech_ms=100))
    harness.receive(message("session.created"), message("session.updated"))
    assert harness.total("reconnections") == 0
    harness.receive(message("session.updated"))
    assert harness.total("reconnections") == 1
