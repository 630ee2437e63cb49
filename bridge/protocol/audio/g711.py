"""G.711 telephone audio (8 kHz, one byte per sample) to and from 24 kHz PCM16.

Both directions are table lookups. Decoding repeats each sample three times, encoding takes the mean of three samples:
good enough to measure speech and to listen to it, but not studio resampling.
Source: ITU-T G.711; the formulas below are its two decoding laws.
"""

from __future__ import annotations

from array import array
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from bridge.protocol.audio.pcm import BYTES_PER_SAMPLE, pcm_to_samples, samples_to_pcm

if TYPE_CHECKING:
    from collections.abc import Callable

#: Samples at 24 kHz per sample at 8 kHz.
_RATIO = 3
_SIGN, _MANTISSA = 0x80, 0x0F
_ULAW_BIAS = 132


def ulaw_to_pcm24k(data: bytes) -> bytes:
    """Decode mu-law, 8 bytes per millisecond, to 24 kHz PCM16. Any bytes are valid."""
    return b"".join(map(_widening(_ulaw_value).__getitem__, data))


def alaw_to_pcm24k(data: bytes) -> bytes:
    """Decode A-law, 8 bytes per millisecond, to 24 kHz PCM16. Any bytes are valid."""
    return b"".join(map(_widening(_alaw_value).__getitem__, data))


def pcm24k_to_ulaw(pcm: bytes) -> bytes:
    """Encode 24 kHz PCM16 as mu-law, 8 bytes per millisecond. ValueError for half a sample.

    If one or two samples remain at the end, the last one is repeated: cut a stream at multiples of 6 bytes.
    """
    return bytes(map(_narrowing(_ulaw_value).__getitem__, _thirds(pcm)))


def pcm24k_to_alaw(pcm: bytes) -> bytes:
    """Encode 24 kHz PCM16 as A-law, otherwise as `pcm24k_to_ulaw`."""
    return bytes(map(_narrowing(_alaw_value).__getitem__, _thirds(pcm)))


def _ulaw_value(code: int) -> int:
    """Decode one byte: all bits inverted; sign, 3 bits exponent, 4 bits mantissa; the bias of 132 evens small steps."""
    code = ~code & 0xFF
    size = (((code & _MANTISSA) << 3) + _ULAW_BIAS << (code >> 4 & 7)) - _ULAW_BIAS
    return -size if code & _SIGN else size


def _alaw_value(code: int) -> int:
    """Decode one byte: every other bit inverted; the two lowest segments have the same step."""
    code ^= 0x55
    segment, step = code >> 4 & 7, (code & _MANTISSA) << 4
    size = step + 8 if segment == 0 else step + 264 << segment - 1
    return size if code & _SIGN else -size


@cache
def _widening(value_of: Callable[[int], int]) -> tuple[bytes, ...]:
    """Return, for each of the 256 codes, three samples of its value."""
    return tuple(samples_to_pcm(array("h", [value_of(code)] * _RATIO)) for code in range(256))


@cache
def _narrowing(value_of: Callable[[int], int]) -> bytes:
    """Return the code of the nearest value for each 16-bit sample: 0..32767, then -32768..-1.

    In this order, a negative sample is a valid negative index in Python.
    """
    by_value = sorted((value_of(code), code) for code in range(256))
    # Halfway values round up. So 0, which mu-law has twice, becomes +0 (0xFF), which telephones use for silence.
    edges = [-32_768, *((low + high + 1) // 2 for (low, _), (high, _) in pairwise(by_value)), 32_768]
    spans = zip(by_value, pairwise(edges), strict=True)
    line = b"".join(bytes([code]) * (end - start) for (_, code), (start, end) in spans)
    return line[32_768:] + line[:32_768]


def _thirds(pcm: bytes) -> list[int]:
    """Return the mean of every three samples; the last group is filled up with its last sample."""
    missing = -len(pcm) // BYTES_PER_SAMPLE % _RATIO
    numbers = pcm_to_samples(pcm + pcm[-BYTES_PER_SAMPLE:] * missing)
    return [(a + b + c) // _RATIO for a, b, c in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)]
