"""How much of a report the HTML page holds: a file of a megabyte at the most, whatever was found.

A page is made with the first row of `LEVELS`; when it comes out too large, with the next one. The last row is small
enough for the worst that text can be. What is left out is counted and said; nothing is dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

#: Bytes of a page. Mail gateways, chat uploads and CI artifact viewers show files below 1 MB without asking.
MAX_PAGE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """How many of each thing are shown; texts in characters."""

    problems: int
    places: int
    """Of one problem."""
    seen: int
    """Pieces of evidence of one problem or check."""
    checks: int
    """Rows of all tables of checks together."""
    timelines: int
    moments: int
    """Rows of one diagram."""
    metrics: int
    tables: int
    rows: int
    """Of one table."""
    columns: int
    plots: int
    lines: int
    """Of one plot."""
    points: int
    """Of one line."""
    short: int
    """A title, a value, an event's name, a line of source."""
    long: int
    """A cause, a fix, a traceback."""


LEVELS = (
    PageLimits(
        problems=100, places=20, seen=16, checks=400, timelines=10, moments=400,
        metrics=120, tables=20, rows=200, columns=20, plots=20, lines=6, points=400, short=400, long=6000,
    ),
    PageLimits(
        problems=60, places=10, seen=10, checks=200, timelines=6, moments=240,
        metrics=60, tables=10, rows=100, columns=16, plots=12, lines=6, points=300, short=240, long=2000,
    ),
    PageLimits(
        problems=30, places=5, seen=6, checks=80, timelines=3, moments=120,
        metrics=40, tables=5, rows=40, columns=12, plots=6, lines=4, points=200, short=160, long=800,
    ),
    PageLimits(
        problems=10, places=3, seen=4, checks=30, timelines=2, moments=40,
        metrics=20, tables=2, rows=20, columns=8, plots=3, lines=4, points=100, short=80, long=300,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truncated(Generic[T]):
    """The first of many, and how many were left out."""

    shown: tuple[T, ...]
    left: int = 0


def take_first(items: Sequence[T], limit: int) -> Truncated[T]:
    """Keep as many as the limit allows."""
    return Truncated(tuple(items[:limit]), max(0, len(items) - limit))
