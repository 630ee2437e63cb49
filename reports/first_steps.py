"""The page of a command without arguments: what it found on this machine, and what to type next.

Pure: each command finds out for itself what there is, see `probes/first_steps.py`. Nothing here is a check; a check is
a probe and has an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.terminal_text import display_width, sanitize, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INDENT = "  "
#: A name that takes a larger share of the width has its text on the next line.
_LARGEST_SHARE = 0.42
_MARGIN = 3


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What the page says."""

    title: str
    facts: Sequence[tuple[str, str]]
    """What was found: a name, and what is known of it."""
    steps: Sequence[tuple[str, str]]
    """What to type, and what that does; the most useful command first."""


def render_first_steps(page: FirstSteps, width: int) -> str:
    """Return the page, wrapped to `width` columns. Commands are never broken."""
    lines = [page.title, "", "Found here", *_table(page.facts, width), "", "Next", *_table(page.steps, width)]
    return "".join(f"{line}\n" for line in lines)


def _table(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    sizes = (display_width(name) for name, _ in rows)
    column = max((size for size in sizes if size <= width * _LARGEST_SHARE), default=_MARGIN) + _MARGIN
    later = " " * (len(_INDENT) + column)
    for name, text in rows:
        clean = sanitize(text)
        if display_width(name) + _MARGIN > column:
            yield f"{_INDENT}{name}"
            yield from wrap(clean, width, later)
        else:
            yield from wrap(clean, width, f"{_INDENT}{name:{column}}", later)
