from __future__ import annotations

import pytest

from bridge.core.input_buffer import BYTES_PER_MS
from bridge.core.speech.replay_buffer import ReplayBuffer
from tests.core.builders import audio


def buffered(*, turn_detection: bool = False, bound_ms: float = 30_000, chunks: int = 0) -> ReplayBuffer:
    """A buffer after `chunks` of 100 ms, each with a value of its own."""
    buffer = ReplayBuffer(bound_ms)
    buffer.turn_detection = turn_detection
    for mark in range(1, chunks + 1):
        buffer.audio_sent(audio(100, mark).pcm)
    return buffer


def marks(buffer: ReplayBuffer) -> list[int | None]:
    """The values of the chunks that would be replayed; None is a commit."""
    return [entry[0] if entry is not None else None for entry in buffer.entries()]


def test_without_turn_detection_everything_is_kept_until_it_is_answered() -> None:
    buffer = buffered(chunks=50)
    assert (buffer.ms, len(marks(buffer))) == (5000, 50)
    buffer.event_received(100.0)
    assert buffer.ms == 5000
    buffer.commit_sent()
    assert buffer.committed("i1") is True
    buffer.answered(buffer.committed_up_to)
    assert (buffer.ms, buffer.entries()) == (0, [])


def test_commits_stand_where_they_were_sent_confirmed_or_not() -> None:
    buffer = buffered(chunks=2)
    buffer.commit_sent()
    buffer.audio_sent(audio(100, 3).pcm)
    buffer.commit_sent()
    buffer.committed("i1")
    assert marks(buffer) == [1, 2, None, 3, None]
    assert buffer.commit_pending
    buffer.answered(buffer.committed_up_to)
    assert marks(buffer) == [3, None]


def test_a_commit_stays_before_the_single_samples_that_follow_it() -> None:
    buffer = buffered()
    buffer.audio_sent(audio(10, 1).pcm)
    buffer.commit_sent()
    for mark in (2, 3):
        buffer.audio_sent(bytes([mark, 0]))
    assert [entry and len(entry) for entry in buffer.entries()] == [480, None, 4]


def test_a_commit_of_nothing_is_left_out() -> None:
    buffer = buffered()
    buffer.commit_sent()
    buffer.audio_sent(audio(100, 1).pcm)
    buffer.commit_sent()
    buffer.commit_sent()
    assert marks(buffer) == [1, None]


def test_a_refused_commit_is_forgotten_and_not_the_confirmed_one_before_it() -> None:
    buffer = buffered(chunks=1)
    buffer.commit_refused()
    buffer.commit_sent()
    buffer.commit_sent()
    buffer.committed("i1")
    buffer.commit_refused()
    assert not buffer.commit_pending
    assert marks(buffer) == [1, None]


def test_what_the_client_takes_back_ends_at_its_last_commit() -> None:
    buffer = buffered(chunks=1)
    buffer.commit_sent()
    buffer.audio_sent(audio(100, 2).pcm)
    buffer.buffer_cleared()
    assert marks(buffer) == [1, None]


def test_what_is_taken_back_in_the_middle_of_a_chunk_is_cut_there() -> None:
    buffer = buffered(turn_detection=True, chunks=2)
    buffer.speech_started(0)
    buffer.speech_stopped(150)
    buffer.committed("i1")
    buffer.buffer_cleared()
    assert buffer.ms == 150


def test_silence_before_speech_and_behind_the_service_is_forgotten() -> None:
    buffer = buffered(turn_detection=True, chunks=10)
    buffer.speech_started(450)
    assert (buffer.ms, marks(buffer)[0]) == (550, 5)
    buffer.event_received(99.0)
    assert buffer.ms == 550


def test_a_second_report_of_the_same_speech_forgets_nothing() -> None:
    buffer = buffered(turn_detection=True, chunks=10)
    buffer.speech_started(200)
    buffer.speech_started(600)
    assert buffer.ms == 800


def test_what_a_talking_service_does_not_report_was_silence_but_a_silent_one_may_be_silent_service() -> None:
    buffer = ReplayBuffer(30_000)
    buffer.audio_sent(audio(100, 1).pcm)
    buffer.event_received(20.0)
    buffer.audio_sent(audio(100, 2).pcm)
    buffer.event_received(22.9)
    assert buffer.ms == 200
    buffer.event_received(23.0)
    assert marks(buffer) == [2]


def test_a_sentence_is_kept_between_its_end_and_its_commit() -> None:
    buffer = buffered(turn_detection=True, chunks=60)
    buffer.speech_started(0)
    buffer.speech_stopped(6000)
    for now in (90.0, 95.0, 99.0):
        buffer.event_received(now)
    buffer.audio_sent(audio(100, 9).pcm)
    assert buffer.ms == 6100
    assert buffer.committed("i1") is False
    buffer.event_received(199.0)
    assert buffer.ms == 6100
    assert buffer.item_ids == ["i1"]


