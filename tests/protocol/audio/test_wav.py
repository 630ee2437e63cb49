from __future__ import annotations

import io
import struct
import sys
import wave
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.audio import wav
from bridge.protocol.audio.pcm import loudness, pcm_to_samples, tone
from bridge.protocol.audio.wav import Wav, WavError, encode_wav, read_wav

ROOT = Path(__file__).parents[3]
QUESTION = ROOT / "probes/data/question.wav"
QUESTION_16K_STEREO = ROOT / "tests/data/question-16k-stereo.wav"
TONE = tone(400, 100, 6_000)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body


def riff(*parts: bytes) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(parts))


def fmt(code: int = 1, channels: int = 1, rate: int = 24_000, width: int = 2) -> bytes:
    frame = channels * width
    return chunk(b"fmt ", struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, width * 8))


def file_of(body: bytes, *, channels: int = 1, rate: int = 24_000, width: int = 2) -> bytes:
    """A file made by the standard library, which is not our own idea of the format."""
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(body)
    return target.getvalue()


def test_24_khz_mono_comes_out_byte_for_byte() -> None:
    assert read_wav(file_of(TONE)) == Wav(TONE, 24_000, resampled=False)


def test_the_standard_library_reads_what_is_written() -> None:
    with wave.open(io.BytesIO(encode_wav(TONE)), "rb") as reader:
        assert reader.getparams()[:3] == (1, 2, 24_000)
        assert reader.readframes(10**6) == TONE


def test_the_recorded_question_is_short_ready_to_send_and_small() -> None:
    question = read_wav(QUESTION)
    assert not question.resampled
    assert 2_500 <= question.duration_ms <= 3_500
    assert loudness(question.pcm) > 1_000
    assert QUESTION.stat().st_size < 200_000
    assert loudness(question.pcm[:3_840]) < 100, "no lead-in"
    assert loudness(question.pcm[-4_800:]) > 100, "silence at the end"


def test_another_rate_is_resampled_and_says_so() -> None:
    original, other = read_wav(str(QUESTION)), read_wav(QUESTION_16K_STEREO)
    assert other.resampled
    assert other.source_rate == 16_000
    assert other.duration_ms == pytest.approx(original.duration_ms, abs=1)
    # The same sound at the same place: what 16 kHz can't hold is all that may differ.
    pairs = list(zip(pcm_to_samples(original.pcm)[::7], pcm_to_samples(other.pcm)[::7], strict=False))
    apart = sum(abs(ours - theirs) for ours, theirs in pairs) / len(pairs)
    assert apart < loudness(original.pcm) / 10


def test_without_the_resampler_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(
        WavError, match=r"is 16000 Hz: save it at 24000 Hz, or to resample it: pip install 'sherpa-realtime\[audio\]'"
    ):
        read_wav(QUESTION_16K_STEREO)


def test_stereo_is_mixed_down_to_the_mean() -> None:
    frames = struct.pack("<6h", 100, 300, -100, -300, 32_767, 32_767)
    assert list(pcm_to_samples(read_wav(file_of(frames, channels=2)).pcm)) == [200, -200, 32_767]


@pytest.mark.parametrize(
    ("width", "body", "expected"),
    [
        (1, bytes([0, 128, 255]), [-32_768, 0, 32_512]),
        (3, b"\xff\x34\x12" + b"\x00\x00\x80", [0x1234, -32_768]),
        (4, b"\xff\xff\x34\x12" + b"\x00\x00\x00\x80", [0x1234, -32_768]),
    ],
)
def test_other_widths_become_16_bits(width: int, body: bytes, expected: list[int]) -> None:
    assert list(pcm_to_samples(read_wav(file_of(body, width=width)).pcm)) == expected


def test_an_extensible_format_is_read_by_its_sub_format() -> None:
    plain = struct.pack("<HHIIHH", 0xFFFE, 1, 24_000, 48_000, 2, 16)
    extensible = chunk(b"fmt ", plain + struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14))
    assert read_wav(riff(extensible, chunk(b"data", TONE))).pcm == TONE
    floating = chunk(b"fmt ", plain + struct.pack("<HHIH", 22, 16, 4, 3) + bytes(14))
    with pytest.raises(WavError, match="floating point"):
        read_wav(riff(floating, chunk(b"data", TONE)))


def test_unknown_chunks_are_skipped() -> None:
    odd = chunk(b"LIST", b"odd") + b"\0"
    assert read_wav(riff(odd, fmt(), odd, chunk(b"data", TONE), odd)).pcm == TONE


@pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_F000])
def test_a_file_of_unknown_length_is_read_to_its_end(size: int) -> None:
    assert read_wav(riff(fmt(), chunk(b"data", TONE + b"x", size))).pcm == TONE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"OggS" + bytes(100), "not a WAV file"),
        (b"RIFF", "not a WAV file"),
        (riff(), "truncated: it ends before the samples begin"),
        (riff(fmt()), "truncated: it ends before the samples begin"),
        (riff(fmt()[:16]), "truncated: the format chunk is incomplete"),
        (riff(fmt(), chunk(b"data", TONE, 9_999)), "truncated: it should have 9999 bytes of samples and has 4800"),
        (riff(chunk(b"data", TONE), fmt()), "samples come before the format"),
        (riff(fmt(), chunk(b"data", b"")), "holds no samples"),
        (riff(fmt(), chunk(b"data", b"abc")), "not whole frames"),
        (riff(fmt(code=3, width=4), chunk(b"data", TONE)), "floating point, not PCM: save it as 16-bit PCM"),
        (riff(fmt(code=7, width=1), chunk(b"data", TONE)), "mu-law, not PCM"),
        (riff(fmt(code=4711), chunk(b"data", TONE)), "of format 4711, not PCM"),
        (riff(fmt(channels=0), chunk(b"data", TONE)), "0 channels"),
        (riff(fmt(rate=0), chunk(b"data", TONE)), "and 0 Hz"),
        (riff(fmt(width=5), chunk(b"data", TONE)), "5 bytes per frame"),
    ],
)
def test_an_unusable_file_is_refused_in_one_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(WavError, match=reason) as refused:
        read_wav(data)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_a_wav_error_too(tmp_path: Path) -> None:
    with pytest.raises(WavError, match=r"cannot read .*missing\.wav: no such file"):
        read_wav(tmp_path / "missing.wav")


def test_a_file_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as sparse:
        sparse.truncate(wav.MAX_WAV_BYTES + 1)
    with pytest.raises(WavError, match="larger than 120 MB"):
        read_wav(path)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_damage_raises_nothing_but_wav_errors(noise: bytes, at: int) -> None:
    whole = encode_wav(TONE[:96])
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    with suppress(WavError):
        assert len(read_wav(damaged).pcm) % 2 == 0


def test_half_a_sample_is_not_written() -> None:
    with pytest.raises(ValueError, match="not whole 16-bit samples"):
        encode_wav(b"abc")
