"""The speech clock keeps running, and a sentence ends when it was due to end."""

from __future__ import annotations

import pytest

from loadtests.callers.speech_clock import SpeechClock


def test_a_sentence_ends_when_its_last_chunk_is_due() -> None:
    clock = SpeechClock(20, 60, due=10.0)
    assert [clock.advance(sent=True) for _ in range(2)] == [None, None]
    assert clock.advance(sent=True) == pytest.approx(10.04)
    assert not clock.is_speaking
    assert (clock.sent_ms, clock.silence_ms) == (60, 0)


def test_silence_adds_up_behind_it_until_the_next_sentence() -> None:
    clock = SpeechClock(20, 20, due=0.0)
    clock.advance(sent=True)
    for _ in range(5):
        assert clock.advance(sent=True) is None
    assert clock.silence_ms == 100
    clock.start_sentence()
    assert clock.is_speaking
    assert clock.sent_ms == 0


def test_what_is_passed_over_moves_the_clock_and_counts_as_unsent() -> None:
    clock = SpeechClock(100, 300, due=0.0)
    clock.advance(sent=True)
    clock.advance(sent=False)
    assert clock.advance(sent=False) == pytest.approx(0.2)
    assert clock.sent_ms == 100


def test_skipping_keeps_the_beat() -> None:
    clock = SpeechClock(100, 300, due=5.03)
    clock.skip_to(7.5)
    assert clock.due == pytest.approx(7.53)
    assert clock.spoken_ms == 0


def test_what_is_due_at_this_moment_is_slept_through_too() -> None:
    clock = SpeechClock(20, 300, due=1.0)
    clock.skip_to(1.0)
    assert clock.due == pytest.approx(1.02)
    clock.skip_to(0.5)
    assert clock.due == pytest.approx(1.02)
