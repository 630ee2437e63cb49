"""Tables of the HTML page: a cell below each heading, parts marked, everything left out is counted."""

from __future__ import annotations

from dataclasses import replace

from reports.model import Table, TableRow
from reports.render.html.limits import LEVELS
from reports.render.html.tables import html_tables

TABLE = Table(
    name="how long things took",
    heading="callers",
    columns=("outcome", "first_audio_p99_seconds"),
    rows=(
        TableRow(name="first_audio", cells=("held", 0.25)),
        TableRow(name="first_audio", part="storm", cells=(None,)),
    ),
)


def test_a_row_has_a_cell_below_each_heading() -> None:
    (laid,) = html_tables([TABLE], LEVELS[0]).shown
    assert laid.columns == ("outcome", "first audio p99")
    whole, part = laid.lines.shown
    assert [(cell.text, cell.is_word) for cell in whole.cells] == [("held", True), ("250 ms", False)]
    assert [cell.text for cell in part.cells] == ["", ""]


def test_a_part_is_named_as_budgets_name_it() -> None:
    (laid,) = html_tables([TABLE], LEVELS[0]).shown
    assert [(line.name, line.is_part) for line in laid.lines.shown] == [("first audio", False), ("@storm", True)]


def test_what_is_left_out_is_counted() -> None:
    limits = replace(LEVELS[0], rows=1, tables=1)
    found = html_tables([TABLE, TABLE], limits)
    assert (found.left_out, found.shown[0].lines.left_out) == (1, 1)
