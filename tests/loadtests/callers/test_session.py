"""A caller's session on a clock that the test advances: what it sends when, and how it reacts to frames."""

from __future__ import annotations

import json

import pytest

from loadtests.callers.bad_messages import MESSAGES
from loadtests.callers.speech_clock import CATCH_UP_SECONDS
from loadtests.scenarios.behaviour import CallerBehaviour
from tests.loadtests.session_harness import DONE, READY, START, SessionHarness, message, ready_session


def test_it_asks_for_its_session_and_waits_until_it_is_ready() -> None:
    harness = SessionHarness()
    harness.run_for(0.5)
    assert harness.messages == ["create_session"]
    assert harness.chunks == []
    harness.receive(READY)
    harness.run_for(0.1)
    assert len(harness.chunks) >= 4
    assert harness.ms("ready") == pytest.approx(500, rel=0.01)


def test_a_caller_can_speak_before_the_session_is_ready() -> None:
    harness = SessionHarness(CallerBehaviour(chunk_ms=20, speech_ms=100, speaks_before_ready=True))
    harness.run_for(0.1)
    assert harness.chunks == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])


def test_chunks_go_out_when_they_are_due_and_are_the_callers_own() -> None:
    harness = ready_session()
    harness.run_for(0.2)
    assert harness.chunks == pytest.approx([0.02 * step for step in range(10)], abs=0.021)
    assert all(len(frame) == 960 for _, frame in harness.sent if isinstance(frame, bytes))
    assert harness.session.audio_source.sent_ms == 20 * len(harness.chunks)
    assert harness.total("chunks") == len(harness.chunks)


def test_latency_counts_from_when_the_last_word_was_due() -> None:
    harness = ready_session()
    due = harness.session.speech_clock.due + 0.08
    harness.run_for(0.5)
    harness.receive(message("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    assert harness.ms("first_audio") == pytest.approx((harness.now - due) * 1000, rel=0.03)


def test_what_answers_and_transcripts_took_is_recorded_whether_or_not_a_turn_waits() -> None:
    harness = ready_session()
    harness.receive(
        message("session.updated", session={"model": "gpt-realtime-2.1"}),
        message("response.done", response={"status": "cancelled", "usage": {"output_tokens": 1000}}),
        message("conversation.item.input_audio_transcription.completed", usage={"type": "duration", "seconds": 2}),
    )
    assert harness.total("output_tokens") == 1000
    assert harness.total("cost_usd") == pytest.approx(0.024)
    assert (harness.total("transcribed_ms"), harness.total("unpriced")) == (2000, 1)


def test_a_target_that_stalls_the_caller_is_not_flattered() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=100, answer_timeout_ms=8000))
    due = harness.session.speech_clock.due + 0.08
    harness.run_for(0.05)
    harness.stall(5.0)
    harness.run_for(0.1)
    assert harness.session.answer_timer.waiting_since == pytest.approx(due, abs=0.025)
    harness.receive(DONE)
    assert harness.ms("turn") == pytest.approx((harness.now - due) * 1000, rel=0.01)


def test_a_stall_is_caught_up_to_a_second_and_what_is_older_is_passed_over() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=10_000))
    harness.run_for(0.1)
    before = len(harness.chunks)
    harness.stall(3.0)
    harness.run_for(0.02)
    caught_up = len(harness.chunks) - before
    assert caught_up == pytest.approx(CATCH_UP_SECONDS * 50, abs=2)
    assert harness.total("passed_over_ms") == pytest.approx(2000, abs=40)


def test_lateness_is_our_own_unless_the_target_blocked_us() -> None:
    harness = ready_session()
    harness.run_for(0.02)
    harness.stall(0.3)
    harness.session.blocked_until = harness.now
    harness.run_for(0.02)
    harness.recorder.flush()
    assert (harness.ms("pace_lag") or 0) < 1
    harness.stall(0.3)
    harness.run_for(0.02)
    harness.recorder.flush()
    assert (harness.ms("pace_lag") or 0) > 250


