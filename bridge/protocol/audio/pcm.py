"""PCM16 audio in the Realtime API's default format: 24 kHz, mono, 16 bit, little-endian.

Pure functions over bytes. For files see `wav.py`, for telephone audio `g711.py`.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import TYPE_CHECKING
from zlib import adler32

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLE_RATE = 24_000
BYTES_PER_SAMPLE = 2
BYTES_PER_MS = 48
SAMPLES_PER_MS = 24
MAX_AMPLITUDE = 32_767
"""The largest amplitude of a 16-bit sample."""

_HOST_IS_BIG_ENDIAN = sys.byteorder == "big"


def check_whole_samples(pcm: bytes) -> bytes:
    """Return `pcm` unchanged. ValueError if it ends in the middle of a sample."""
    if len(pcm) % BYTES_PER_SAMPLE:
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples: PCM16 audio has an even number of bytes")
    return pcm


def bytes_to_ms(n_bytes: int) -> float:
    """Convert bytes to milliseconds. `ms_to_bytes(bytes_to_ms(n)) == n` holds for whole samples."""
    return n_bytes / BYTES_PER_MS


def ms_to_bytes(ms: float) -> int:
    """Convert milliseconds to bytes, to the nearest whole sample."""
    return round(ms * SAMPLES_PER_MS) * BYTES_PER_SAMPLE


def pcm_to_samples(pcm: bytes) -> array[int]:
    """Return the samples as signed numbers, -32768..32767. ValueError for an odd number of bytes."""
    numbers = array("h")
    numbers.frombytes(check_whole_samples(pcm))
    if _HOST_IS_BIG_ENDIAN:
        numbers.byteswap()
    return numbers


def samples_to_pcm(numbers: array[int]) -> bytes:
    """The reverse of `pcm_to_samples`: little-endian bytes of an `array('h')`, which is left as it is."""
    if _HOST_IS_BIG_ENDIAN:
        numbers = array("h", numbers)
        numbers.byteswap()
    return numbers.tobytes()


def silence(ms: float) -> bytes:
    """`ms` milliseconds of digital silence."""
    return bytes(ms_to_bytes(ms))


def tone(hz: float, ms: float, amplitude: int) -> bytes:
    """Return `ms` milliseconds of a sine wave of `hz`, peak `amplitude` (0..32767), starting at zero and rising.

    If the length is a whole number of periods, the tone can be repeated without a click. ValueError for an amplitude
    out of range.
    """
    if not 0 <= amplitude <= MAX_AMPLITUDE:
        raise ValueError(f"the amplitude must be between 0 and {MAX_AMPLITUDE}, not {amplitude}")
    step = 2 * math.pi * hz / SAMPLE_RATE
    count = ms_to_bytes(ms) // BYTES_PER_SAMPLE
    return samples_to_pcm(array("h", [round(amplitude * math.sin(step * n)) for n in range(count)]))


def loudness(pcm: bytes, stride: int = 4) -> float:
    """Return the mean absolute amplitude (0..32768) of every `stride`-th sample; 0.0 for no audio.

    Every fourth sample is enough for speech, whose energy is below 3 kHz, and costs a quarter. It does not measure a
    pure tone at a multiple of 3 kHz: its samples can all fall on the same point of the wave.

    It runs for every 20 ms of every caller of a load test, so there is no Python code per sample. A sample is
    256 * high + low, with -128 <= high < 128. Its amplitude is that number if high is not negative; otherwise it is
    256 * (-1 - high) + (255 - low) + 1. Here, -1 - high and 255 - low are the bytes with all bits inverted.
    """
    step = BYTES_PER_SAMPLE * stride
    check_whole_samples(pcm)
    low, high = pcm[::step], pcm[1::step]
    count = len(high)
    inverted = high.translate(_SIGN_MASKS)
    low_bits = int.from_bytes(low, "little") ^ int.from_bytes(inverted, "little")
    total = 256 * _sum_bytes(high.translate(_MAGNITUDES)) + _sum_bytes(low_bits.to_bytes(count, "little"))
    return (total + inverted.count(255)) / count if count else 0.0


#: By the high byte of a sample: 255 if the sample is negative, else 0; and the byte, inverted if it is negative.
_SIGN_MASKS = bytes(255 if high > MAX_AMPLITUDE >> 8 else 0 for high in range(256))
_MAGNITUDES = bytes(high ^ mask for high, mask in enumerate(_SIGN_MASKS))
#: Adler-32 holds 1 plus the sum of the bytes, modulo 65521, in its low half (RFC 1950): up to 256 bytes it cannot wrap.
_ADLER_BYTES = 256


def _sum_bytes(numbers: bytes) -> int:
    """Return the sum of all bytes. For 120 bytes it takes a third of the time of `sum`."""
    if len(numbers) <= _ADLER_BYTES:
        return (adler32(numbers) & 0xFFFF) - 1
    return sum(numbers)


def chunks(pcm: bytes, ms: float) -> Iterator[bytes]:
    """Cut `pcm` into chunks of `ms` milliseconds; the last one may be shorter. Joined, they are `pcm` again.

    ValueError for an odd number of bytes or a chunk shorter than a sample, at the call and not at the first chunk.
    """
    size = ms_to_bytes(ms)
    if size <= 0:
        raise ValueError(f"a chunk of {ms} ms holds no sample")
    check_whole_samples(pcm)
    return (pcm[start : start + size] for start in range(0, len(pcm), size))
