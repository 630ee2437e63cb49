"""A report as Markdown, made for GitHub's step summaries and for comments: the verdict first, details folded.

Whatever others said is escaped so that it can neither format nor mention nor link. It stays below GitHub's limit of a
megabyte; what is left out is said.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from reports.model import Finding, Report, Severity
from reports.render.markdown_text import code, escaped, fenced
from reports.render.numbers import cell, duration, figure, label
from reports.render.terminal.tables import named
from reports.render.terminal.timeline import fold, line
from reports.render.terminal_text import milliseconds, plain, shortened
from reports.render.wording import COUNTED, PROBLEMS, by_probe, counted, spot, told, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reports.model import Metric, Table, Timeline

#: GitHub cuts a summary at 1 MiB; a comment takes less, and a reader less still.
LARGEST = 900_000
#: The longest single text, and the longest in a table.
_LONGEST, _LONGEST_CELL = 2_000, 200
#: Rows of checks, places of a finding, lines of a timeline.
_ROWS, _PLACES, _MOMENTS = 500, 20, 1_000

_SIGNS: Mapping[Severity, str] = {
    Severity.PASS: "✅ ok",
    Severity.INFO: "ℹ️ info",  # noqa: RUF001 - the sign for information
    Severity.WARNING: "⚠️ warn",
    Severity.FAIL: "❌ FAIL",
    Severity.ERROR: "❌ ERR",
    Severity.SKIPPED: "⏭️ skipped",
}


def render(report: Report, exit_code: int) -> str:
    """Write the report. Ends with a line end."""
    return bounded(_sections(report, exit_code))


def bounded(sections: Iterable[str]) -> str:
    """Put sections together as long as they fit, and say how many are left out."""
    kept, size, left = [], 0, 0
    for section in sections:
        size += len(section.encode()) + 2
        if size <= LARGEST:
            kept.append(section)
        else:
            left += 1
    if left:
        kept.append(f"*{left} more parts are left out here; the JSON report holds everything.*")
    return "\n\n".join(kept) + "\n"


def _sections(report: Report, exit_code: int) -> Iterator[str]:
    sign = "✅" if exit_code == 0 else "❌"
    yield f"### {sign} {escaped(_cell(report.tool))}: {verdict(exit_code)}"
    yield f"**{counted(report)}** in {duration(report.seconds)} (exit {exit_code})"
    if report.target:
        yield " · ".join(code(_cell(item.value)) for item in report.target)
    yield from _checks(report.findings)
    yield from _problems(report.findings)
    yield from map(_table, report.tables)
    if report.lone_metrics:
        yield table(("measured", "value"), map(_measured, report.lone_metrics[:_ROWS]))
    yield from map(_timeline, report.timelines)
    yield f"<sub>{escaped(_cell(report.started))}, sherpa-realtime {escaped(_cell(report.version))}</sub>"


def _checks(findings: Sequence[Finding]) -> Iterator[str]:
    """Draw a table a probe."""
    for probe, group in by_probe(findings).items():
        if probe:
            yield f"#### {escaped(_cell(probe))}"
        yield table(("", "check", "outcome", "time"), map(_row, group[:_ROWS]))
        if len(group) > _ROWS:
            yield f"*and {len(group) - _ROWS} more*"


def _row(finding: Finding) -> tuple[str, ...]:
    outcome = escaped(_cell(finding.title))
    if finding.place:
        outcome = f"{code(_cell(spot(finding.place)))} {outcome}"
    return _SIGNS[finding.severity], escaped(_cell(finding.check)), outcome, milliseconds(finding.seconds)


def _measured(metric: Metric) -> tuple[str, ...]:
    one = figure(metric)
    return escaped(_cell(one.label)), one.value


def _table(measured: Table) -> str:
    head = [escaped(_cell(text)) for text in (measured.heading, *map(label, measured.columns))]
    rows = [[named(row), *map(cell, measured.columns, row.cells)] for row in measured.rows[:_ROWS]]
    drawn = table(head, ([escaped(_cell(text.strip())) for text in row] for row in rows))
    left = f"\n\n*and {len(measured.rows) - _ROWS} more*" if len(measured.rows) > _ROWS else ""
    return f"#### {escaped(_cell(measured.name))}\n\n{drawn}{left}"


def _problems(findings: Iterable[Finding]) -> Iterator[str]:
    """Explain each code once, the worst first, with everything that was seen of it."""
    order = list(COUNTED)
    problems = [finding for finding in findings if finding.severity in PROBLEMS]
    problems.sort(key=lambda finding: (order.index(finding.severity), _subject(finding)))
    for _, group in groupby(problems, _subject):
        yield _problem(list(group))


def _subject(finding: Finding) -> tuple[str, ...]:
    return (finding.code, finding.title, finding.cause, finding.fix, finding.link)


def _problem(group: Sequence[Finding]) -> str:
    finding = group[0]
    parts = [f"#### {code(_cell(finding.code))} {escaped(_short(finding.title))}"]
    seen = [line for one in group[:_PLACES] for line in _seen(one)]
    if len(group) > _PLACES:
        seen.append(f"- and {len(group) - _PLACES} more")
    parts.append("\n".join(seen))
    if finding.cause:
        parts.append(f"**Cause:** {escaped(_short(finding.cause))}")
    if finding.fix:
        parts.append(f"**Next:**\n\n{fenced(_short(finding.fix))}")
    if finding.link:
        parts.append(f"**More:** {code(_short(finding.link))}")
    return "\n\n".join(filter(None, parts))


def _seen(finding: Finding) -> Iterator[str]:
    if finding.place is not None:
        source = plain(finding.place.text.strip())
        yield f"- {code(_short(spot(finding.place)))}" + (f": {code(_short(source))}" if source else "")
    for item in finding.evidence:
        yield f"- {code(_short(told(item)))}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Draw a table; what stands in its cells is escaped already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _timeline(timeline: Timeline) -> str:
    moments = fold(timeline.moments)
    lines = [line(moment, 120).plain for moment in moments[:_MOMENTS]]
    if len(moments) > _MOMENTS:
        lines.append(f"... and {len(moments) - _MOMENTS} more")
    summary = f"<summary>{escaped(_cell(timeline.name))}: {len(timeline.moments)} events</summary>"
    return f"<details>{summary}\n\n{fenced(chr(10).join(lines), 'text')}\n\n</details>"


def _short(text: str) -> str:
    return shortened(text, _LONGEST)


def _cell(text: str) -> str:
    return shortened(text, _LONGEST_CELL)
