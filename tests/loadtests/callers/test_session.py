"""One caller's talk, on a clock that the test turns: what it sends when, and what it makes of what it hears."""

from __future__ import annotations

import json

import pytest

from loadtests.callers.speech_clock import CATCH_UP_SECONDS
from loadtests.scenarios.behaviour import Behaviour
from tests.loadtests.session_harness import DONE, READY, START, Desk, ready, said


def test_it_asks_for_its_session_and_waits_until_it_is_ready() -> None:
    desk = Desk()
    desk.goes_on(0.5)
    assert desk.messages == ["create_session"]
    assert desk.chunks == []
    desk.hears(READY)
    desk.goes_on(0.1)
    assert len(desk.chunks) >= 4
    assert desk.ms("ready") == pytest.approx(500, rel=0.01)


def test_who_sees_a_microphone_speaks_before_that() -> None:
    desk = Desk(Behaviour(chunk_ms=20, speech_ms=100, speaks_before_ready=True))
    desk.goes_on(0.1)
    assert desk.chunks == pytest.approx([0.0, 0.02, 0.04, 0.06, 0.08])


def test_chunks_go_out_when_they_are_due_and_are_the_callers_own() -> None:
    desk = ready()
    desk.goes_on(0.2)
    assert desk.chunks == pytest.approx([0.02 * step for step in range(10)], abs=0.021)
    assert all(len(frame) == 960 for _, frame in desk.sent if isinstance(frame, bytes))
    assert desk.talk.source.sent_ms == 20 * len(desk.chunks)
    assert desk.total("chunks") == len(desk.chunks)


def test_latency_counts_from_when_the_last_word_was_due() -> None:
    desk = ready()
    due = desk.talk.pace.due + 0.08
    desk.goes_on(0.5)
    desk.hears(said("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    assert desk.ms("first_audio") == pytest.approx((desk.now - due) * 1000, rel=0.03)


def test_a_target_that_stalls_the_caller_is_not_flattered() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=100, listen_ms=8000))
    due = desk.talk.pace.due + 0.08
    desk.goes_on(0.05)
    desk.stalls(5.0)
    desk.goes_on(0.1)
    assert desk.talk.answers.owed_since == pytest.approx(due, abs=0.025)
    desk.hears(DONE)
    assert desk.ms("turn") == pytest.approx((desk.now - due) * 1000, rel=0.01)


def test_a_stall_is_caught_up_to_a_second_and_what_is_older_is_passed_over() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=10_000))
    desk.goes_on(0.1)
    before = len(desk.chunks)
    desk.stalls(3.0)
    desk.goes_on(0.02)
    caught_up = len(desk.chunks) - before
    assert caught_up == pytest.approx(CATCH_UP_SECONDS * 50, abs=2)
    assert desk.total("passed_over_ms") == pytest.approx(2000, abs=40)


def test_lateness_is_our_own_unless_the_target_held_us_up() -> None:
    desk = ready()
    desk.goes_on(0.02)
    desk.stalls(0.3)
    desk.talk.held_up_until = desk.now
    desk.goes_on(0.02)
    desk.meter.flush()
    assert (desk.ms("pace_lag") or 0) < 1
    desk.stalls(0.3)
    desk.goes_on(0.02)
    desk.meter.flush()
    assert (desk.ms("pace_lag") or 0) > 250


def test_the_next_sentence_begins_a_pause_behind_the_answer() -> None:
    desk = ready()
    desk.goes_on(0.3)
    assert not desk.talk.pace.is_speaking
    desk.hears(DONE)
    desk.goes_on(0.06)
    assert 0 < desk.talk.pace.spoken_ms < 100
    assert desk.total("turns") == 1


def test_an_answer_that_never_comes_is_waited_for_and_counted() -> None:
    desk = ready()
    desk.goes_on(2.3)
    assert desk.total("unanswered_turns") == 1
    assert desk.talk.answers.owed_since is not None  # the next sentence was spoken


def test_a_failed_answer_is_none_and_a_cancelled_one_says_nothing() -> None:
    desk = ready()
    desk.goes_on(0.2)
    desk.hears(said("response.done", response={"status": "cancelled"}))
    assert desk.talk.answers.owed_since is not None
    desk.hears(said("response.done", response={"status": "failed"}))
    assert desk.talk.answers.owed_since is None
    assert (desk.total("turns"), desk.total("unanswered_turns")) == (0, 1)


def test_who_cuts_in_says_what_was_heard_and_speaks_on_at_once() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=100, interrupts_after_ms=40))
    desk.goes_on(0.2)
    for _ in range(2):
        desk.hears(said("response.output_audio.delta", item_id="i", delta="AAAA" * 320))
    desk.goes_on(0.03)
    assert desk.messages[-1] == "interrupt"
    (cut,) = [json.loads(frame) for _, frame in desk.sent if isinstance(frame, str) and "interrupt" in frame]
    assert (cut["itemId"], cut["playedMs"]) == ("i", 40)
    assert desk.talk.pace.is_speaking
    assert desk.total("turns") == 1
    assert desk.ms("turn") is None


def test_bad_messages_come_at_their_rate_whatever_the_chunks_are() -> None:
    desk = ready(Behaviour(chunk_ms=100, speech_ms=300, bad_messages_per_second=20))
    desk.goes_on(2.0)
    assert desk.messages.count("no_such_message") == pytest.approx(40, abs=3)


def test_typed_turns_count_from_when_they_were_due() -> None:
    desk = ready(Behaviour(typed=True, pause_ms=500, listen_ms=2000))
    desk.goes_on(0.7)
    assert desk.messages == ["create_session", "text"]
    desk.hears(DONE)
    desk.goes_on(0.4)
    assert desk.messages.count("text") == 1
    desk.goes_on(0.2)
    assert desk.messages.count("text") == 2
    assert desk.chunks == []
    assert desk.talk.answers.owed_since == pytest.approx(START + 1.2, abs=0.001)


def test_typed_turns_without_an_answer_go_on_as_well() -> None:
    desk = ready(Behaviour(typed=True, pause_ms=500, listen_ms=1000))
    desk.goes_on(1.7)
    assert desk.messages.count("text") == 2
    assert desk.total("unanswered_turns") == 1


def test_a_call_is_done_after_its_turns() -> None:
    desk = ready(Behaviour(chunk_ms=20, speech_ms=100, turns=1))
    desk.goes_on(0.3)
    assert not desk.talk.is_done
    desk.hears(DONE)
    assert desk.talk.is_done
    assert not desk.talk.has_failed
