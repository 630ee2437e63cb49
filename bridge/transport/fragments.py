"""Joins the fragments of a message, within a limit, and checks text for UTF-8 as it arrives.

Pure. The core of `websockets` has checked their order and their size before; `codec.py` is the only user.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Final

from websockets.frames import Frame, Opcode

from bridge.transport.frame_parser import INVALID_DATA, MESSAGE_TOO_BIG

if TYPE_CHECKING:
    from codecs import IncrementalDecoder

#: The most frames that one message may come in. Without a limit, empty fragments would use memory forever.
MAX_FRAGMENTS: Final = 4096

_utf8_decoder = getincrementaldecoder("utf-8")


class FragmentsRefused(Exception):  # noqa: N818 - it carries the answer
    """A message that cannot be accepted. The connection closes with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Fragments:
    """The fragments of one message at a time."""

    __slots__ = ("_decoder", "_max", "_parts")

    def __init__(self, max_fragments: int) -> None:
        self._max = max_fragments
        self._parts: list[bytes] = []
        self._decoder: IncrementalDecoder | None = None

    @property
    def is_text(self) -> bool:
        """Whether the last message was a text."""
        return self._decoder is not None

    def drop(self) -> None:
        """Forget an unfinished message: nothing more of it will come."""
        self._parts = []

    def add(self, frame: Frame) -> bytes | None:
        """Take a fragment. Returns the message with its last one, None before. Raises FragmentsRefused."""
        if frame.opcode is not Opcode.CONT:
            self._parts = []
            self._decoder = _utf8_decoder() if frame.opcode is Opcode.TEXT else None
        if len(self._parts) >= self._max:
            raise FragmentsRefused(MESSAGE_TOO_BIG, f"more than {self._max} fragments")
        if self._decoder is not None:
            try:
                self._decoder.decode(frame.data, frame.fin)
            except UnicodeDecodeError as error:
                raise FragmentsRefused(INVALID_DATA, f"{error.reason} in a fragment") from None
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return None
        message, self._parts = b"".join(self._parts), []
        return message
