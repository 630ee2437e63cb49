from __future__ import annotations

import pytest

from bridge.core.input_buffer import BYTES_PER_MS
from bridge.core.replay_buffer import ReplayBuffer
from tests.core.builders import audio


def speech(*, detecting: bool = False, bound_ms: float = 30_000, chunks: int = 0) -> ReplayBuffer:
    """`chunks` of 100 ms have gone up, each of its own value."""
    unanswered = ReplayBuffer(bound_ms)
    unanswered.turn_detection = detecting
    for mark in range(1, chunks + 1):
        unanswered.audio_sent(audio(100, mark).pcm)
    return unanswered


def marks(unanswered: ReplayBuffer) -> list[int | None]:
    """The values of the pieces that would be sent again; None is a commit."""
    return [entry[0] if entry is not None else None for entry in unanswered.entries()]


def test_without_turn_detection_everything_is_kept_until_it_is_answered() -> None:
    unanswered = speech(chunks=50)
    assert (unanswered.ms, len(marks(unanswered))) == (5000, 50)
    unanswered.event_received(100.0)
    assert unanswered.ms == 5000
    unanswered.commit_sent()
    assert unanswered.committed("i1") is True
    unanswered.answered(unanswered.committed_up_to)
    assert (unanswered.ms, unanswered.entries()) == (0, [])


def test_commits_stand_where_they_were_sent_confirmed_or_not() -> None:
    unanswered = speech(chunks=2)
    unanswered.commit_sent()
    unanswered.audio_sent(audio(100, 3).pcm)
    unanswered.commit_sent()
    unanswered.committed("i1")
    assert marks(unanswered) == [1, 2, None, 3, None]
    assert unanswered.commit_pending
    unanswered.answered(unanswered.committed_up_to)
    assert marks(unanswered) == [3, None]


def test_a_commit_of_nothing_is_left_out() -> None:
    unanswered = speech()
    unanswered.commit_sent()
    unanswered.audio_sent(audio(100, 1).pcm)
    unanswered.commit_sent()
    unanswered.commit_sent()
    assert marks(unanswered) == [1, None]


def test_a_refused_commit_is_forgotten_and_not_the_confirmed_one_before_it() -> None:
    unanswered = speech(chunks=1)
    unanswered.commit_refused()
    unanswered.commit_sent()
    unanswered.commit_sent()
    unanswered.committed("i1")
    unanswered.commit_refused()
    assert not unanswered.commit_pending
    assert marks(unanswered) == [1, None]


def test_what_the_client_takes_back_ends_at_its_last_commit() -> None:
    unanswered = speech(chunks=1)
    unanswered.commit_sent()
    unanswered.audio_sent(audio(100, 2).pcm)
    unanswered.buffer_cleared()
    assert marks(unanswered) == [1, None]


def test_what_is_taken_back_in_the_middle_of_a_chunk_is_cut_there() -> None:
    unanswered = speech(detecting=True, chunks=2)
    unanswered.speech_started(0)
    unanswered.speech_stopped(150)
    unanswered.committed("i1")
    unanswered.buffer_cleared()
    assert unanswered.ms == 150


def test_silence_before_speech_and_behind_the_service_is_forgotten() -> None:
    unanswered = speech(detecting=True, chunks=10)
    unanswered.speech_started(450)
    assert (unanswered.ms, marks(unanswered)[0]) == (550, 5)
    unanswered.event_received(99.0)
    assert unanswered.ms == 550


def test_a_second_report_of_the_same_speech_forgets_nothing() -> None:
    unanswered = speech(detecting=True, chunks=10)
    unanswered.speech_started(200)
    unanswered.speech_started(600)
    assert unanswered.ms == 800


def test_what_a_talking_service_does_not_report_was_silence_but_a_silent_one_may_be_deaf() -> None:
    unanswered = ReplayBuffer(30_000)
    unanswered.audio_sent(audio(100, 1).pcm)
    unanswered.event_received(20.0)
    unanswered.audio_sent(audio(100, 2).pcm)
    unanswered.event_received(22.9)
    assert unanswered.ms == 200
    unanswered.event_received(23.0)
    assert marks(unanswered) == [2]


def test_a_sentence_is_kept_between_its_end_and_its_commit() -> None:
    unanswered = speech(detecting=True, chunks=60)
    unanswered.speech_started(0)
    unanswered.speech_stopped(6000)
    for now in (90.0, 95.0, 99.0):
        unanswered.event_received(now)
    unanswered.audio_sent(audio(100, 9).pcm)
    assert unanswered.ms == 6100
    assert unanswered.committed("i1") is False
    unanswered.event_received(199.0)
    assert unanswered.ms == 6100
    assert unanswered.item_ids == ["i1"]


