"""Escapes text from outside for Markdown, so that it can't format, mention, link or break out.

Punctuation with a meaning is written as a character reference, which Markdown shows and never interprets. GitHub looks
for mentions and references after that, in the rendered text, so an empty comment separates their sign from the name.
None of these texts may start a line, where more characters have a meaning.
"""

from __future__ import annotations

import re

from reports.render.terminal_text import escape_invisible, sanitize

#: Formatting characters, and what GitHub turns into a mention, a reference or a link: @name, #12, GH-12, www.,
#: https://.
_SPECIAL = re.compile(r"(?P<sign>[&<>\\`*_{}\[\]()|~$^!@#])|:(?=//)|\bGH(?=-)|\bwww(?=\.)", re.IGNORECASE)
_REFERENCE_SIGNS = "@#"


def escape(text: str) -> str:
    """Escape a text into one line."""
    return _SPECIAL.sub(_escaped, sanitize(text))


def inline_code(text: str) -> str:
    """Escape a text into one line of code; `-` if it is empty."""
    return f"<code>{escape(text) or '-'}</code>"


def code_block(text: str, language: str = "") -> str:
    """Return lines as a code block with a fence that they can't close."""
    lines = [escape_invisible(line) for line in text.splitlines()]
    fence = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def _escaped(match: re.Match[str]) -> str:
    sign = match["sign"]
    escaped = match[0] if sign is None else f"&#{ord(sign)};"
    return f"{escaped}<!-- -->" if sign is None or sign in _REFERENCE_SIGNS else escaped
