"""A caller's speech clock: it runs on, and a sentence ends when it was due to end."""

from __future__ import annotations

import pytest

from loadtests.callers.speech_clock import SpeechClock


def test_a_sentence_ends_when_its_last_chunk_is_due() -> None:
    pace = SpeechClock(20, 60, due=10.0)
    assert [pace.advance(sent=True) for _ in range(2)] == [None, None]
    assert pace.advance(sent=True) == pytest.approx(10.04)
    assert not pace.is_speaking
    assert (pace.sent_ms, pace.silence_ms) == (60, 0)


def test_silence_adds_up_behind_it_until_the_next_sentence() -> None:
    pace = SpeechClock(20, 20, due=0.0)
    pace.advance(sent=True)
    for _ in range(5):
        assert pace.advance(sent=True) is None
    assert pace.silence_ms == 100
    pace.start_sentence()
    assert pace.is_speaking
    assert pace.sent_ms == 0


def test_what_is_passed_over_moves_the_clock_and_counts_as_unsent() -> None:
    pace = SpeechClock(100, 300, due=0.0)
    pace.advance(sent=True)
    pace.advance(sent=False)
    assert pace.advance(sent=False) == pytest.approx(0.2)
    assert pace.sent_ms == 100


def test_who_sleeps_keeps_the_beat() -> None:
    pace = SpeechClock(100, 300, due=5.03)
    pace.skip_to(7.5)
    assert pace.due == pytest.approx(7.53)
    assert pace.spoken_ms == 0


def test_what_is_due_at_this_moment_is_slept_through_too() -> None:
    pace = SpeechClock(20, 300, due=1.0)
    pace.skip_to(1.0)
    assert pace.due == pytest.approx(1.02)
    pace.skip_to(0.5)
    assert pace.due == pytest.approx(1.02)
