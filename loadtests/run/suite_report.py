"""Builds the report of a suite: a table with a row for each scenario, and all that each of them found. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadtests.results import problems
from loadtests.results.findings import brief_finding
from loadtests.results.report_metrics import METRIC_PREFIX
from reports.model import (
    EXIT_INTERRUPTED,
    Evidence,
    Finding,
    Report,
    ReportMetric,
    Severity,
    Table,
    TableRow,
)
from reports.provenance import current_time, installed_version
from reports.render.wording import PROBLEM_SEVERITIES, SEVERITY_LABELS, verdict_word
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtests.scenarios.plan import RunPlan

TOOL, TABLE = "sherpa-load suite", "scenarios"
#: Columns of the table: metrics of each run, without the prefix.
_COLUMNS = (
    "ready_p99_seconds",
    "first_audio_p99_seconds",
    "reconnect_p99_seconds",
    "lost_ms",
    "dials_peak_total",
)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario and its result."""

    name: str
    plan: RunPlan | None
    """None if it was skipped."""
    stored: StoredReport | None
    """None if it was skipped."""
    seconds: float
    skipped: str = ""
    """Why."""

    @property
    def verdict(self) -> str:
        """One word for the table."""
        return "skipped" if self.stored is None else verdict_word(self.stored.exit_code)


def suite_report(results: Sequence[ScenarioResult]) -> StoredReport:
    """Make one report of all runs. Its names say which scenario a finding, a metric, a table or a plot belongs to."""
    stored = [(one.name, one.stored) for one in results if one.stored is not None]
    report = Report(
        tool=TOOL,
        version=installed_version(),
        started=min((one.report.started for _, one in stored), default=current_time()),
        seconds=sum(one.seconds for one in results),
        target=tuple(_target(results)),
        findings=tuple(finding for one in results for finding in _findings(one)),
        timelines=tuple(replace(line, name=name) for name, one in stored for line in one.report.timelines),
        metrics=tuple(_renamed(metric, name) for name, one in stored for metric in one.report.metrics),
        series=tuple(replace(line, timeline=name) for name, one in stored for line in one.report.series),
        tables=(_table(results), *(_renamed_table(table, name) for name, one in stored for table in one.report.tables)),
    )
    interrupted = any(one.exit_code == EXIT_INTERRUPTED for _, one in stored)
    return StoredReport(report, EXIT_INTERRUPTED if interrupted else report.exit_code())


def condensed(stored: StoredReport) -> StoredReport:
    """Return the report for a terminal: the table, and only what needs attention in each scenario."""
    report = stored.report
    names = dict.fromkeys(finding.probe for finding in report.findings)
    findings = [
        finding
        for name in names
        for finding in _condensed_findings([one for one in report.findings if one.probe == name])
    ]
    tables = tuple(table for table in report.tables if table.name == TABLE)
    return StoredReport(replace(report, findings=tuple(findings), tables=tables), stored.exit_code)


def _condensed_findings(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield one row for everything that is in order, and the findings that need attention."""
    counts = Counter(finding.severity for finding in findings if finding.severity not in PROBLEM_SEVERITIES)
    counts.pop(Severity.INFO, None)
    words = [f"{count} {SEVERITY_LABELS[severity][count > 1]}" for severity, count in sorted(counts.items())]
    if words:
        problem = problems.BUDGET_KEPT if counts[Severity.PASS] else problems.SCENARIO_SKIPPED
        whole = findings[0].title if list(counts) == [Severity.SKIPPED] and len(findings) == 1 else ", ".join(words)
        yield replace(brief_finding(problem, "budgets", whole), probe=findings[0].probe)
    yield from (finding for finding in findings if finding.severity in PROBLEM_SEVERITIES)


def _findings(result: ScenarioResult) -> Iterator[Finding]:
    if result.stored is None:
        skipped = brief_finding(problems.SCENARIO_SKIPPED, "scenario", f"skipped: {result.skipped}")
        yield replace(skipped, probe=result.name)
        return
    yield from (replace(finding, probe=result.name) for finding in result.stored.report.findings)


def _target(results: Sequence[ScenarioResult]) -> Iterator[Evidence]:
    plan = next((one.plan for one in results if one.plan is not None), None)
    if plan is not None:
        yield Evidence("target", plan.url.partition("?")[0])
    yield Evidence("scenarios", f"{len(results)} scenarios")
    endpoints = dict.fromkeys(group.behaviour.endpoint.value for group in (plan.groups if plan is not None else ()))
    if endpoints:
        yield Evidence("endpoint", f"{' and '.join(endpoints)} endpoint")


def _table(results: Sequence[ScenarioResult]) -> Table:
    columns = ("verdict", "callers_total", "run_seconds", *_COLUMNS)
    return Table(name=TABLE, heading="", columns=columns, rows=tuple(map(_row, results)))


def _row(result: ScenarioResult) -> TableRow:
    metrics = result.stored.report.metrics if result.stored is not None else ()
    values = {metric.name.removeprefix(f"{METRIC_PREFIX}_"): metric.value for metric in metrics}
    callers = float(result.plan.users) if result.plan is not None else None
    seconds = result.seconds if result.stored is not None else None
    cells = (result.verdict, callers, seconds, *(values.get(column) for column in _COLUMNS))
    return TableRow(name=result.name, cells=cells)


def _prefix(scenario: str) -> str:
    return f"{METRIC_PREFIX}_{scenario.replace('-', '_')}"


def _renamed(metric: ReportMetric, scenario: str) -> ReportMetric:
    return replace(metric, name=f"{_prefix(scenario)}{metric.name.removeprefix(METRIC_PREFIX)}")


def _renamed_table(table: Table, scenario: str) -> Table:
    metric = _prefix(scenario) if table.metric == METRIC_PREFIX else table.metric
    return replace(table, name=f"{scenario}: {table.name}", metric=metric)
