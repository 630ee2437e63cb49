"""Makes untrusted text safe to print: nothing moves the cursor, breaks a line, or changes the reading direction.

A log line stays one line, whatever a client or an upstream puts into a name, a path or a close reason.
"""

from __future__ import annotations

import unicodedata
from typing import Any

#: The longest untrusted text that is kept, in characters.
MAX_TEXT = 300

#: Unicode categories without a visible character of their own: controls, format characters (bidi marks), surrogates,
#: private use, unassigned, and separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escape(text: str, limit: int = MAX_TEXT) -> str:
    """Return the text with unprintable characters as escape sequences, cut to `limit` characters."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(_spelled(mark) if unicodedata.category(mark) in _HIDDEN else mark for mark in short)


def _spelled(mark: str) -> str:
    return mark.encode("unicode_escape").decode("ascii") if not "\ud800" <= mark <= "\udfff" else f"\\u{ord(mark):04x}"


def escape_all(value: Any) -> Any:
    """Escape every string in JSON-like data. Other objects become their escaped `str`."""
    match value:
        case str():
            return escape(value)
        case bool() | int() | float() | None:
            return value
        case dict():
            return {escape(str(name)): escape_all(inner) for name, inner in value.items()}
        case list() | tuple():
            return [escape_all(inner) for inner in value]
        case _:
            return escape(str(value))
