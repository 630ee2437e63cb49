"""Tables on a terminal: numbers below their headings, within the page width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reports.model import Report, ReportMetric, Table, TableRow
from reports.render.terminal.tables import draw_table
from tests.reports.factories import foreign_reports

COLUMNS = ("count_total", "p50_seconds", "p99_seconds")
TABLE = Table(
    name="how long things took",
    heading="",
    columns=COLUMNS,
    rows=(
        TableRow(name="first_audio", cells=(1200.0, 0.0024, 0.512)),
        TableRow(name="first_audio", part="storm", cells=(7.0, 0.31, None)),
        TableRow(name="turn", cells=(3.0, 1.5, 75.0)),
    ),
    metric="load",
)


def lines(table: Table, width: int = 80, *, parts: bool = False) -> list[str]:
    return [text.plain for text in draw_table(table, width, parts=parts)]


def test_numbers_are_right_aligned_below_their_headings() -> None:
    assert lines(TABLE) == [
        "how long things took",
        "               count     p50         p99",
        "  first audio  1,200  2.4 ms      512 ms",
        "  turn             3  1.50 s  1 min 15 s",
    ]


def test_the_parts_of_a_whole_are_below_it_on_request() -> None:
    assert lines(TABLE, parts=True)[3] == "    @storm         7  310 ms"


def test_words_are_left_aligned_and_long_headings_broken() -> None:
    rows = (TableRow(name="20", cells=("held", 0.25)), TableRow(name="160", cells=("broke", 2.5)))
    table = Table(name="tries", heading="callers", columns=("outcome", "first_audio_p99_seconds"), rows=rows)
    assert lines(table) == [
        "tries",
        "  callers  outcome      first",
        "                    audio p99",
        "  20       held        250 ms",
        "  160      broke       2.50 s",
    ]


def test_a_table_that_is_too_wide_goes_on_below_with_the_names_again() -> None:
    wide = Table(
        name="t", heading="callers", columns=COLUMNS * 5, rows=(TableRow(name="40", cells=(1.0, 0.1, 0.2) * 5),)
    )
    found = lines(wide, 60)
    assert max(map(len, found)) <= 60
    assert sum(line.startswith("  40") for line in found) == 3
    assert sum(line.count("100 ms") for line in found) == 5


@given(foreign_reports, st.integers(40, 100), st.booleans())
def test_whatever_a_table_holds_it_stays_on_its_lines(report: Report, width: int, parts: bool) -> None:
    for table in report.tables:
        assert all("\n" not in line and line.isprintable() for line in lines(table, width, parts=parts))


def test_a_metric_that_a_table_shows_is_not_shown_again() -> None:
    metrics = tuple(
        ReportMetric(name, 1) for name in ("load_turn_p99_seconds", "load_turn_p95_seconds", "load_calls_total")
    )
    whole = Report(tool="t", version="1", started="", seconds=1, metrics=metrics, tables=(TABLE,))
    assert [metric.name for metric in whole.standalone_metrics] == ["load_turn_p95_seconds", "load_calls_total"]