def test_the_next_sentence_begins_a_pause_behind_the_answer() -> None:
    harness = ready_session()
    harness.run_for(0.3)
    assert not harness.session.speech_clock.is_speaking
    harness.receive(DONE)
    harness.run_for(0.06)
    assert 0 < harness.session.speech_clock.spoken_ms < 100
    assert harness.total("turns") == 1


def test_an_answer_that_never_comes_is_waited_for_and_counted() -> None:
    harness = ready_session()
    harness.run_for(2.3)
    assert harness.total("unanswered_turns") == 1
    assert harness.session.answer_timer.waiting_since is not None  # the next sentence was spoken


def test_a_failed_answer_does_not_count_and_a_cancelled_one_is_ignored() -> None:
    harness = ready_session()
    harness.run_for(0.2)
    harness.receive(message("response.done", response={"status": "cancelled"}))
    assert harness.session.answer_timer.waiting_since is not None
    harness.receive(message("response.done", response={"status": "failed"}))
    assert harness.session.answer_timer.waiting_since is None
    assert (harness.total("turns"), harness.total("unanswered_turns")) == (0, 1)


def test_an_interruption_says_what_was_played_and_the_next_sentence_starts() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=100, interrupt_after_ms=40))
    harness.run_for(0.2)
    for _ in range(2):
        harness.receive(message("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    harness.run_for(0.03)
    assert harness.messages[-1] == "interrupt"
    (cut,) = [json.loads(frame) for _, frame in harness.sent if isinstance(frame, str) and "interrupt" in frame]
    assert (cut["itemId"], cut["playedMs"]) == ("i", 40)
    assert harness.session.speech_clock.is_speaking
    assert harness.total("turns") == 1
    assert harness.ms("turn") is None


def test_bad_messages_come_at_their_rate_whatever_the_chunks_are() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=100, speech_ms=300, bad_messages_per_second=20))
    harness.run_for(2.0)
    assert sum(frame in MESSAGES for _, frame in harness.sent) == pytest.approx(40, abs=3)


def test_invalid_messages_without_any_error_count_as_unanswered() -> None:
    behaviour = CallerBehaviour(chunk_ms=100, speech_ms=300, bad_messages_per_second=20)
    ignored, told = ready_session(behaviour), ready_session(behaviour)
    for _ in range(6):
        told.receive(message("error", code="INVALID_MESSAGE", timestamp="2026-11-21T08:00:00.250Z"))
        ignored.run_for(1.9)
        told.run_for(1.9)
    assert (ignored.total("unanswered_messages"), told.total("unanswered_messages")) == (2, 0)


def test_typed_turns_count_from_when_they_were_due() -> None:
    harness = ready_session(CallerBehaviour(sends_text=True, pause_ms=500, answer_timeout_ms=2000))
    harness.run_for(0.7)
    assert harness.messages == ["create_session", "text"]
    harness.receive(DONE)
    harness.run_for(0.4)
    assert harness.messages.count("text") == 1
    harness.run_for(0.2)
    assert harness.messages.count("text") == 2
    assert harness.chunks == []
    assert harness.session.answer_timer.waiting_since == pytest.approx(START + 1.2, abs=0.001)


def test_typed_turns_without_an_answer_go_on_as_well() -> None:
    harness = ready_session(CallerBehaviour(sends_text=True, pause_ms=500, answer_timeout_ms=1000))
    harness.run_for(1.7)
    assert harness.messages.count("text") == 2
    assert harness.total("unanswered_turns") == 1


def test_a_call_is_done_after_its_turns() -> None:
    harness = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=100, turns=1))
    harness.run_for(0.3)
    assert not harness.session.is_done
    harness.receive(DONE)
    assert harness.session.is_done
    assert not harness.session.lifecycle.has_failed
