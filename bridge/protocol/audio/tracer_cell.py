"""The tracer cell: 20 ms of PCM16 that carries its caller, its sequence number, and checksums.

This module makes and reads one cell. `tracer.py` handles streams of cells and counts what is missing.

A cell is 480 samples of 24 kHz PCM16. The first 32 samples carry one byte each in their low half (0..255, so the header
is much quieter than speech); the rest is a tone, or zeros. All numbers are big-endian::

    0  magic (4)    4  caller (8)    12  sequence (4)    16  version    17  kind    18  zeros (6)
    24 CRC-32 of bytes 0..23 (so that the caller is known even if the body is damaged)
    28 CRC-32 of bytes 0..27 and of the body's 896 bytes

A cell survives everything that only moves samples. It does not survive what changes them (resampling, gain, noise
reduction, G.711): then it is not recognized, and the receiver counts it as other audio.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from bridge.protocol.audio.pcm import ms_to_bytes, tone

CELL_MS = 20
CELL_BYTES = 960
CELL_VERSION = 1
MAX_CALLER = 2**64 - 1
MAX_SEQUENCE = 2**32 - 1
"""2.7 years of audio."""

_MAGIC = b"\xe5\x1b\xc7\x3d"
#: The magic as 16-bit samples. Its bytes all differ, so it cannot overlap itself: the next is at least 8 bytes on.
MAGIC_IN_PCM = bytes(byte for low in _MAGIC for byte in (low, 0))
_HEADER_BYTES = 64
_QUIET = bytes(_HEADER_BYTES // 2)
_IDENTITY = struct.Struct(">4sQIBB6x")
_WHOLE = struct.Struct(">4sQIBB6xII")
_CHECK = struct.Struct(">I")

#: 8 periods of 60 samples fill a cell exactly, so the tone continues from cell to cell.
_TONE_HZ = 400
#: Mean loudness about 3,600: nine times what the simulator's VAD treats as speech at its default threshold.
_TONE_AMPLITUDE = 6_000


class CellKind(IntEnum):
    """What the cell sounds like."""

    SILENCE = 0
    SPEECH = 1


_BODIES: dict[int, bytes] = {
    CellKind.SILENCE: bytes(CELL_BYTES - _HEADER_BYTES),
    CellKind.SPEECH: tone(_TONE_HZ, CELL_MS, _TONE_AMPLITUDE)[_HEADER_BYTES:],
}


@dataclass(frozen=True, slots=True)
class TracerCell:
    """What an intact cell carries."""

    caller: int
    sequence: int
    kind: CellKind


def make_cell(cell: TracerCell) -> bytes:
    """Return the cell as 960 bytes of PCM16. struct.error if the caller or the sequence number is out of range."""
    identity = _IDENTITY.pack(_MAGIC, cell.caller, cell.sequence, CELL_VERSION, cell.kind)
    header = identity + _CHECK.pack(zlib.crc32(identity))
    body = _BODIES[cell.kind]
    header += _CHECK.pack(zlib.crc32(body, zlib.crc32(header)))
    spread = bytearray(_HEADER_BYTES)
    spread[::2] = header
    return bytes(spread) + body


def read_cell(pcm: bytes, at: int) -> tuple[int, int, int] | None:
    """Return caller, sequence and kind of the intact cell that begins at byte `at`; None if there is none.

    It returns a tuple and not a `TracerCell` for speed: it runs for every 20 ms of every caller of a load test.
    """
    if len(pcm) - at < CELL_BYTES:
        return None
    header = pcm[at : at + _HEADER_BYTES : 2]
    magic, caller, sequence, version, kind, _, check = _WHOLE.unpack(header)
    if magic != _MAGIC or version != CELL_VERSION or pcm[at + 1 : at + _HEADER_BYTES : 2] != _QUIET:
        return None
    body = pcm[at + _HEADER_BYTES : at + CELL_BYTES]
    return (caller, sequence, kind) if zlib.crc32(body, zlib.crc32(header[:28])) == check else None


def read_caller(pcm: bytes, at: int) -> int | None:
    """Return the caller of the cell at byte `at` if its header is intact (the body need not be); else None."""
    header = pcm[at : at + _HEADER_BYTES : 2]
    if len(header) < _IDENTITY.size + _CHECK.size or header[:4] != _MAGIC:
        return None
    if _CHECK.unpack_from(header, _IDENTITY.size)[0] != zlib.crc32(header[: _IDENTITY.size]):
        return None
    return int(_IDENTITY.unpack_from(header)[1])


def contains_tracer(pcm: bytes) -> bool:
    """Whether a cell may begin in `pcm`: one fast search. Certain only from 968 bytes (a cell and 8 bytes) on."""
    return MAGIC_IN_PCM in pcm


assert ms_to_bytes(CELL_MS) == CELL_BYTES  # noqa: S101 - the format is drawn for this sample rate and no other
