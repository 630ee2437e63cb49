"""One caller's talk, on a clock that the test turns: what it sends when, and what it makes of what it hears."""

from __future__ import annotations

import json

import pytest

from loadtests.callers.speech_clock import CATCH_UP_SECONDS
from loadtests.scenarios.behaviour import CallerBehaviour
from tests.loadtests.session_harness import DONE, READY, START, SessionHarness, message, ready_session


def test_it_asks_for_its_session_and_waits_until_it_is_ready() -> None:
    desk = SessionHarness()
    desk.run_for(0.5)
    assert desk.messages == ["create_session"]
    assert desk.chunks == []
    desk.receive(READY)
    desk.run_for(0.1)
    assert len(desk.chunks) >= 4
    assert desk.ms("ready") == pytest.approx(500, rel=0.01)


def test_who_sees_a_microphone_speaks_before_that() -> None:
    desk = SessionHarness(CallerBehaviour(chunk_ms=20, speech_ms=100, speaks_before_ready=True))
    desk.run_for(0.1)
    assert desk.chunks == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])


def test_chunks_go_out_when_they_are_due_and_are_the_callers_own() -> None:
    desk = ready_session()
    desk.run_for(0.2)
    assert desk.chunks == pytest.approx([0.02 * step for step in range(10)], abs=0.021)
    assert all(len(frame) == 960 for _, frame in desk.sent if isinstance(frame, bytes))
    assert desk.session.audio_source.sent_ms == 20 * len(desk.chunks)
    assert desk.total("chunks") == len(desk.chunks)


def test_latency_counts_from_when_the_last_word_was_due() -> None:
    desk = ready_session()
    due = desk.session.speech_clock.due + 0.08
    desk.run_for(0.5)
    desk.receive(message("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    assert desk.ms("first_audio") == pytest.approx((desk.now - due) * 1000, rel=0.03)


def test_a_target_that_stalls_the_caller_is_not_flattered() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=100, answer_timeout_ms=8000))
    due = desk.session.speech_clock.due + 0.08
    desk.run_for(0.05)
    desk.stall(5.0)
    desk.run_for(0.1)
    assert desk.session.answer_timer.waiting_since == pytest.approx(due, abs=0.025)
    desk.receive(DONE)
    assert desk.ms("turn") == pytest.approx((desk.now - due) * 1000, rel=0.01)


def test_a_stall_is_caught_up_to_a_second_and_what_is_older_is_passed_over() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=10_000))
    desk.run_for(0.1)
    before = len(desk.chunks)
    desk.stall(3.0)
    desk.run_for(0.02)
    caught_up = len(desk.chunks) - before
    assert caught_up == pytest.approx(CATCH_UP_SECONDS * 50, abs=2)
    assert desk.total("passed_over_ms") == pytest.approx(2000, abs=40)


def test_lateness_is_our_own_unless_the_target_held_us_up() -> None:
    desk = ready_session()
    desk.run_for(0.02)
    desk.stall(0.3)
    desk.session.blocked_until = desk.now
    desk.run_for(0.02)
    desk.recorder.flush()
    assert (desk.ms("pace_lag") or 0) < 1
    desk.stall(0.3)
    desk.run_for(0.02)
    desk.recorder.flush()
    assert (desk.ms("pace_lag") or 0) > 250


def test_the_next_sentence_begins_a_pause_behind_the_answer() -> None:
    desk = ready_session()
    desk.run_for(0.3)
    assert not desk.session.speech_clock.is_speaking
    desk.receive(DONE)
    desk.run_for(0.06)
    assert 0 < desk.session.speech_clock.spoken_ms < 100
    assert desk.total("turns") == 1


def test_an_answer_that_never_comes_is_waited_for_and_counted() -> None:
    desk = ready_session()
    desk.run_for(2.3)
    assert desk.total("unanswered_turns") == 1
    assert desk.session.answer_timer.waiting_since is not None  # the next sentence was spoken


def test_a_failed_answer_is_none_and_a_cancelled_one_says_nothing() -> None:
    desk = ready_session()
    desk.run_for(0.2)
    desk.receive(message("response.done", response={"status": "cancelled"}))
    assert desk.session.answer_timer.waiting_since is not None
    desk.receive(message("response.done", response={"status": "failed"}))
    assert desk.session.answer_timer.waiting_since is None
    assert (desk.total("turns"), desk.total("unanswered_turns")) == (0, 1)


def test_who_cuts_in_says_what_was_heard_and_speaks_on_at_once() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=100, interrupt_after_ms=40))
    desk.run_for(0.2)
    for _ in range(2):
        desk.receive(message("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    desk.run_for(0.03)
    assert desk.messages[-1] == "interrupt"
    (cut,) = [json.loads(frame) for _, frame in desk.sent if isinstance(frame, str) and "interrupt" in frame]
    assert (cut["itemId"], cut["playedMs"]) == ("i", 40)
    assert desk.session.speech_clock.is_speaking
    assert desk.total("turns") == 1
    assert desk.ms("turn") is None


def test_bad_messages_come_at_their_rate_whatever_the_chunks_are() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=100, speech_ms=300, bad_messages_per_second=20))
    desk.run_for(2.0)
    assert desk.messages.count("no_such_message") == pytest.approx(40, abs=3)


def test_typed_turns_count_from_when_they_were_due() -> None:
    desk = ready_session(CallerBehaviour(sends_text=True, pause_ms=500, answer_timeout_ms=2000))
    desk.run_for(0.7)
    assert desk.messages == ["create_session", "text"]
    desk.receive(DONE)
    desk.run_for(0.4)
    assert desk.messages.count("text") == 1
    desk.run_for(0.2)
    assert desk.messages.count("text") == 2
    assert desk.chunks == []
    assert desk.session.answer_timer.waiting_since == pytest.approx(START + 1.2, abs=0.001)


def test_typed_turns_without_an_answer_go_on_as_well() -> None:
    desk = ready_session(CallerBehaviour(sends_text=True, pause_ms=500, answer_timeout_ms=1000))
    desk.run_for(1.7)
    assert desk.messages.count("text") == 2
    assert desk.total("unanswered_turns") == 1


def test_a_call_is_done_after_its_turns() -> None:
    desk = ready_session(CallerBehaviour(chunk_ms=20, speech_ms=100, turns=1))
    desk.run_for(0.3)
    assert not desk.session.is_done
    desk.receive(DONE)
    assert desk.session.is_done
    assert not desk.session.has_failed
