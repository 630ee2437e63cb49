"""The terminal page: one row per check, a block for each problem, and a verdict.

Nothing depends on colour, since every row starts with a word. The page is made for 80 columns, uses up to 100, and
works down to 40, where the text of a row is below its name. URLs and commands are never broken within a word.
"""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from reports.model import MATRIX
from reports.render.numbers import format_metric
from reports.render.terminal import tables
from reports.render.terminal.blocks import problem_blocks
from reports.render.terminal.rows import finding_rows
from reports.render.terminal.timeline import draw_timeline
from reports.render.terminal_text import display_width, pad, sanitize, truncate, wrap
from reports.render.wording import count_summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from reports.model import Report, ReportMetric, Table

_NARROWEST, _WIDEST = 40, 100


def render(
    report: Report,
    exit_code: int,
    *,
    width: int = 80,
    colour: bool = False,
    verbose: bool = False,
    timelines: bool = False,
) -> str:
    """Render the report.

    `verbose` adds the evidence of passed checks, every place of a finding, and the parts in tables. `timelines` adds
    the timelines before the rows and the metrics after them.
    """
    width = page_width(width)
    parts = [header(report, width)]
    if timelines:
        parts += [list(draw_timeline(timeline, width)) for timeline in report.timelines]
    parts.append(list(finding_rows(report.findings, width, verbose=verbose)))
    parts += [list(tables.draw_table(table, width, parts=verbose)) for table in report.tables if _adds(table)]
    if timelines and report.standalone_metrics:
        parts.append(list(metric_lines(report.standalone_metrics, width)))
    parts += problem_blocks(report.findings, width, verbose=verbose)
    parts.append([verdict_line(report, exit_code, width)])
    return draw_page(parts, width, colour=colour)


def header(report: Report, width: int) -> list[Text]:
    """Show the tool and its target on as few lines as fit."""
    tool, *others = wrap(sanitize(report.tool), width, "", "  ") or [""]
    lines = [tool, *others]
    for part in (sanitize(evidence.value) for evidence in report.target):
        joined = f"{lines[-1]}   {part}"
        if display_width(joined) <= width:
            lines[-1] = joined
        else:
            lines += wrap(part, width, "  ")
    first, *others = lines
    return [Text(first, style="bold"), *map(Text, others)]


def metric_lines(metrics: Sequence[ReportMetric], width: int) -> Iterator[Text]:
    """Show one metric per line, with the values aligned right."""
    metrics_ = [format_metric(metric) for metric in metrics]
    values = max(display_width(one.value) for one in metrics_)
    names = min(max(display_width(sanitize(one.label)) for one in metrics_), width - 4 - values)
    yield Text("measured", style="bold")
    for one in metrics_:
        yield Text(f"  {pad(truncate(sanitize(one.label), names), names)}  {one.value:>{values}}")


def verdict_line(report: Report, exit_code: int, width: int) -> Text:
    """Show the counts with the duration, and the exit code on the right."""
    return closing_line(f"{count_summary(report)} in {report.seconds:.2f} s", exit_code, width)


def closing_line(text: str, exit_code: int, width: int) -> Text:
    """Draw a last line with the exit code on the right."""
    *above, last = wrap(text, width)
    right = f"exit {exit_code}"
    if display_width(last) + 2 + len(right) > width:
        above, last = [*above, last], ""
    return Text("\n".join([*above, f"{pad(last, width - len(right))}{right}"]), style="red" if exit_code else "green")


def page_width(width: int) -> int:
    """Limit the width to a readable range."""
    return max(_NARROWEST, min(width, _WIDEST))


def draw_page(parts: Iterable[Iterable[Text]], width: int, *, colour: bool) -> str:
    """Join the parts with an empty line between them."""
    text = Text("\n\n").join([Text("\n").join(part) for part in parts])
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(text, soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _adds(table: Table) -> bool:
    """Whether a table says more than the rows of the checks do: the matrix of a single bridge does not."""
    return table.name != MATRIX or len(table.columns) > 1
