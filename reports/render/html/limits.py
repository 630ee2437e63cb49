"""Size limits of the HTML page: at most 1 MB, whatever the report contains.

The page is rendered with the first entry of `LEVELS`; if it is too large, with the next one. The last level fits even
the worst text. Everything left out is counted and stated on the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

#: The largest page in bytes. Mail gateways, chat uploads and CI artifact viewers accept files below 1 MB.
MAX_PAGE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """How many of each are shown; texts in characters."""

    problems: int
    places: int
    """Per problem."""
    seen: int
    """Pieces of evidence per problem or check."""
    checks: int
    """Rows of all tables of checks together."""
    timelines: int
    moments: int
    """Rows per diagram."""
    metrics: int
    tables: int
    rows: int
    """Per table."""
    columns: int
    plots: int
    lines: int
    """Per plot."""
    points: int
    """Per line."""
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
    """The first items of many, and how many were left out."""

    shown: tuple[T, ...]
    left_out: int = 0


def take_first(items: Sequence[T], limit: int) -> Truncated[T]:
    """Keep the first `limit` items."""
    return Truncated(tuple(items[:limit]), max(0, len(items) - limit))
