"""Text that came from elsewhere, made fit for a terminal: one line, no control characters, no tricks.

A server chooses its error messages; escape sequences and direction marks in them must not reach the screen.
"""

from __future__ import annotations

import textwrap
import unicodedata

#: Unicode categories that draw nothing and can do something: controls, formats, surrogates, private use, separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str) -> str:
    """Put the text on one line; what can't be seen is written as its number, such as x1b or u202e."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if unicodedata.category(c) not in _INVISIBLE else _written(c) for c in " ".join(text.split()))


def wrapped(text: str, width: int, indent: str = "", later: str | None = None) -> list[str]:
    """Break a text into lines. No word is broken: an address or a path that is too long keeps its line to itself."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
    )


def shortened(text: str, limit: int) -> str:
    """Cut a text that is too long and say by an ellipsis that it was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def milliseconds(seconds: float | None) -> str:
    """Write a duration as people read it: `4 ms`, `188 ms`, `12.3 s`."""
    if seconds is None:
        return ""
    few = 10
    return f"{seconds * 1000:.0f} ms" if seconds < few else f"{seconds:.1f} s"


def _written(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"  # noqa: PLR2004 - the border of two hex digits
