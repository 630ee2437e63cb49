"""Merges several stored runs into one report, for `sherpa-report render` with more than one file. Pure.

Nothing is lost, except that of several metrics with the same name the last one is kept.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reports.model import (
    EXIT_COULD_NOT_RUN,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    MATRIX,
    Report,
    ReportMetric,
    TableRow,
)
from reports.render.wording import OWN_PROBES
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from reports.model import Table

#: Exit codes, the worst first.
_WORST = (EXIT_FAILED, EXIT_USAGE, EXIT_COULD_NOT_RUN, EXIT_INTERRUPTED)


@dataclass(slots=True)
class _Names:
    """Numbers names that are used again, so that different things keep different names."""

    given: Counter[str] = field(default_factory=Counter)

    def of_run(self, names: Iterable[str]) -> dict[str, str]:
        """Return a unique name for each name of one run."""
        renamed = {}
        for name in dict.fromkeys(names):
            self.given[name] += 1
            renamed[name] = name if self.given[name] == 1 else f"{name} ({self.given[name]})"
        return renamed


def merge_reports(runs: Sequence[StoredReport]) -> StoredReport:
    """Merge runs in their order. The exit code is the worst of theirs. Raises ValueError without runs."""
    if len(runs) == 1:
        return runs[0]
    names = _Names(), _Names(), _Names()
    reports = [_renamed(run.report, *names) for run in runs]
    metrics = {metric.name: metric.value for report in reports for metric in report.metrics}
    merged = Report(
        tool=_joined_tools([report.tool for report in reports]),
        version=", ".join(dict.fromkeys(report.version for report in reports)),
        started=min(report.started for report in reports),
        seconds=sum(report.seconds for report in reports),
        target=tuple(dict.fromkeys(item for report in reports for item in report.target)),
        findings=tuple(finding for report in reports for finding in report.findings),
        timelines=tuple(timeline for report in reports for timeline in report.timelines),
        metrics=tuple(ReportMetric(name, value) for name, value in metrics.items()),
        series=tuple(series for report in reports for series in report.series),
        tables=tuple(_with_one_matrix([table for report in reports for table in report.tables])),
    )
    return StoredReport(merged, _worst({run.exit_code for run in runs}))


def _renamed(report: Report, probes: _Names, timelines: _Names, tables: _Names) -> Report:
    probe = probes.of_run(finding.probe for finding in report.findings if finding.probe not in OWN_PROBES)
    sessions = timelines.of_run(
        [*(timeline.name for timeline in report.timelines), *(series.timeline for series in report.series)]
    )
    table_names = {MATRIX: MATRIX, **tables.of_run(table.name for table in report.tables if table.name != MATRIX)}
    return replace(
        report,
        findings=tuple(replace(one, probe=probe.get(one.probe, one.probe)) for one in report.findings),
        timelines=tuple(replace(one, name=sessions[one.name]) for one in report.timelines),
        series=tuple(replace(one, timeline=sessions[one.timeline]) for one in report.series),
        tables=tuple(replace(one, name=table_names[one.name]) for one in report.tables),
    )


def _with_one_matrix(tables: Sequence[Table]) -> Iterator[Table]:
    """Join the columns of all matrices, at the place of the first one. Bridges with the same name are numbered."""
    matrices = [table for table in tables if table.name == MATRIX]
    for table in tables:
        if table.name != MATRIX:
            yield table
        elif table is matrices[0]:
            yield _joined(matrices)


def _joined(matrices: Sequence[Table]) -> Table:
    names = _Names()
    columns = [column for table in matrices for column in names.of_run(table.columns).values()]
    rows = dict.fromkeys(sorted({row.name for table in matrices for row in table.rows}))
    cells: list[Mapping[str, tuple[float | str | None, ...]]] = [
        {row.name: row.cells for row in table.rows} for table in matrices
    ]
    return replace(
        matrices[0],
        columns=tuple(columns),
        rows=tuple(
            TableRow(
                name=name,
                cells=tuple(
                    cell
                    for table, known in zip(matrices, cells, strict=True)
                    for cell in known.get(name, (None,) * len(table.columns))
                ),
            )
            for name in rows
        ),
    )


def _joined_tools(tools: Sequence[str]) -> str:
    """Join the names of the tools, with a common first word only once: `sherpa-probe access, events`."""
    names = list(dict.fromkeys(tools))
    first = names[0].partition(" ")[0]
    if all(name.startswith(f"{first} ") for name in names):
        return f"{first} {', '.join(name.partition(' ')[2] for name in names)}"
    return ", ".join(names)


def _worst(codes: set[int]) -> int:
    unknown = sorted(codes - {EXIT_OK, *_WORST})
    return next((code for code in (*_WORST, *unknown) if code in codes), EXIT_OK)
