"""Tables of measurements on the HTML page. The parts of a whole are rows below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.html.limits import PageLimits, Truncated, take_first
from reports.render.html.wording import one_line
from reports.render.numbers import format_cell, metric_label
from reports.render.terminal.tables import row_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import Table, TableRow


@dataclass(frozen=True, slots=True)
class HtmlCell:
    """A cell's text, shortened for the page. `is_word` says that it is no number, so that it is aligned left."""

    text: str
    is_word: bool


@dataclass(frozen=True, slots=True)
class HtmlRow:
    """A row. `is_part` says whether it covers a part of the whole row above it."""

    name: str
    is_part: bool
    cells: tuple[HtmlCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlTable:
    """A table of the report, cut to the limits of the page."""

    name: str
    heading: str
    columns: tuple[str, ...]
    lines: Truncated[HtmlRow]


def html_tables(measured: Sequence[Table], limits: PageLimits) -> Truncated[HtmlTable]:
    """Lay out the tables of a report."""
    shown = take_first(measured, limits.tables)
    return Truncated(tuple(_layout(table, limits) for table in shown.shown), shown.left_out)


def _layout(table: Table, limits: PageLimits) -> HtmlTable:
    shown = take_first(table.rows, limits.rows)
    columns = table.columns[: limits.columns]
    return HtmlTable(
        name=one_line(table.name, limits.short) or "-",
        heading=one_line(table.heading, limits.short),
        columns=tuple(one_line(metric_label(column), limits.short) for column in columns),
        lines=Truncated(tuple(_line(row, columns, limits.short) for row in shown.shown), shown.left_out),
    )


def _line(row: TableRow, columns: Sequence[str], limit: int) -> HtmlRow:
    cells_ = (*row.cells, *[None] * len(columns))
    cells = tuple(
        HtmlCell(one_line(format_cell(name, value), limit), is_word=isinstance(value, str))
        for name, value in zip(columns, cells_, strict=False)
    )
    return HtmlRow(one_line(row_label(row).strip(), limit) or "-", bool(row.part), cells)
