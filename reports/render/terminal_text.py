"""Text for terminals: sanitizing, width, wrapping.

A server chooses its error messages, so escape sequences and direction marks in them must not reach the screen. Widths
are terminal columns: a CJK character or an emoji takes two, a combining accent none.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

from rich.cells import cell_len, chop_cells, set_cell_size

#: Unicode categories without a glyph but with an effect: controls, formats, surrogates, private use, separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Words and the gaps between them.
_PIECES = re.compile(r"\s+|\S+")


def sanitize(text: str) -> str:
    """Put the text on one line and replace invisible characters by their number, such as x1b or u202e."""
    if text.isascii() and text.isprintable():
        return text
    return escape_invisible(" ".join(text.split()))


def escape_invisible(text: str) -> str:
    """Replace invisible characters by their number; spaces are kept."""
    if text.isprintable():
        return text
    return "".join(c if unicodedata.category(c) not in _INVISIBLE else _written(c) for c in text)


def display_width(text: str) -> int:
    """Return the number of terminal columns that a text takes."""
    return len(text) if text.isascii() else cell_len(text)


def pad(text: str, width: int) -> str:
    """Pad with spaces to `width` columns. A longer text stays as it is."""
    return text + " " * (width - display_width(text))


def truncate(text: str, width: int) -> str:
    """Cut to `width` columns, with an ellipsis if anything was cut."""
    return text if display_width(text) <= width else f"{set_cell_size(text, max(0, width - 1)).rstrip()}…"


def wrap(text: str, width: int, indent: str = "", later: str | None = None) -> list[str]:
    """Wrap a text into lines of `width` columns.

    Words are never broken, so a long URL or path gets a line of its own. Only wide characters without spaces, as in
    Chinese, may be broken anywhere.
    """
    later = indent if later is None else later
    if not text.isascii():
        return _wrapped_by_columns(text, width, indent, later)
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def _wrapped_by_columns(text: str, width: int, indent: str, later: str) -> list[str]:
    lines, line, lead, gap = [], "", indent, ""
    for piece in _pieces(text, max(2, width - max(display_width(indent), display_width(later)))):
        if piece.isspace():
            gap = piece
            continue
        if line and display_width(lead + line + gap + piece) > width:
            lines.append(lead + line)
            line, lead, gap = "", later, ""
        line, gap = (line + gap if line else "") + piece, ""
    return [*lines, lead + line] if line else lines


def _pieces(text: str, room: int) -> list[str]:
    """Split into words and gaps. A long word of wide characters is split where it must be."""
    pieces: list[str] = []
    for piece in _PIECES.findall(text):
        too_long = display_width(piece) > room and display_width(piece) > len(piece) and not piece.isspace()
        pieces += chop_cells(piece, room) if too_long else [piece]
    return pieces


def shorten(text: str, limit: int) -> str:
    """Cut to `limit` characters, with an ellipsis if anything was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def format_milliseconds(seconds: float | None) -> str:
    """Format a duration: `4 ms`, `188 ms`, `12.3 s`; empty for None."""
    if seconds is None:
        return ""
    few = 10
    return f"{seconds * 1000:.0f} ms" if seconds < few else f"{seconds:.1f} s"


def _written(character: str) -> str:
    point = ord(character)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"  # noqa: PLR2004 - the border of two hex digits
