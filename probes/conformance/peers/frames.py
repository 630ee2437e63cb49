"""Frames of a WebSocket client, legal or not (RFC 6455, 5.2). Pure."""

from __future__ import annotations

import os
import struct
from typing import Final

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9
_FIN: Final = 0x80
_MASKED: Final = 0x80
_SHORT, _MEDIUM, _LONG = 125, 126, 127
_LONGEST_MEDIUM: Final = 0xFFFF


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Make a client's frame, legal or not."""
    head = frame_head(opcode, len(payload), fin=fin, reserved=reserved, masked=masked)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


def frame_head(opcode: int, size: int, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Make the first bytes of a frame, up to its length: the payload need not exist."""
    head = bytes([(_FIN if fin else 0) | reserved << 4 | opcode])
    mask_bit = _MASKED if masked else 0
    if size <= _SHORT:
        return head + bytes([mask_bit | size])
    if size <= _LONGEST_MEDIUM:
        return head + bytes([mask_bit | _MEDIUM]) + struct.pack(">H", size)
    return head + bytes([mask_bit | _LONG]) + struct.pack(">Q", size)
