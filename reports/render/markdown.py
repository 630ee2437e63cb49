"""Markdown for GitHub's step summaries and comments: the verdict first, details folded.

Text from outside is escaped so that it can't format, mention or link. The output stays below GitHub's limit of 1 MiB
and says what was left out.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from reports.model import Finding, Report, Severity
from reports.render.markdown_text import code_block, escape, inline_code
from reports.render.numbers import format_cell, format_duration, format_metric, metric_label
from reports.render.terminal.tables import row_label
from reports.render.terminal.timeline import fold_moments, moment_line
from reports.render.terminal_text import format_milliseconds, sanitize, shorten
from reports.render.wording import (
    PROBLEM_SEVERITIES,
    SEVERITY_LABELS,
    count_summary,
    evidence_text,
    group_by_probe,
    place_text,
    verdict_word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reports.model import ReportMetric, Table, Timeline

#: GitHub cuts a summary at 1 MiB. Comments must be shorter.
LARGEST = 900_000
#: The longest text, and the longest text in a table.
_MAX_TEXT, _MAX_CELL = 2_000, 200
#: Rows of checks, places of a finding, lines of a timeline.
_MAX_ROWS, _MAX_PLACES, _MAX_MOMENTS = 500, 20, 1_000

_SIGNS: Mapping[Severity, str] = {
    Severity.PASS: "✅ ok",
    Severity.INFO: "ℹ️ info",  # noqa: RUF001 - the sign for information
    Severity.WARNING: "⚠️ warn",
    Severity.FAIL: "❌ FAIL",
    Severity.ERROR: "❌ ERR",
    Severity.SKIPPED: "⏭️ skipped",
}


def render(report: Report, exit_code: int) -> str:
    """Write the report with a final newline."""
    return bounded(_sections(report, exit_code))


def bounded(sections: Iterable[str]) -> str:
    """Join sections as long as they fit, and say how many are left out."""
    included, size, left_out = [], 0, 0
    for section in sections:
        size += len(section.encode()) + 2
        if size <= LARGEST:
            included.append(section)
        else:
            left_out += 1
    if left_out:
        included.append(f"*{left_out} more sections are left out here. The JSON report is complete.*")
    return "\n\n".join(included) + "\n"


def _sections(report: Report, exit_code: int) -> Iterator[str]:
    sign = "✅" if exit_code == 0 else "❌"
    yield f"### {sign} {escape(_cell(report.tool))}: {verdict_word(exit_code)}"
    yield f"**{count_summary(report)}** in {format_duration(report.seconds)} (exit {exit_code})"
    if report.target:
        yield " · ".join(inline_code(_cell(item.value)) for item in report.target)
    yield from _checks(report.findings)
    yield from _problems(report.findings)
    yield from map(_table, report.tables)
    if report.standalone_metrics:
        yield table(("measured", "value"), map(_measured, report.standalone_metrics[:_MAX_ROWS]))
    yield from map(_timeline, report.timelines)
    yield f"<sub>{escape(_cell(report.started))}, sherpa-realtime {escape(_cell(report.version))}</sub>"


def _checks(findings: Sequence[Finding]) -> Iterator[str]:
    """Write one table per probe."""
    for probe, group in group_by_probe(findings).items():
        if probe:
            yield f"#### {escape(_cell(probe))}"
        yield table(("", "check", "outcome", "time"), map(_row, group[:_MAX_ROWS]))
        if len(group) > _MAX_ROWS:
            yield f"*and {len(group) - _MAX_ROWS} more*"


def _row(finding: Finding) -> tuple[str, ...]:
    outcome = escape(_cell(finding.title))
    if finding.place:
        outcome = f"{inline_code(_cell(place_text(finding.place)))} {outcome}"
    return _SIGNS[finding.severity], escape(_cell(finding.check)), outcome, format_milliseconds(finding.seconds)


def _measured(metric: ReportMetric) -> tuple[str, ...]:
    one = format_metric(metric)
    return escape(_cell(one.label)), one.value


def _table(measured: Table) -> str:
    head = [escape(_cell(text)) for text in (measured.heading, *map(metric_label, measured.columns))]
    rows = [[row_label(row), *map(format_cell, measured.columns, row.cells)] for row in measured.rows[:_MAX_ROWS]]
    lines = table(head, ([escape(_cell(text.strip())) for text in row] for row in rows))
    left_out = f"\n\n*and {len(measured.rows) - _MAX_ROWS} more*" if len(measured.rows) > _MAX_ROWS else ""
    return f"#### {escape(_cell(measured.name))}\n\n{lines}{left_out}"


def _problems(findings: Iterable[Finding]) -> Iterator[str]:
    """Explain each problem once, the worst first, with all its evidence."""
    order = list(SEVERITY_LABELS)
    problems = [finding for finding in findings if finding.severity in PROBLEM_SEVERITIES]
    problems.sort(key=lambda finding: (order.index(finding.severity), _subject(finding)))
    for _, group in groupby(problems, _subject):
        yield _problem(list(group))


def _subject(finding: Finding) -> tuple[str, ...]:
    return (finding.code, finding.title, finding.cause, finding.fix, finding.link)


def _problem(group: Sequence[Finding]) -> str:
    finding = group[0]
    parts = [f"#### {inline_code(_cell(finding.code))} {escape(_short(finding.title))}"]
    lines = [line for one in group[:_MAX_PLACES] for line in _evidence_items(one)]
    if len(group) > _MAX_PLACES:
        lines.append(f"- and {len(group) - _MAX_PLACES} more")
    parts.append("\n".join(lines))
    if finding.cause:
        parts.append(f"**Cause:** {escape(_short(finding.cause))}")
    if finding.fix:
        parts.append(f"**Next:**\n\n{code_block(_short(finding.fix))}")
    if finding.link:
        parts.append(f"**More:** {inline_code(_short(finding.link))}")
    return "\n\n".join(filter(None, parts))


def _evidence_items(finding: Finding) -> Iterator[str]:
    if finding.place is not None:
        source = sanitize(finding.place.text.strip())
        yield f"- {inline_code(_short(place_text(finding.place)))}" + (
            f": {inline_code(_short(source))}" if source else ""
        )
    for item in finding.evidence:
        yield f"- {inline_code(_short(evidence_text(item)))}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table. The cells must be escaped already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _timeline(timeline: Timeline) -> str:
    moments = fold_moments(timeline.moments)
    lines = [moment_line(moment, 120).plain for moment in moments[:_MAX_MOMENTS]]
    if len(moments) > _MAX_MOMENTS:
        lines.append(f"... and {len(moments) - _MAX_MOMENTS} more")
    summary = f"<summary>{escape(_cell(timeline.name))}: {len(timeline.moments)} events</summary>"
    return f"<details>{summary}\n\n{code_block(chr(10).join(lines), 'text')}\n\n</details>"


def _short(text: str) -> str:
    return shorten(text, _MAX_TEXT)


def _cell(text: str) -> str:
    return shorten(text, _MAX_CELL)
