"""Tables of measured figures as the HTML page shows them: every part of a whole stands below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.html.limits import Limits, Some, first
from reports.render.html.wording import said
from reports.render.numbers import cell, label
from reports.render.terminal.tables import named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Row, Table


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a row, below one heading."""

    text: str
    is_word: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A row; `is_part` where it is about a part of the row above that is none."""

    name: str
    is_part: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A table, laid out."""

    name: str
    heading: str
    columns: tuple[str, ...]
    lines: Some[Line]


def tables(measured: Sequence[Table], limits: Limits) -> Some[Laid]:
    """Lay out the tables of a report."""
    some = first(measured, limits.tables)
    return Some(tuple(_laid(table, limits) for table in some.shown), some.left)


def _laid(table: Table, limits: Limits) -> Laid:
    some = first(table.rows, limits.rows)
    columns = table.columns[: limits.columns]
    return Laid(
        name=said(table.name, limits.short) or "-",
        heading=said(table.heading, limits.short),
        columns=tuple(said(label(column), limits.short) for column in columns),
        lines=Some(tuple(_line(row, columns, limits.short) for row in some.shown), some.left),
    )


def _line(row: Row, columns: Sequence[str], limit: int) -> Line:
    found = (*row.cells, *[None] * len(columns))
    cells = tuple(
        Cell(said(cell(name, value), limit), is_word=isinstance(value, str))
        for name, value in zip(columns, found, strict=False)
    )
    return Line(said(named(row).strip(), limit) or "-", bool(row.part), cells)