def test_the_bound_is_kept_and_only_speech_past_it_is_a_loss() -> None:
    spoken = speech(bound_ms=1000, chunks=15)
    assert (spoken.ms, spoken.overflow_ms) == (1000, 500)
    assert spoken.overflow_chunks == 5
    spoken.commit_sent()
    spoken.committed("i1")
    spoken.answered(spoken.committed_up_to)
    assert (spoken.overflow_ms, spoken.overflow_chunks) == (0, 0)


def deaf() -> ReplayBuffer:
    """Half a second has gone past the bound, and the service has not said a word."""
    unanswered = speech(detecting=True, bound_ms=1000, chunks=15)
    assert (unanswered.ms, unanswered.overflow_ms, unanswered.overflow_chunks) == (1000, 500, 5)
    return unanswered


def test_what_a_service_is_silent_about_was_silence_as_soon_as_it_talks() -> None:
    unanswered = deaf()
    unanswered.event_received(20.0)
    assert unanswered.overflow_ms == 500
    unanswered.event_received(23.0)
    assert (unanswered.ms, unanswered.overflow_ms) == (0, 0)


@pytest.mark.parametrize(("at_ms", "past"), [(0, 500), (200, 300), (500, 0), (900, 0)])
def test_speech_that_is_reported_late_was_no_silence(at_ms: int, past: int) -> None:
    unanswered = deaf()
    unanswered.speech_started(at_ms)
    unanswered.event_received(20.0)
    unanswered.event_received(30.0)
    unanswered.acknowledged()
    assert unanswered.overflow_ms == past
    assert unanswered.ms == 1500 - max(500, at_ms)


def test_what_the_service_has_certainly_taken_and_never_reported_was_silence() -> None:
    unanswered = deaf()
    unanswered.acknowledged(200 * BYTES_PER_MS)
    assert (unanswered.overflow_ms, unanswered.overflow_chunks) == (300, 3)
    unanswered.acknowledged(1400 * BYTES_PER_MS)
    assert (unanswered.ms, unanswered.overflow_ms) == (1000, 0)


def test_a_turn_that_was_taken_and_not_answered_is_no_silence_however_old_it_is() -> None:
    unanswered = deaf()
    unanswered.speech_started(0)
    unanswered.speech_stopped(400)
    unanswered.committed("i1")
    unanswered.audio_sent(audio(1000, 20).pcm)
    unanswered.event_received(50.0)
    unanswered.event_received(60.0)
    unanswered.acknowledged()
    assert unanswered.overflow_ms == 1500
    unanswered.answered(unanswered.committed_up_to)
    assert unanswered.overflow_ms == 1100
    unanswered.acknowledged()
    assert unanswered.overflow_ms == 0


def test_half_a_chunk_past_the_bound_is_one_chunk() -> None:
    unanswered = speech(bound_ms=250, chunks=3)
    assert (unanswered.overflow_ms, unanswered.overflow_chunks) == (50, 1)


def test_what_the_client_takes_back_is_no_loss_either() -> None:
    unanswered = speech(bound_ms=1000, chunks=15)
    unanswered.buffer_cleared()
    assert (unanswered.ms, unanswered.overflow_ms) == (0, 0)
    unanswered.audio_sent(audio(1100, 20).pcm)
    assert (unanswered.ms, unanswered.overflow_ms) == (1000, 100)
    unanswered = speech(bound_ms=1000, chunks=3)
    unanswered.commit_sent()
    for mark in range(4, 16):
        unanswered.audio_sent(audio(100, mark).pcm)
    unanswered.buffer_cleared()
    assert (unanswered.ms, unanswered.overflow_ms) == (0, 300)


def test_items_are_named_until_their_answer_begins() -> None:
    unanswered = speech(chunks=1)
    for item_id, mark in (("i1", 2), ("i2", 3)):
        unanswered.commit_sent()
        unanswered.committed(item_id)
        unanswered.audio_sent(audio(100, mark).pcm)
    assert unanswered.item_ids == ["i1", "i2"]
    unanswered.item_answered("nobody")
    assert unanswered.ms == 300
    unanswered.item_answered("i1")
    assert (unanswered.item_ids, unanswered.ms) == (["i2"], 200)


def test_turn_detection_comes_before_a_commit_that_crosses_it() -> None:
    unanswered = speech(detecting=True, chunks=2)
    unanswered.speech_started(0)
    unanswered.speech_stopped(100)
    unanswered.commit_sent()
    assert unanswered.committed("i1") is False
    assert unanswered.commit_pending
