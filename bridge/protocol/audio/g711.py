"""G.711, the telephone's coding: a byte a sample at 8 kHz, to and from the 24 kHz PCM16 that everything here works on.

Tables only. Going up repeats each sample three times, going down takes the mean of three: right for measuring speech
and fit to be heard, no studio resampling. Source: ITU-T G.711 (its two decoding laws, stated as formulas below).
"""

from __future__ import annotations

from array import array
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from bridge.protocol.audio.pcm import BYTES_PER_SAMPLE, pcm_to_samples, samples_to_pcm

if TYPE_CHECKING:
    from collections.abc import Callable

#: Samples of 24 kHz to one of 8 kHz.
_RATIO = 3
_SIGN, _MANTISSA = 0x80, 0x0F
_ULAW_BIAS = 132


def ulaw_to_pcm24k(data: bytes) -> bytes:
    """Decode mu-law, 8 bytes a millisecond, to 24 kHz PCM16. Any bytes are valid."""
    return b"".join(map(_widening(_ulaw_value).__getitem__, data))


def alaw_to_pcm24k(data: bytes) -> bytes:
    """Decode A-law, 8 bytes a millisecond, to 24 kHz PCM16. Any bytes are valid."""
    return b"".join(map(_widening(_alaw_value).__getitem__, data))


def pcm24k_to_ulaw(pcm: bytes) -> bytes:
    """Code 24 kHz PCM16 as mu-law, 8 bytes a millisecond. ValueError on half a sample.

    One or two samples left at the end are filled up with the last: cut a stream at multiples of 6 bytes.
    """
    return bytes(map(_narrowing(_ulaw_value).__getitem__, _thirds(pcm)))


def pcm24k_to_alaw(pcm: bytes) -> bytes:
    """Code 24 kHz PCM16 as A-law, otherwise as `pcm24k_to_ulaw`."""
    return bytes(map(_narrowing(_alaw_value).__getitem__, _thirds(pcm)))


def _ulaw_value(code: int) -> int:
    """All bits are sent inverted; sign, 3 bits of exponent, 4 of mantissa; a bias of 132 keeps small steps even."""
    code = ~code & 0xFF
    size = (((code & _MANTISSA) << 3) + _ULAW_BIAS << (code >> 4 & 7)) - _ULAW_BIAS
    return -size if code & _SIGN else size


def _alaw_value(code: int) -> int:
    """Every other bit is sent inverted; the lowest two segments share their step."""
    code ^= 0x55
    segment, step = code >> 4 & 7, (code & _MANTISSA) << 4
    size = step + 8 if segment == 0 else step + 264 << segment - 1
    return size if code & _SIGN else -size


@cache
def _widening(value_of: Callable[[int], int]) -> tuple[bytes, ...]:
    """For each code, three samples of its value."""
    return tuple(samples_to_pcm(array("h", [value_of(code)] * _RATIO)) for code in range(256))


@cache
def _narrowing(value_of: Callable[[int], int]) -> bytes:
    """For each 16-bit sample the code of the nearest value, as one table: 0..32767, then -32768..-1.

    So a negative sample is found at its negative index, as Python counts.
    """
    by_value = sorted((value_of(code), code) for code in range(256))
    # A value halfway goes up. So 0, which mu-law has twice, becomes +0 (0xFF): what telephones take for silence.
    edges = [-32_768, *((low + high + 1) // 2 for (low, _), (high, _) in pairwise(by_value)), 32_768]
    spans = zip(by_value, pairwise(edges), strict=True)
    line = b"".join(bytes([code]) * (end - start) for (_, code), (start, end) in spans)
    return line[32_768:] + line[:32_768]


def _thirds(pcm: bytes) -> list[int]:
    """The mean of every three samples, the last group filled up with its last sample."""
    missing = -len(pcm) // BYTES_PER_SAMPLE % _RATIO
    numbers = pcm_to_samples(pcm + pcm[-BYTES_PER_SAMPLE:] * missing)
    return [(a + b + c) // _RATIO for a, b, c in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)]
