from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.protocol.audio.pcm import loudness, ms_to_bytes, pcm_to_samples, silence
from bridge.simulator.session.vad import EnergyVad, SpeechStarted, SpeechStopped, loudness_threshold
from bridge.simulator.session.voice import duration_ms, synthesize, word_timings

TEXT = (
    "Your savings account pays two point four percent a year, and the rate is paid out every month. "
    "Interest on the account is calculated daily and credited at the end of each calendar month. "
    "Early withdrawal from a fixed deposit may reduce the interest you receive. Can I help with anything else?"
)


def test_the_pace_is_that_of_calm_speech() -> None:
    assert 150 <= len(TEXT.split()) / duration_ms(TEXT) * 60_000 <= 180


def test_it_is_as_loud_as_speech_and_never_clips() -> None:
    pcm = synthesize(TEXT)
    assert loudness(pcm) > loudness_threshold(0.5)
    assert 5_000 < max(map(abs, pcm_to_samples(pcm))) < 20_000


def test_the_vad_takes_a_sentence_for_one_turn() -> None:
    events = EnergyVad(silence_duration_ms=500).feed(synthesize("The rate is paid out every month.") + silence(700))
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped]


def test_the_same_text_sounds_the_same_in_another_process() -> None:
    session = (
        "import sys, zlib; from bridge.simulator.session.voice import synthesize; "
        "print(zlib.crc32(synthesize(sys.argv[1], 'marin')))"
    )
    runs = {
        subprocess.run([sys.executable, "-c", session, TEXT], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_different_words_sound_different() -> None:
    assert synthesize("money") != synthesize("honey")
    assert synthesize("sit") != synthesize("sat")


def test_voices_differ_in_pitch_and_not_in_time() -> None:
    voices = {synthesize("hello", name) for name in ("alloy", "ash", "cedar", "coral", "marin", "sage", "verse")}
    assert len(voices) > 2
    assert {len(pcm) for pcm in voices} == {ms_to_bytes(duration_ms("hello"))}


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=30))
def test_audio_and_timings_agree_for_any_text(text: str) -> None:
    timings = word_timings(text)
    assert [word for word, _, _ in timings] == text.split()
    edges = [edge for _, start, end in timings for edge in (start, end)]
    assert edges == sorted(edges)
    assert len(synthesize(text)) == ms_to_bytes(duration_ms(text))
    assert duration_ms(text) >= (edges[-1] if edges else 0)


def test_each_word_is_within_its_time_and_silence_follows() -> None:
    text = "The rate, paid monthly."
    pcm = synthesize(text)
    timings = word_timings(text)
    for (_, start, end), following in zip(timings, [*(start for _, start, _ in timings[1:]), None], strict=True):
        assert loudness(pcm[ms_to_bytes(start) : ms_to_bytes(end)]) > loudness_threshold(0.5)
        rest = pcm[ms_to_bytes(end) : None if following is None else ms_to_bytes(following)]
        assert rest == bytes(len(rest))
        assert rest


@pytest.mark.parametrize(("word", "longer"), [("yes", "yes,"), ("yes,", "yes."), ("yes,", 'yes."')])
def test_punctuation_makes_a_pause(word: str, longer: str) -> None:
    assert duration_ms(word) < duration_ms(longer)


@pytest.mark.parametrize("word", ["42", "東京", "hmm", "über", "да"])
def test_what_is_not_english_is_spoken_too(word: str) -> None:
    (_, start, end) = word_timings(word)[0]
    assert end > start
    assert loudness(synthesize(word)) > loudness_threshold(0.5)


def test_punctuation_alone_is_a_pause() -> None:
    assert word_timings("-") == [("-", 0, 0)]
    assert synthesize("-") == bytes(ms_to_bytes(duration_ms("-")))


def test_an_empty_text_has_no_audio() -> None:
    assert synthesize("") == b""
    assert word_timings("  ") == []


def test_a_mute_e_is_not_a_syllable() -> None:
    assert duration_ms("rate") == duration_ms("rat")
    assert duration_ms("the") == duration_ms("tho")
