"""Texts of strangers, made safe to show: nothing that moves a cursor, breaks a line or turns the reading direction.

A line in a log is one line whatever a client or an upstream put into a name, a path or a close reason.
"""

from __future__ import annotations

import unicodedata
from typing import Any

#: The longest text that is kept of a stranger's.
MAX_TEXT = 300

#: Categories that show nothing of their own, or worse: controls, format characters (bidi marks), surrogates, separators
#: of lines and paragraphs, and what Unicode has not assigned.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escape(text: str, limit: int = MAX_TEXT) -> str:
    """Give the text with everything unprintable spelled out, cut to `limit` characters."""
    short = text if len(text) <= limit else f"{text[: limit - 1]}…"
    if short.isascii() and short.isprintable():
        return short
    return "".join(_spelled(mark) if unicodedata.category(mark) in _HIDDEN else mark for mark in short)


def _spelled(mark: str) -> str:
    return mark.encode("unicode_escape").decode("ascii") if not "\ud800" <= mark <= "\udfff" else f"\\u{ord(mark):04x}"


def escape_all(value: Any) -> Any:
    """Escape every text inside plain data; what is no plain data becomes its escaped `str`."""
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
