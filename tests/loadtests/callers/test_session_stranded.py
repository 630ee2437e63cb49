"""A call whose bridge says nothing more: no attempt, and no error. It is counted, and the caller calls anew."""

from __future__ import annotations

import pytest

from loadtests.callers.session import READY_SECONDS
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint
from tests.loadtests.session_harness import DONE, READY, SessionHarness, message, ready_session

LOST = message("reconnecting", attempt=1, delayMs=1000)
INVALID = message("error", code="INVALID_MESSAGE", retryable=False)


def stranded(desk: SessionHarness) -> tuple[bool, float, float]:
    return desk.session.has_failed, desk.total("stranded_calls"), desk.total("failed_calls")


def test_a_lost_session_of_which_nothing_more_is_heard_strands_its_caller() -> None:
    desk = ready_session()
    desk.receive(LOST)
    desk.run_for(13.0)
    assert stranded(desk) == (False, 0, 0)
    desk.run_for(1.0)
    assert stranded(desk) == (True, 1, 1)


def test_other_errors_are_no_word_about_the_session() -> None:
    desk = ready_session()
    desk.receive(LOST)
    for _ in range(14):
        desk.run_for(1.0)
        desk.receive(INVALID)
    assert stranded(desk) == (True, 1, 1)


@pytest.mark.parametrize("word", [LOST, message("session_initializing", attempt=2)])
def test_every_attempt_that_is_told_is_waited_for(word: str) -> None:
    desk = ready_session()
    for _ in range(5):
        desk.receive(word)
        desk.run_for(13.0)
    assert stranded(desk) == (False, 0, 0)


@pytest.mark.parametrize(
    "word",
    [READY, message("session_closed", reason="draining"), message("error", code="CONNECTION_LOST", retryable=True)],
    ids=["ready", "over", "failed"],
)
def test_whoever_was_told_how_it_ended_is_not_stranded(word: str) -> None:
    desk = ready_session()
    desk.receive(LOST, word)
    desk.run_for(12.0)  # one that asks again begins to wait anew
    assert desk.total("stranded_calls") == 0


def test_a_bridge_that_never_says_a_word_behind_the_first_strands_its_caller_early() -> None:
    desk = SessionHarness()
    desk.run_for(13.0)
    assert stranded(desk) == (True, 1, 1)


def test_where_the_protocol_has_no_words_for_attempts_only_the_whole_wait_counts() -> None:
    desk = SessionHarness(CallerBehaviour(endpoint=TargetEndpoint.NATIVE, chunk_ms=20, speech_ms=100))
    desk.run_for(READY_SECONDS - 1)
    assert stranded(desk) == (False, 0, 0)
    desk.run_for(2)
    assert stranded(desk) == (True, 0, 1)


def test_a_session_that_nobody_asked_to_end_is_counted_and_one_that_grew_too_old_is_not() -> None:
    for reason, times in (("ended", 1), ("expired", 0), ("draining", 0)):
        desk = ready_session()
        desk.receive(message("session_closed", reason=reason))
        assert desk.total("uncalled_ends") == times, reason
    desk = ready_session()
    desk.session.is_leaving = True
    desk.receive(message("session_closed", reason="ended"))
    assert desk.total("uncalled_ends") == 0


def test_whoever_hangs_up_long_behind_a_loss_was_left_waiting() -> None:
    for seconds, times in ((11.0, 0), (12.4, 1)):
        desk = ready_session()
        desk.receive(LOST)
        desk.run_for(seconds)
        desk.session.before_hang_up(desk.now)
        assert desk.total("left_waiting") == times, seconds


def test_a_caller_who_never_hears_a_sign_of_an_answer_is_counted_when_he_leaves() -> None:
    desk = ready_session()
    desk.run_for(10.0)
    desk.session.before_hang_up(desk.now)
    assert desk.total("mute_sessions") == 1


def test_an_answer_that_began_before_the_sentence_ended_is_not_silent() -> None:
    desk = ready_session()
    desk.run_for(0.05)  # in the middle of the sentence
    desk.receive(message("response.output_audio.delta", delta="AAAA", item_id="i"))
    desk.run_for(0.3)
    desk.receive(DONE)
    assert (desk.total("turns"), desk.total("silent_answers")) == (1, 0)


def test_where_a_loss_is_not_told_nobody_is_called_mute() -> None:
    desk = SessionHarness(CallerBehaviour(endpoint=TargetEndpoint.NATIVE, chunk_ms=20, speech_ms=100))
    desk.receive(message("session.created"), message("session.updated"))
    desk.run_for(12.0)
    desk.session.before_hang_up(desk.now)
    assert desk.total("mute_sessions") == 0


def test_an_answer_without_a_sound_is_counted() -> None:
    desk = ready_session()
    desk.run_for(0.3)
    desk.receive(message("response.output_audio_transcript.delta", delta="Yes."), DONE)
    assert desk.total("silent_answers") == 1
