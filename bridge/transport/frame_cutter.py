"""Cuts received bytes into frames, so that the usual ones take the short way.

The *short way*: a frame that is a whole message of at most SHORT_BYTES, between two messages of an open connection, is
unmasked in C and handed over in one call. Every other frame (fragments, control frames, large ones, wrong ones) goes
the *long way*, to `_take_long_way`, byte for byte, in order and never two frames at once. No frame is judged here: the
short way takes only what the long way would accept, and a frame that may be wrong goes to the long way as it arrives.

`codec.py` is the only subclass, and a base class only because two calls more a frame would cost a tenth of all.
"""

from __future__ import annotations

from sys import maxsize
from typing import TYPE_CHECKING, Final

from websockets.protocol import Side

from bridge.transport.short_frames import LEGAL_FIRST_BYTES, SHORT_BYTES, TEXT_FRAME, WHOLE_MESSAGES, apply_mask

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many frames to cut in one go before others get their turn: a read may hold a frame in every six bytes.
FRAMES_PER_SLICE: Final = 32
#: RFC 6455 5.2: the bytes of the shortest header, and how longer ones say where the length is.
_SHORTEST_HEADER, _IN_TWO_BYTES, _IN_EIGHT_BYTES = 2, 126, 127
_LENGTH_BYTES: Final = {_IN_TWO_BYTES: 2, _IN_EIGHT_BYTES: 8}


class FrameCutter:
    """The cutting half of a `Codec`."""

    __slots__ = (
        "_long_left",
        "_mask_bit",
        "_rest",
        "_short_bytes",
        "_stopped",
        "_takes_short_way",
        "on_binary",
        "on_text",
    )

    on_text: Callable[[bytes], None]
    on_binary: Callable[[bytes], None]

    def __init__(self, side: Side, max_size: int | None) -> None:
        self._mask_bit = 0x80 if side is Side.SERVER else 0
        self._short_bytes = SHORT_BYTES if max_size is None else min(SHORT_BYTES, max_size)
        self._rest = b""
        """What was received and not cut into frames yet."""
        self._long_left = 0
        """How many bytes of the current frame still take the long way; `maxsize` if all that follows does."""
        self._takes_short_way = True
        """Whether the long way stands between two messages of an open connection."""
        self._stopped = False

    def _take_long_way(self, data: bytes) -> None:
        """Take a frame, or a part of one. Sets `_takes_short_way` and `_long_left` for what follows."""
        raise NotImplementedError

    def _is_utf8(self, payload: bytes) -> bool:
        """Whether a text is UTF-8; if not, close. Called only for texts that are not ASCII."""
        raise NotImplementedError

    def stop(self) -> None:
        """Cut nothing more until the next `cut`. For `on_text` and `on_binary`, which have enough for now."""
        self._stopped = True

    def hold(self, data: bytes) -> None:
        """Keep what was read for the next `cut`."""
        self._rest += data

    def cut(self, max_frames: int = maxsize) -> bool:
        """Cut at most so many frames off what was received. Returns whether there may be more of them.

        An exception of `on_text` or `on_binary` passes through; their frame counts as taken.
        """
        data, at = self._rest, 0
        size, mask_bit = len(data), self._mask_bit
        self._stopped = False
        try:
            while size - at >= _SHORTEST_HEADER:
                if not max_frames or self._stopped:
                    return True
                max_frames -= 1
                head, length = at + 2, data[at + 1] ^ mask_bit
                if length == _IN_TWO_BYTES and size - at >= 4:  # noqa: PLR2004 - with these two bytes
                    head, length = at + 4, data[at + 2] << 8 | data[at + 3]
                elif length >= _IN_TWO_BYTES:  # incomplete, longer, or not masked as it must be
                    length = maxsize
                start = head + 4 if mask_bit else head
                end = start + length
                if end <= size and length <= self._short_bytes and self._takes_short_way and data[at] in WHOLE_MESSAGES:
                    payload = apply_mask(data[start:end], data[head:start]) if mask_bit else data[start:end]
                    is_text, at = data[at] == TEXT_FRAME, end
                    if not is_text:
                        self.on_binary(payload)
                    elif payload.isascii() or self._is_utf8(payload):
                        self.on_text(payload)
                elif (end := self._long_end(data, at)) > at:
                    part, at = data[at:end], end
                    self._take_long_way(part)
                else:
                    return False
            if at < size and self._long_left:
                part, at = data[at:], size
                self._long_left -= len(part)
                self._take_long_way(part)
            return False
        finally:
            self._rest = data[at:] if at else data

    def _long_end(self, data: bytes, at: int) -> int:
        """Return where the long way's part of the frame at this place ends; `at` if more data is needed to tell."""
        if not self._long_left:
            self._long_left = self._long_bytes(data, at)
            self._takes_short_way = self._takes_short_way and not self._long_left
        end = min(len(data), at + self._long_left)
        self._long_left -= end - at
        return end

    def _long_bytes(self, data: bytes, at: int) -> int:
        """Return how many bytes go the long way: 0 if the frame is short and incomplete, or its header is incomplete.

        A frame that cannot be legal goes there with all that follows: the core refuses it.
        """
        length = data[at + 1] ^ self._mask_bit
        if data[at] not in LEGAL_FIRST_BYTES or length > _IN_EIGHT_BYTES:
            return maxsize
        head = at + 2 + _LENGTH_BYTES.get(length, 0)
        if len(data) < head:
            return 0
        may_be_short = length != _IN_EIGHT_BYTES  # even if eight bytes hold a small number
        if length >= _IN_TWO_BYTES:
            length = int.from_bytes(data[at + 2 : head], "big")
        if may_be_short and self._takes_short_way and data[at] in WHOLE_MESSAGES and length <= self._short_bytes:
            return 0
        return head - at + length + (4 if self._mask_bit else 0)
