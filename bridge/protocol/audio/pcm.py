"""PCM16 audio in the Realtime API's default format: 24 kHz, mono, 16 bit, little-endian.

Pure functions over bytes. For files see `wav.py`, for telephone audio `g711.py`.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import TYPE_CHECKING

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
    """
    picked = pcm_to_samples(pcm)[::stride]
    return sum(map(abs, picked)) / len(picked) if picked else 0.0


def chunks(pcm: bytes, ms: float) -> Iterator[bytes]:
    """Cut `pcm` into chunks of `ms` milliseconds; the last one may be shorter. Joined, they are `pcm` again.

    ValueError for an odd number of bytes or a chunk shorter than a sample, at the call and not at the first chunk.
    """
    size = ms_to_bytes(ms)
    if size <= 0:
        raise ValueError(f"a chunk of {ms} ms holds no sample")
    check_whole_samples(pcm)
    return (pcm[start : start + size] for start in range(0, len(pcm), size))
