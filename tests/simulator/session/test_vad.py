from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.protocol.audio.pcm import chunks, silence, tone
from bridge.protocol.audio.tracer import TracerSource
from bridge.protocol.audio.wav import read_wav
from bridge.simulator.session.vad import EnergyVad, SpeechEvent, SpeechStarted, SpeechStopped, loudness_threshold

QUESTION = read_wav(Path(__file__).parents[3] / "probes/data/question.wav").pcm
LOUD = tone(400, 20, 6_000)


def speech(ms: int) -> bytes:
    return LOUD * (ms // 20)


def room_noise(ms: int, amplitude: int) -> bytes:
    rng = random.Random(5)
    return b"".join(rng.randint(-amplitude, amplitude).to_bytes(2, "little", signed=True) for _ in range(ms * 24))


def test_start_and_stop_are_those_of_the_speech_plus_padding_and_silence() -> None:
    vad = EnergyVad(prefix_padding_ms=300, silence_duration_ms=500)
    assert vad.feed(silence(1_000) + speech(600) + silence(1_000)) == [SpeechStarted(700), SpeechStopped(2_100)]


def test_padding_never_reaches_before_the_audio() -> None:
    assert EnergyVad(prefix_padding_ms=300).feed(silence(100) + speech(100)) == [SpeechStarted(0)]


def test_the_stop_comes_only_after_the_whole_silence() -> None:
    vad = EnergyVad(silence_duration_ms=200)
    assert vad.feed(speech(200) + silence(180)) == [SpeechStarted(0)]
    assert vad.speaking
    assert vad.feed(silence(20)) == [SpeechStopped(400)]
    assert not vad.speaking


def test_a_silence_that_is_no_multiple_of_the_window_is_reported_as_configured() -> None:
    vad = EnergyVad(silence_duration_ms=250)
    assert vad.feed(speech(200) + silence(240)) == [SpeechStarted(0)]
    assert vad.feed(silence(20)) == [SpeechStopped(450)]


def test_a_pause_shorter_than_the_silence_does_not_end_the_turn() -> None:
    vad = EnergyVad(silence_duration_ms=200)
    assert vad.feed(speech(200) + silence(180) + speech(20) + silence(180)) == [SpeechStarted(0)]


def test_a_click_is_not_speech() -> None:
    assert EnergyVad().feed((silence(100) + speech(20)) * 5) == []


@pytest.mark.parametrize("silence_ms", [200, 500])
def test_a_spoken_question_is_one_turn(silence_ms: int) -> None:
    started, stopped = EnergyVad(silence_duration_ms=silence_ms).feed(silence(1_000) + QUESTION + silence(700))
    assert isinstance(started, SpeechStarted)
    assert isinstance(stopped, SpeechStopped)
    assert 700 <= started.audio_start_ms <= 900
    # The last word ends in a soft t.
    assert 3_500 + silence_ms <= stopped.audio_end_ms <= 3_900 + silence_ms


def test_room_noise_is_not_speech() -> None:
    assert EnergyVad().feed(room_noise(1_000, amplitude=100)) == []


def test_tracer_speech_is_speech_and_tracer_silence_is_not() -> None:
    source = TracerSource(1)
    vad = EnergyVad(prefix_padding_ms=0)
    assert vad.feed(source.silence(400)) == []
    assert vad.feed(source.speech(400) + source.silence(400)) == [SpeechStarted(400), SpeechStopped(1_000)]


def test_a_higher_threshold_takes_louder_speech() -> None:
    murmur = tone(400, 20, 1_500) * 20
    assert EnergyVad(threshold=0.5).feed(murmur) == [SpeechStarted(0)]
    assert EnergyVad(threshold=0.8).feed(murmur) == []
    assert loudness_threshold(0.2) < loudness_threshold(0.5) < loudness_threshold(0.8)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=8),
    st.lists(st.integers(0, 9_000), max_size=30),
)
def test_the_cutting_of_the_audio_changes_no_event(parts: list[tuple[bool, int]], cuts: list[int]) -> None:
    pcm = b"".join(tone(410, ms, 6_000) if loud else silence(ms) for loud, ms in parts)
    edges = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    vad = EnergyVad()
    pieces = [pcm[start:end] for start, end in pairwise(edges)]
    events = [event for piece in pieces for event in vad.feed(piece)]
    assert events == EnergyVad().feed(pcm)
    assert vad.position_ms == len(pcm) / 48


def test_events_alternate_and_never_go_back_in_the_audio() -> None:
    vad = EnergyVad(prefix_padding_ms=0)
    events: list[SpeechEvent] = []
    for piece in chunks((speech(200) + silence(300)) * 20, 33):
        events += vad.feed(piece)
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped] * 20
    positions = [e.audio_start_ms if isinstance(e, SpeechStarted) else e.audio_end_ms for e in events]
    assert positions == sorted(positions)


def test_positions_count_from_the_start_of_the_session_not_of_the_detector() -> None:
    vad = EnergyVad(prefix_padding_ms=0, start_ms=5_000.4)
    assert vad.feed(speech(100) + silence(200)) == [SpeechStarted(5_000), SpeechStopped(5_300)]


def test_forgotten_speech_ends_without_an_event_and_can_start_again() -> None:
    vad = EnergyVad(prefix_padding_ms=0)
    vad.feed(speech(100))
    vad.reset_speech()
    assert vad.feed(silence(500)) == []
    assert vad.feed(speech(100)) == [SpeechStarted(600)]


def test_speech_that_goes_on_after_it_was_forgotten_begins_there() -> None:
    vad = EnergyVad(prefix_padding_ms=0)
    vad.feed(speech(100))
    vad.reset_speech()
    assert vad.feed(speech(20)) == []
    assert vad.feed(speech(20)) == [SpeechStarted(100)]


def test_new_settings_hold_from_the_next_window_on() -> None:
    vad = EnergyVad(silence_duration_ms=1_000)
    vad.feed(speech(100) + silence(200))
    vad.configure(0.5, 300, 200)
    assert vad.feed(silence(20)) == [SpeechStopped(300)]


@pytest.mark.parametrize("threshold", [-0.1, 1.1])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        EnergyVad(threshold)


@pytest.mark.parametrize(("padding", "quiet"), [(-1, 200), (300, -1)])
def test_negative_durations_are_refused(padding: int, quiet: int) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        EnergyVad(prefix_padding_ms=padding, silence_duration_ms=quiet)
