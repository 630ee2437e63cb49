"""Foreign text in Markdown: shown as it is, with no power to format, mention, link or leave its place.

Punctuation that means something is written by its number: Markdown shows such a character and never acts on it.
Mentions and references are looked for only after that, in what is shown, so an empty comment parts their sign from the
name behind it. None of these texts begins a line, where still more would mean something.
"""

from __future__ import annotations

import re

from reports.render.terminal_text import escape_invisible, sanitize

#: What formats; and what GitHub makes a mention, a reference or a link of: @name, #12, GH-12, www., https://.
_MEANING = re.compile(r"(?P<sign>[&<>\\`*_{}\[\]()|~$^!@#])|:(?=//)|\bGH(?=-)|\bwww(?=\.)", re.IGNORECASE)
_REFERS = "@#"


def escape(text: str) -> str:
    """Write a text as one harmless line."""
    return _MEANING.sub(_harmless, sanitize(text))


def inline_code(text: str) -> str:
    """Write a text as code in one harmless line; `-` where it is empty."""
    return f"<code>{escape(text) or '-'}</code>"


def code_block(text: str, language: str = "") -> str:
    """Write lines as a block of code, behind a fence that they cannot end."""
    lines = [escape_invisible(line) for line in text.splitlines()]
    fence = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    return "\n".join([f"{fence}{language}", *lines, fence])


def _harmless(found: re.Match[str]) -> str:
    sign = found["sign"]
    shown = found[0] if sign is None else f"&#{ord(sign)};"
    return f"{shown}<!-- -->" if sign is None or sign in _REFERS else shown
