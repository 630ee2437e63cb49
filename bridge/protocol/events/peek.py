"""The type of an event without a full parse: all that forwarding a frame costs.

If the type is the first member, or the second after `event_id`, a regular expression finds it and the rest of the frame
is not read. The rest may be invalid, and if there are two members named `type`, the first one counts, where a parser
takes the last. So use `peek` to route, count and time events, and never to decide what a peer may do: parse for that.

Frames of a live session come as bytes, and their types are the few that the tables have: the table of names gives the
same string each time, which costs neither a decode nor a hash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from bridge.protocol.events import tables

if TYPE_CHECKING:
    from typing import Final

#: JSON white space only, and strings without escapes or control characters. Everything else takes the slow path.
_OPENING: Final = (
    r"[ \t\r\n]*+\{[ \t\r\n]*+"
    r'(?:"event_id"[ \t\r\n]*+:[ \t\r\n]*+"[^"\\\x00-\x1f]*+"[ \t\r\n]*+,[ \t\r\n]*+)?'
    r'"type"[ \t\r\n]*+:[ \t\r\n]*+"([^"\\\x00-\x1f]*+)"[ \t\r\n]*+[,}]'
)
_TEXT_OPENING: Final = re.compile(_OPENING).match
_BYTES_OPENING: Final = re.compile(_OPENING.encode()).match


#: The name of every known event, by its bytes.
_NAMES: Final = {name.encode(): name for rows in tables.ALL for name, _, _ in rows}


class _Typed(msgspec.Struct, gc=False):
    """The slow path: the decoder keeps only this member and checks the others."""

    type: str


_decode: Final = msgspec.json.Decoder(_Typed).decode
_check: Final = msgspec.json.Decoder(msgspec.Raw).decode


def peek(frame: str | bytes) -> str | None:
    """Return an event's type; None if the frame is not a JSON object with a string `type`.

    A `type` inside a nested object or inside a string does not count.
    """
    try:
        if isinstance(frame, bytes):
            opening = _BYTES_OPENING(frame)
            if opening is None:
                return _decode(frame).type
            found = opening[1]
            try:
                return _NAMES[found]
            except KeyError:
                return found.decode()
        text = _TEXT_OPENING(frame)
        return _decode(frame).type if text is None else text[1]
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def is_json(frame: bytes) -> bool:
    """Whether a frame is valid JSON as a whole. Nothing is kept."""
    try:
        _check(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True
