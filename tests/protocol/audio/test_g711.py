from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.audio import pcm
from bridge.protocol.audio.g711 import alaw_to_pcm24k, pcm24k_to_alaw, pcm24k_to_ulaw, ulaw_to_pcm24k

Coder = Callable[[bytes], bytes]
LAWS = [
    pytest.param(pcm24k_to_ulaw, ulaw_to_pcm24k, id="ulaw"),
    pytest.param(pcm24k_to_alaw, alaw_to_pcm24k, id="alaw"),
]
EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(
    ("code", "value"),
    [(0xFF, 0), (0x7F, 0), (0xFE, 8), (0x80, 32_124), (0x00, -32_124), (0xF0, 120), (0xEF, 132), (0x90, 15_996)],
)
def test_mu_law_decodes_to_the_values_of_the_standard(code: int, value: int) -> None:
    assert list(pcm.pcm_to_samples(ulaw_to_pcm24k(bytes([code])))) == [value] * 3


@pytest.mark.parametrize(
    ("code", "value"),
    [(0xD5, 8), (0x55, -8), (0xAA, 32_256), (0x2A, -32_256), (0xDA, 248), (0xC5, 264), (0xF5, 528), (0x80, 5_504)],
)
def test_a_law_decodes_to_the_values_of_the_standard(code: int, value: int) -> None:
    assert list(pcm.pcm_to_samples(alaw_to_pcm24k(bytes([code])))) == [value] * 3


@pytest.mark.parametrize(("encode", "decode"), LAWS)
def test_every_code_comes_back_to_its_value(encode: Coder, decode: Coder) -> None:
    assert decode(encode(decode(EVERY_CODE))) == decode(EVERY_CODE)


@pytest.mark.parametrize(("encode", "decode"), LAWS)
def test_a_sample_becomes_the_nearest_value_there_is(encode: Coder, decode: Coder) -> None:
    values = sorted({pcm.pcm_to_samples(decode(bytes([code])))[0] for code in range(256)})
    for sample in range(-32_768, 32_768, 97):
        chosen = pcm.pcm_to_samples(decode(encode(sample.to_bytes(2, "little", signed=True) * 3)))[0]
        assert abs(chosen - sample) == min(abs(value - sample) for value in values)


def test_digital_silence_is_the_byte_that_telephones_use() -> None:
    assert pcm24k_to_ulaw(pcm.silence(2)) == b"\xff" * 16
    assert pcm24k_to_alaw(pcm.silence(2)) == b"\xd5" * 16


@pytest.mark.parametrize(("encode", "decode"), LAWS)
def test_a_tone_keeps_its_length_and_loudness(encode: Coder, decode: Coder) -> None:
    tone = pcm.tone(400, 100, 6_000)
    coded = encode(tone)
    assert len(coded) == 800
    assert len(decode(coded)) == len(tone)
    assert pcm.loudness(decode(coded)) == pytest.approx(pcm.loudness(tone), rel=0.02)


@pytest.mark.parametrize(("encode", "decode"), LAWS)
@given(data=st.lists(st.integers(-32_768, 32_767), max_size=30))
def test_one_or_two_samples_too_many_still_make_a_byte(encode: Coder, decode: Coder, data: list[int]) -> None:
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in data)
    coded = encode(pcm)
    assert len(coded) == -(-len(data) // 3)
    last = len(data) % 3
    if last:
        filled = pcm + pcm[-2:] * (3 - last)
        assert coded == encode(filled)
    assert len(decode(coded)) == 6 * len(coded)


@pytest.mark.parametrize("encode", [pcm24k_to_ulaw, pcm24k_to_alaw])
def test_half_a_sample_is_refused(encode: Coder) -> None:
    with pytest.raises(ValueError, match="not whole 16-bit samples"):
        encode(b"abc")
