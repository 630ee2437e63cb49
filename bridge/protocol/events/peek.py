"""The type of an event without a full parse: all that forwarding a frame costs.

If the type is the first member, or the second after `event_id`, a regular expression finds it and the rest of the frame
is not read. The rest may be invalid, and if there are two members named `type`, the first one counts, where a parser
takes the last. So use `peek` to route, count and time events, and never to decide what a peer may do: parse for that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from typing import Final

#: JSON white space only, and strings without escapes or control characters. Everything else takes the slow path.
_OPENING: Final = (
    r"[ \t\r\n]*\{[ \t\r\n]*"
    r'(?:"event_id"[ \t\r\n]*:[ \t\r\n]*"[^"\\\x00-\x1f]*+"[ \t\r\n]*,[ \t\r\n]*)?'
    r'"type"[ \t\r\n]*:[ \t\r\n]*"([^"\\\x00-\x1f]*+)"[ \t\r\n]*[,}]'
)
_TEXT_OPENING: Final = re.compile(_OPENING).match
_BYTES_OPENING: Final = re.compile(_OPENING.encode()).match


class _Typed(msgspec.Struct, gc=False):
    """The slow path: the decoder keeps only this member and checks the others."""

    type: str


_decode: Final = msgspec.json.Decoder(_Typed).decode


def peek(frame: str | bytes) -> str | None:
    """Return an event's type; None if the frame is not a JSON object with a string `type`.

    A `type` inside a nested object or inside a string does not count.
    """
    opening = _TEXT_OPENING(frame) if isinstance(frame, str) else _BYTES_OPENING(frame)
    try:
        if opening is None:
            return _decode(frame).type
        found = opening[1]
        return found if isinstance(found, str) else found.decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
