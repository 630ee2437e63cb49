from __future__ import annotations

from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.audio import pcm as audio

WHOLE_PCM = st.binary(max_size=2_000).map(lambda data: data[: len(data) // 2 * 2])


@given(st.integers(0, 10**9))
def test_whole_samples_survive_a_round_trip_through_milliseconds(count: int) -> None:
    n_bytes = count * 2
    assert audio.ms_to_bytes(audio.bytes_to_ms(n_bytes)) == n_bytes


def test_a_millisecond_is_48_bytes() -> None:
    assert audio.ms_to_bytes(1) == 48
    assert audio.bytes_to_ms(960) == 20.0
    assert audio.ms_to_bytes(0.5) == 24


def test_a_fraction_of_a_sample_rounds_to_whole_samples() -> None:
    assert audio.ms_to_bytes(0.06) == 2
    assert audio.ms_to_bytes(0.07) == 4
    assert all(audio.ms_to_bytes(ms / 7) % 2 == 0 for ms in range(100))


@given(WHOLE_PCM, st.floats(0.05, 50))
def test_chunks_of_any_size_join_to_the_audio_they_were_cut_from(pcm: bytes, ms: float) -> None:
    pieces = list(audio.chunks(pcm, ms))
    assert b"".join(pieces) == pcm
    assert {len(piece) for piece in pieces[:-1]} <= {audio.ms_to_bytes(ms)}
    assert all(pieces)


def test_the_last_chunk_holds_what_is_left() -> None:
    assert list(audio.chunks(bytes(96 + 10), 1)) == [bytes(48), bytes(48), bytes(10)]


def test_a_chunk_shorter_than_a_sample_is_refused_before_the_first_chunk() -> None:
    with pytest.raises(ValueError, match="holds no sample"):
        audio.chunks(bytes(96), 0)


@pytest.mark.parametrize(
    "use", [audio.pcm_to_samples, audio.loudness, lambda pcm: audio.chunks(pcm, 20), audio.check_whole_samples]
)
def test_half_a_sample_is_refused_with_a_clear_message(use: object) -> None:
    assert callable(use)
    with pytest.raises(ValueError, match="3 bytes are not whole 16-bit samples"):
        use(b"abc")


def test_samples_are_little_endian_and_signed() -> None:
    assert list(audio.pcm_to_samples(b"\x01\x00\xff\xff\x00\x80")) == [1, -1, -32_768]


@given(WHOLE_PCM)
def test_samples_turn_back_into_the_same_bytes(pcm: bytes) -> None:
    numbers = audio.pcm_to_samples(pcm)
    before = list(numbers)
    assert audio.samples_to_pcm(numbers) == pcm
    assert list(numbers) == before


def test_samples_are_swapped_on_a_host_of_the_other_byte_order(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = audio.pcm_to_samples(b"\x01\x02")
    monkeypatch.setattr(audio, "_HOST_IS_BIG_ENDIAN", not audio._HOST_IS_BIG_ENDIAN)
    theirs = audio.pcm_to_samples(b"\x01\x02")
    assert theirs.tobytes() == ours.tobytes()[::-1]
    assert audio.samples_to_pcm(theirs) == b"\x01\x02"
    assert theirs.tobytes() == ours.tobytes()[::-1], "it is left as it is"


def test_silence_is_silent_and_as_long_as_asked() -> None:
    assert audio.silence(20) == bytes(960)
    assert audio.loudness(audio.silence(20)) == 0.0


def test_a_tone_has_its_length_amplitude_and_frequency() -> None:
    numbers = audio.pcm_to_samples(audio.tone(400, 100, 5_000))
    assert len(numbers) == 2_400
    assert max(numbers) == 5_000
    assert min(numbers) == -5_000
    rising = sum(before < 0 <= after for before, after in pairwise(numbers))
    assert rising == 39  # 40 periods; the first begins at 0, not below


@pytest.mark.parametrize("amplitude", [-1, 32_768])
def test_an_amplitude_that_does_not_fit_is_refused(amplitude: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 32767"):
        audio.tone(400, 20, amplitude)


def test_loudness_is_the_mean_amplitude_of_every_fourth_sample() -> None:
    pcm = audio.samples_to_pcm(array("h", [100, 9, 9, 9, -300, 9, 9, 9]))
    assert audio.loudness(pcm) == 200.0
    assert audio.loudness(pcm, stride=1) == 454 / 8


@given(st.lists(st.integers(-32_768, 32_767), max_size=1_200), st.integers(1, 9))
def test_loudness_is_the_mean_of_the_amplitudes_of_any_samples(samples: list[int], stride: int) -> None:
    picked = samples[::stride]
    expected = sum(map(abs, picked)) / len(picked) if picked else 0.0
    assert audio.loudness(audio.samples_to_pcm(array("h", samples)), stride) == expected


def test_loudness_of_a_sine_is_two_over_pi_of_its_peak() -> None:
    assert audio.loudness(audio.tone(400, 1_000, 10_000)) == pytest.approx(6_366, rel=0.01)


def test_loudness_of_the_loudest_sample_does_not_overflow() -> None:
    assert audio.loudness(b"\x00\x80") == 32_768.0


def test_no_audio_has_no_loudness() -> None:
    assert audio.loudness(b"") == 0.0
