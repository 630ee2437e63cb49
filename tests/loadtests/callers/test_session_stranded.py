"""A call whose bridge says nothing more: no attempt, and no error. It is counted, and the caller calls anew."""

from __future__ import annotations

import pytest

from loadtests.callers.session import READY_SECONDS
from loadtests.scenarios.behaviour import Behaviour, Door
from tests.loadtests.session_harness import DONE, READY, Desk, ready, said

LOST = said("reconnecting", attempt=1, delayMs=1000)
INVALID = said("error", code="INVALID_MESSAGE", retryable=False)


def stranded(desk: Desk) -> tuple[bool, float, float]:
    return desk.talk.has_failed, desk.total("stranded_calls"), desk.total("failed_calls")


def test_a_lost_session_of_which_nothing_more_is_heard_strands_its_caller() -> None:
    desk = ready()
    desk.hears(LOST)
    desk.goes_on(13.0)
    assert stranded(desk) == (False, 0, 0)
    desk.goes_on(1.0)
    assert stranded(desk) == (True, 1, 1)


def test_other_errors_are_no_word_about_the_session() -> None:
    desk = ready()
    desk.hears(LOST)
    for _ in range(14):
        desk.goes_on(1.0)
        desk.hears(INVALID)
    assert stranded(desk) == (True, 1, 1)


@pytest.mark.parametrize("word", [LOST, said("session_initializing", attempt=2)])
def test_every_attempt_that_is_told_is_waited_for(word: str) -> None:
    desk = ready()
    for _ in range(5):
        desk.hears(word)
        desk.goes_on(13.0)
    assert stranded(desk) == (False, 0, 0)


@pytest.mark.parametrize(
    "word",
    [READY, said("session_closed", reason="draining"), said("error", code="CONNECTION_LOST", retryable=True)],
    ids=["ready", "over", "failed"],
)
def test_whoever_was_told_how_it_ended_is_not_stranded(word: str) -> None:
    desk = ready()
    desk.hears(LOST, word)
    desk.goes_on(12.0)  # one that asks again begins to wait anew
    assert desk.total("stranded_calls") == 0


def test_a_bridge_that_never_says_a_word_behind_the_first_strands_its_caller_early() -> None:
    desk = Desk()
    desk.goes_on(13.0)
    assert stranded(desk) == (True, 1, 1)


def test_where_the_protocol_has_no_words_for_attempts_only_the_whole_wait_counts() -> None:
    desk = Desk(Behaviour(door=Door.NATIVE, chunk_ms=20, speech_ms=100))
    desk.goes_on(READY_SECONDS - 1)
    assert stranded(desk) == (False, 0, 0)
    desk.goes_on(2)
    assert stranded(desk) == (True, 0, 1)


def test_a_session_that_nobody_asked_to_end_is_counted_and_one_that_grew_too_old_is_not() -> None:
    for reason, times in (("ended", 1), ("expired", 0), ("draining", 0)):
        desk = ready()
        desk.hears(said("session_closed", reason=reason))
        assert desk.total("uncalled_ends") == times, reason
    desk = ready()
    desk.talk.is_leaving = True
    desk.hears(said("session_closed", reason="ended"))
    assert desk.total("uncalled_ends") == 0


def test_whoever_hangs_up_long_behind_a_loss_was_left_waiting() -> None:
    for seconds, times in ((11.0, 0), (12.4, 1)):
        desk = ready()
        desk.hears(LOST)
        desk.goes_on(seconds)
        desk.talk.leave(desk.now)
        assert desk.total("left_waiting") == times, seconds


def test_a_caller_who_never_hears_a_sign_of_an_answer_is_counted_when_he_leaves() -> None:
    desk = ready()
    desk.goes_on(10.0)
    desk.talk.leave(desk.now)
    assert desk.total("mute_sessions") == 1


def test_an_answer_that_began_before_the_sentence_ended_is_not_silent() -> None:
    desk = ready()
    desk.goes_on(0.05)  # in the middle of the sentence
    desk.hears(said("response.output_audio.delta", delta="AAAA", item_id="i"))
    desk.goes_on(0.3)
    desk.hears(DONE)
    assert (desk.total("turns"), desk.total("silent_answers")) == (1, 0)


def test_where_a_loss_is_not_told_nobody_is_called_mute() -> None:
    desk = Desk(Behaviour(door=Door.NATIVE, chunk_ms=20, speech_ms=100))
    desk.hears(said("session.created"), said("session.updated"))
    desk.goes_on(12.0)
    desk.talk.leave(desk.now)
    assert desk.total("mute_sessions") == 0


def test_an_answer_without_a_sound_is_counted() -> None:
    desk = ready()
    desk.goes_on(0.3)
    desk.hears(said("response.output_audio_transcript.delta", delta="Yes."), DONE)
    assert desk.total("silent_answers") == 1
