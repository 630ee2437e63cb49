"""WAV files: any integer PCM becomes 24 kHz mono PCM16. A file is never used at another rate without notice.

Files are read whole and blocking: for command lines and tests, not for an event loop. Sample rates other than 24 kHz
need the `audio` extra.
"""

from __future__ import annotations

import importlib
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.protocol.audio.pcm import SAMPLE_RATE, bytes_to_ms, pcm_to_samples, samples_to_pcm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Five minutes of 48 kHz 32-bit stereo: ten times a very long turn.
MAX_WAV_BYTES = 120_000_000
#: A program that writes to a pipe does not know the length and writes a placeholder of about this size.
_LENGTH_UNKNOWN = 0x7FFF_0000
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMAT_NAMES = {_FLOAT: "floating point", 6: "A-law", 7: "mu-law", 2: "ADPCM", 17: "ADPCM", 85: "MP3"}
_REMEDY = "save it as 16-bit PCM"
_FORMAT = struct.Struct("<HHIIHH")
#: In the extensible format, the real format code begins the sub-format, 8 bytes after the common part.
_SUBFORMAT_AT = _FORMAT.size + 8
_FLIP_SIGN = bytes(value ^ 0x80 for value in range(256))


class WavError(ValueError):
    """The file cannot be used. The message says why and, where possible, what to do."""


@dataclass(frozen=True, slots=True)
class Wav:
    """The audio of a WAV file, ready to send."""

    pcm: bytes
    """24 kHz mono PCM16."""
    source_rate: int
    """Samples per second in the file."""
    resampled: bool
    """Whether the file had another rate than 24,000, so that `pcm` differs from the file's samples."""

    @property
    def duration_ms(self) -> float:
        """The duration in milliseconds."""
        return bytes_to_ms(len(self.pcm))


@dataclass(frozen=True, slots=True)
class _Format:
    channels: int
    rate: int
    width: int
    """Bytes per sample."""


def read_wav(source: str | Path | bytes) -> Wav:
    """Read a WAV file from a path or from its bytes. Stereo is mixed down; 8, 24 and 32 bits become 16.

    WavError if the file is missing, not WAV, truncated, empty, compressed, floating point or larger than 120 MB, or if
    it has another sample rate and the resampler is not installed.
    """
    data = source if isinstance(source, bytes) else _load(Path(source))
    form, body = _chunks(data)
    pcm = _mono(_TO_16_BITS[form.width](body), form.channels)
    if form.rate == SAMPLE_RATE:
        return Wav(pcm, form.rate, resampled=False)
    return Wav(_resample(pcm, form.rate), form.rate, resampled=True)


def encode_wav(pcm: bytes) -> bytes:
    """Return the bytes of a WAV file with 24 kHz mono PCM16. ValueError for half a sample."""
    pcm_to_samples(pcm)
    form = _FORMAT.pack(_PCM, 1, SAMPLE_RATE, SAMPLE_RATE * 2, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _load(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_WAV_BYTES:
            raise WavError(f"{path} is larger than {MAX_WAV_BYTES // 1_000_000} MB: use a shorter recording")
        return path.read_bytes()
    except OSError as error:
        raise WavError(f"cannot read {path}: {(error.strerror or 'unknown reason').lower()}") from error


def _chunks(data: bytes) -> tuple[_Format, bytes]:
    """Walk through the file's chunks to its format and its samples."""
    if not data:
        raise WavError("the file is empty")
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("this is not a WAV file: it does not begin with RIFF and WAVE")
    form: _Format | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data":
            if form is None:
                raise WavError("this WAV file is damaged: the samples come before the format")
            return form, _body(data[at + 8 :], size, form)
        if name == b"fmt ":
            form = _format(data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    raise WavError("this WAV file is truncated: it ends before the samples begin")


def _format(chunk: bytes) -> _Format:
    if len(chunk) < _FORMAT.size:
        raise WavError("this WAV file is truncated: the format chunk is incomplete")
    code, channels, rate, _, frame, _ = _FORMAT.unpack_from(chunk)
    if code == _EXTENSIBLE and len(chunk) >= _SUBFORMAT_AT + 2:
        code = int.from_bytes(chunk[_SUBFORMAT_AT : _SUBFORMAT_AT + 2], "little")
    if code != _PCM:
        raise WavError(f"this WAV file is {_FORMAT_NAMES.get(code, f'of format {code}')}, not PCM: {_REMEDY}")
    width, odd = divmod(frame, channels or 1)
    if not channels or not rate or odd or width not in _TO_16_BITS:
        raise WavError(f"this WAV file has {channels} channels, {frame} bytes per frame and {rate} Hz: {_REMEDY}")
    return _Format(channels, rate, width)


def _body(rest: bytes, size: int, form: _Format) -> bytes:
    """Return as many samples as the header says. If the length is unknown, half a frame at the end is dropped."""
    frame = form.width * form.channels
    if size >= _LENGTH_UNKNOWN:
        size = len(rest) - len(rest) % frame
    if size > len(rest):
        raise WavError(f"this WAV file is truncated: it should have {size} bytes of samples and has {len(rest)}")
    if size % frame:
        raise WavError(f"this WAV file is damaged: {size} bytes are not whole frames of {frame} bytes")
    if not size:
        raise WavError("this WAV file holds no samples")
    return rest[:size]


def _from_8_bits(body: bytes) -> bytes:
    """Convert 8-bit samples, which are unsigned around 128."""
    wide = bytearray(2 * len(body))
    wide[1::2] = body.translate(_FLIP_SIGN)
    return bytes(wide)


def _upper_half(body: bytes, width: int) -> bytes:
    """Keep the two most significant bytes of each sample."""
    narrow = bytearray(len(body) // width * 2)
    narrow[::2], narrow[1::2] = body[width - 2 :: width], body[width - 1 :: width]
    return bytes(narrow)


_TO_16_BITS: Mapping[int, Callable[[bytes], bytes]] = {
    1: _from_8_bits,
    2: bytes,
    3: lambda body: _upper_half(body, 3),
    4: lambda body: _upper_half(body, 4),
}


def _mono(pcm: bytes, channels: int) -> bytes:
    """Mix the channels down to their mean."""
    if channels == 1:
        return pcm
    numbers = pcm_to_samples(pcm)
    frames = zip(*(numbers[channel::channels] for channel in range(channels)), strict=True)
    return samples_to_pcm(array("h", [sum(frame) // channels for frame in frames]))


def _resample(pcm: bytes, rate: int) -> bytes:
    """Resample with soxr. Imported by name, so that neither the package nor its type checker needs it installed."""
    try:
        numpy: Any = importlib.import_module("numpy")
        soxr: Any = importlib.import_module("soxr")
    except ImportError:
        remedy = f"save it at {SAMPLE_RATE} Hz, or to resample it: pip install 'sherpa-realtime[audio]'"
        raise WavError(f"this WAV file is {rate} Hz: {remedy}") from None
    resampled: bytes = soxr.resample(numpy.frombuffer(pcm, dtype="<i2"), rate, SAMPLE_RATE).astype("<i2").tobytes()
    return resampled
