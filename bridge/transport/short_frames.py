"""Whole WebSocket frames of one message each, the usual case: what a reader tells them by, and how they are written.

Pure. `codec.py` reads such frames, and sends all others.
"""

from __future__ import annotations

import os
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiler where `websockets` was installed
    from websockets.utils import apply_mask

__all__ = [
    "BINARY_FRAME",
    "LEGAL_FIRST_BYTES",
    "SHORT_BYTES",
    "TEXT_FRAME",
    "WHOLE_MESSAGES",
    "MaskKeys",
    "apply_mask",
    "encode_frame",
]

#: The first byte of a whole message (RFC 6455 5.2): FIN, no reserved bits, the opcode.
TEXT_FRAME: Final = 0x81
BINARY_FRAME: Final = 0x82
WHOLE_MESSAGES: Final = (TEXT_FRAME, BINARY_FRAME)
#: The first bytes of all frames that may be legal: data frames with or without FIN, control frames with it.
LEGAL_FIRST_BYTES: Final = frozenset({0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A})
#: The longest message that is read as one piece. A longer one goes to the core as it arrives.
SHORT_BYTES: Final = 64 * 1024 - 1

_KEY_BYTES: Final = 4
#: Each link keeps its own: a second of speech, and little memory.
_KEYS_AT_ONCE: Final = 64


class MaskKeys:
    """Masking keys (RFC 6455 5.3: from strong entropy), many for each call of the operating system."""

    __slots__ = ("_at", "_keys")

    def __init__(self) -> None:
        self._keys, self._at = b"", 0

    def take(self) -> bytes:
        """Return a key that was never returned before."""
        at = self._at
        if at == len(self._keys):
            self._keys, at = os.urandom(_KEYS_AT_ONCE * _KEY_BYTES), 0
        self._at = at + _KEY_BYTES
        return self._keys[at : self._at]


def encode_frame(first: int, payload: bytes, key: bytes | None) -> bytes:
    """Return a frame; `first` is TEXT_FRAME or BINARY_FRAME. A client gives a key, a server None (RFC 6455 5.1)."""
    length = len(payload)
    mask_bit = 0 if key is None else 0x80
    if length < 126:  # noqa: PLR2004 - the limits of RFC 6455 5.2
        head = bytes((first, mask_bit | length))
    elif length < 65536:  # noqa: PLR2004
        head = bytes((first, mask_bit | 126, length >> 8, length & 0xFF))
    else:
        head = bytes((first, mask_bit | 127)) + length.to_bytes(8, "big")
    return head + payload if key is None else head + key + apply_mask(payload, key)
