"""The type of an event without parsing the event: what a live frame costs when nobody needs its audio.

A frame whose type stands first, or right behind `event_id`, is recognized by its opening alone, and the rest is
deliberately unread: it may be broken, and of two members named `type` the first one counts, where a parser takes the
last. So `peek` routes, counts and times; it must never decide on what a peer is allowed to do. Parse for that.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from typing import Final

#: White space of JSON only, strings without escapes or control characters: anything else takes the general path.
_OPENING: Final = (
    r"[ \t\r\n]*\{[ \t\r\n]*"
    r'(?:"event_id"[ \t\r\n]*:[ \t\r\n]*"[^"\\\x00-\x1f]*+"[ \t\r\n]*,[ \t\r\n]*)?'
    r'"type"[ \t\r\n]*:[ \t\r\n]*"([^"\\\x00-\x1f]*+)"[ \t\r\n]*[,}]'
)
_TEXT_OPENING: Final = re.compile(_OPENING).match
_BYTES_OPENING: Final = re.compile(_OPENING.encode()).match


class _Typed(msgspec.Struct, gc=False):
    """The one member that matters; the decoder checks the others without keeping them."""

    type: str


_decode: Final = msgspec.json.Decoder(_Typed).decode


def peek(frame: str | bytes) -> str | None:
    """Give an event's type; None when the frame is not JSON, no object, or has no type that is a string.

    A `type` inside a nested value or inside a string is never taken for it.
    """
    opening = _TEXT_OPENING(frame) if isinstance(frame, str) else _BYTES_OPENING(frame)
    try:
        if opening is None:
            return _decode(frame).type
        found = opening[1]
        return found if isinstance(found, str) else found.decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
