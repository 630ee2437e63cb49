"""Tables on the terminal: names on the left, numbers aligned right, headings wrapped.

A table that is wider than the page continues below itself, with the names of its rows repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from reports.render.numbers import format_cell, metric_label
from reports.render.terminal_text import display_width, pad, sanitize, truncate, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.model import Table, TableRow

_INDENT, _GAP = "  ", "  "
#: Longer names of rows, or words in cells, are cut.
_MAX_NAME, _MAX_CELL = 30, 16
#: A heading may be this wide if its cells are narrower.
_MIN_HEADING = 9


def draw_table(table: Table, width: int, *, parts: bool) -> Iterator[Text]:
    """Draw a table under its name. `parts` adds the parts of each whole."""
    rows = [row for row in table.rows if parts or not row.part]
    names = [truncate(row_label(row), _MAX_NAME) for row in rows]
    heading = truncate(sanitize(table.heading), _MAX_NAME)
    first = max(display_width(text) for text in [heading, *names])
    columns_ = [_column(table, rows, number) for number in range(len(table.columns))]
    yield Text(truncate(sanitize(table.name), width), style="bold")
    for nth, block in enumerate(_blocks(columns_, width - len(_INDENT) - first)):
        if nth:
            yield Text()
        headings = [column.heading for column in block]
        for line in range(max(map(len, headings), default=1)):
            row_label_ = heading if line == 0 else ""
            yield _line(row_label_, first, [column.head(line) for column in block], style="dim")
        for number, name in enumerate(names):
            yield _line(name, first, [column.cell(number) for column in block])


def row_label(row: TableRow) -> str:
    """Return the label of a row: `first audio`, or `@storm` for a part."""
    return f"  @{sanitize(row.part)}" if row.part else sanitize(row.name).replace("_", " ")


class _Column:
    """One column: its wrapped heading and its cells, all of the same width."""

    def __init__(self, name: str, cells: Sequence[str], *, is_text: bool) -> None:
        self.is_text = is_text
        self._cells = [truncate(sanitize(text), _MAX_CELL) for text in cells]
        wide = max([_MIN_HEADING, *map(display_width, self._cells)])
        self.heading = wrap(sanitize(metric_label(name)), wide) or [""]
        self.width = max(map(display_width, [*self.heading, *self._cells]))

    def head(self, line: int) -> str:
        """Return a line of the heading."""
        return self._set(self.heading[line] if line < len(self.heading) else "")

    def cell(self, number: int) -> str:
        """Return a cell."""
        return self._set(self._cells[number])

    def _set(self, text: str) -> str:
        return pad(text, self.width) if self.is_text else f"{' ' * (self.width - display_width(text))}{text}"


def _column(table: Table, rows: Sequence[TableRow], number: int) -> _Column:
    name = table.columns[number]
    cells = [row.cells[number] if number < len(row.cells) else None for row in rows]
    return _Column(name, [format_cell(name, one) for one in cells], is_text=any(isinstance(one, str) for one in cells))


def _blocks(columns_: Sequence[_Column], room: int) -> Iterator[list[_Column]]:
    """Group columns into blocks that fit. A column that never fits gets a block of its own."""
    block: list[_Column] = []
    used = 0
    for column in columns_:
        if block and used + len(_GAP) + column.width > room:
            yield block
            block, used = [], 0
        block.append(column)
        used += len(_GAP) + column.width
    if block:
        yield block


def _line(name: str, first: int, cells: Sequence[str], style: str = "") -> Text:
    return Text(f"{_INDENT}{pad(name, first)}{''.join(_GAP + text for text in cells)}".rstrip(), style=style)
