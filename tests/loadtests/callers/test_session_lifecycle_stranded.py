"""A bridge without news: no attempt, no error. The call is counted as stranded, and the caller calls again."""

from __future__ import annotations

import pytest

from loadtests.callers.session_lifecycle import READY_SECONDS
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint
from tests.loadtests.session_harness import DONE, READY, SessionHarness, message, ready_session

LOST = message("reconnecting", attempt=1, delayMs=1000)
INVALID = message("error", code="INVALID_MESSAGE", retryable=False)


def stranded(harness: SessionHarness) -> tuple[bool, float, float]:
    return harness.session.lifecycle.has_failed, harness.total("stranded_calls"), harness.total("failed_calls")


def test_a_lost_session_of_which_nothing_more_is_heard_strands_its_caller() -> None:
    harness = ready_session()
    harness.receive(LOST)
    harness.run_for(13.0)
    assert stranded(harness) == (False, 0, 0)
    harness.run_for(1.0)
    assert stranded(harness) == (True, 1, 1)


def test_other_errors_are_no_word_about_the_session() -> None:
    harness = ready_session()
    harness.receive(LOST)
    for _ in range(14):
        harness.run_for(1.0)
        harness.receive(INVALID)
    assert stranded(harness) == (True, 1, 1)


@pytest.mark.parametrize("word", [LOST, message("session_initializing", attempt=2)])
def test_every_reported_attempt_extends_the_wait(word: str) -> None:
    harness = ready_session()
    for _ in range(5):
        harness.receive(word)
        harness.run_for(13.0)
    assert stranded(harness) == (False, 0, 0)


@pytest.mark.parametrize(
    "word",
    [READY, message("session_closed", reason="draining"), message("error", code="CONNECTION_LOST", retryable=True)],
    ids=["ready", "over", "failed"],
)
def test_a_caller_that_got_the_final_error_is_not_stranded(word: str) -> None:
    harness = ready_session()
    harness.receive(LOST, word)
    harness.run_for(12.0)  # one that asks again begins to wait anew
    assert harness.total("stranded_calls") == 0


def test_a_bridge_that_is_silent_after_its_first_message_strands_its_caller() -> None:
    harness = SessionHarness()
    harness.run_for(13.0)
    assert stranded(harness) == (True, 1, 1)


def test_where_the_protocol_has_no_words_for_attempts_only_the_whole_wait_counts() -> None:
    harness = SessionHarness(CallerBehaviour(endpoint=TargetEndpoint.NATIVE, chunk_ms=20, speech_ms=100))
    harness.run_for(READY_SECONDS - 1)
    assert stranded(harness) == (False, 0, 0)
    harness.run_for(2)
    assert stranded(harness) == (True, 0, 1)


def test_an_end_without_a_request_is_counted_and_an_expired_session_is_not() -> None:
    for reason, times in (("ended", 1), ("expired", 0), ("draining", 0)):
        harness = ready_session()
        harness.receive(message("session_closed", reason=reason))
        assert harness.total("uncalled_ends") == times, reason
    harness = ready_session()
    harness.session.lifecycle.is_leaving = True
    harness.receive(message("session_closed", reason="ended"))
    assert harness.total("uncalled_ends") == 0


def test_a_caller_that_hangs_up_long_after_a_loss_was_left_waiting() -> None:
    for seconds, times in ((11.0, 0), (12.4, 1)):
        harness = ready_session()
        harness.receive(LOST)
        harness.run_for(seconds)
        harness.session.lifecycle.before_hang_up(harness.now)
        assert harness.total("left_waiting") == times, seconds


def test_a_mute_session_is_counted_when_its_caller_hangs_up() -> None:
    harness = ready_session()
    harness.run_for(10.0)
    harness.session.lifecycle.before_hang_up(harness.now)
    assert harness.total("mute_sessions") == 1


def test_an_answer_that_began_before_the_sentence_ended_is_not_silent() -> None:
    harness = ready_session()
    harness.run_for(0.05)  # in the middle of the sentence
    harness.receive(message("response.output_audio.delta", delta="AAAA", item_id="i"))
    harness.run_for(0.3)
    harness.receive(DONE)
    assert (harness.total("turns"), harness.total("silent_answers")) == (1, 0)


def test_without_reported_losses_no_session_counts_as_mute() -> None:
    harness = SessionHarness(CallerBehaviour(endpoint=TargetEndpoint.NATIVE, chunk_ms=20, speech_ms=100))
    harness.receive(message("session.created"), message("session.updated"))
    harness.run_for(12.0)
    harness.session.lifecycle.before_hang_up(harness.now)
    assert harness.total("mute_sessions") == 0


def test_an_answer_without_a_sound_is_counted() -> None:
    harness = ready_session()
    harness.run_for(0.3)
    harness.receive(message("response.output_audio_transcript.delta", delta="Yes."), DONE)
    assert harness.total("silent_answers") == 1