def test_the_bound_is_kept_and_only_speech_past_it_is_a_loss() -> None:
    spoken = buffered(bound_ms=1000, chunks=15)
    assert (spoken.ms, spoken.overflow_ms) == (1000, 500)
    assert spoken.overflow_chunks == 5
    spoken.commit_sent()
    spoken.committed("i1")
    spoken.answered(spoken.committed_up_to)
    assert (spoken.overflow_ms, spoken.overflow_chunks) == (0, 0)


def silent_service() -> ReplayBuffer:
    """A buffer with half a second past the bound, and a service that has not sent an event."""
    buffer = buffered(turn_detection=True, bound_ms=1000, chunks=15)
    assert (buffer.ms, buffer.overflow_ms, buffer.overflow_chunks) == (1000, 500, 5)
    return buffer


def test_what_a_service_is_silent_about_was_silence_as_soon_as_it_talks() -> None:
    buffer = silent_service()
    buffer.event_received(20.0)
    assert buffer.overflow_ms == 500
    buffer.event_received(23.0)
    assert (buffer.ms, buffer.overflow_ms) == (0, 0)


@pytest.mark.parametrize(("at_ms", "past"), [(0, 500), (200, 300), (500, 0), (900, 0)])
def test_speech_that_is_reported_late_was_no_silence(at_ms: int, past: int) -> None:
    buffer = silent_service()
    buffer.speech_started(at_ms)
    buffer.event_received(20.0)
    buffer.event_received(30.0)
    buffer.acknowledged()
    assert buffer.overflow_ms == past
    assert buffer.ms == 1500 - max(500, at_ms)


def test_what_the_service_has_certainly_taken_and_never_reported_was_silence() -> None:
    buffer = silent_service()
    buffer.acknowledged(200 * BYTES_PER_MS)
    assert (buffer.overflow_ms, buffer.overflow_chunks) == (300, 3)
    buffer.acknowledged(1400 * BYTES_PER_MS)
    assert (buffer.ms, buffer.overflow_ms) == (1000, 0)


def test_a_turn_that_was_taken_and_not_answered_is_no_silence_however_old_it_is() -> None:
    buffer = silent_service()
    buffer.speech_started(0)
    buffer.speech_stopped(400)
    buffer.committed("i1")
    buffer.audio_sent(audio(1000, 20).pcm)
    buffer.event_received(50.0)
    buffer.event_received(60.0)
    buffer.acknowledged()
    assert buffer.overflow_ms == 1500
    buffer.answered(buffer.committed_up_to)
    assert buffer.overflow_ms == 1100
    buffer.acknowledged()
    assert buffer.overflow_ms == 0


def test_half_a_chunk_past_the_bound_is_one_chunk() -> None:
    buffer = buffered(bound_ms=250, chunks=3)
    assert (buffer.overflow_ms, buffer.overflow_chunks) == (50, 1)


def test_what_the_client_takes_back_is_no_loss_either() -> None:
    buffer = buffered(bound_ms=1000, chunks=15)
    buffer.buffer_cleared()
    assert (buffer.ms, buffer.overflow_ms) == (0, 0)
    buffer.audio_sent(audio(1100, 20).pcm)
    assert (buffer.ms, buffer.overflow_ms) == (1000, 100)
    buffer = buffered(bound_ms=1000, chunks=3)
    buffer.commit_sent()
    for mark in range(4, 16):
        buffer.audio_sent(audio(100, mark).pcm)
    buffer.buffer_cleared()
    assert (buffer.ms, buffer.overflow_ms) == (0, 300)


def test_items_are_named_until_their_answer_begins() -> None:
    buffer = buffered(chunks=1)
    for item_id, mark in (("i1", 2), ("i2", 3)):
        buffer.commit_sent()
        buffer.committed(item_id)
        buffer.audio_sent(audio(100, mark).pcm)
    assert buffer.item_ids == ["i1", "i2"]
    buffer.item_answered("nobody")
    assert buffer.ms == 300
    buffer.item_answered("i1")
    assert (buffer.item_ids, buffer.ms) == (["i2"], 200)


def test_turn_detection_comes_before_a_commit_that_crosses_it() -> None:
    buffer = buffered(turn_detection=True, chunks=2)
    buffer.speech_started(0)
    buffer.speech_stopped(100)
    buffer.commit_sent()
    assert buffer.committed("i1") is False
    assert buffer.commit_pending
