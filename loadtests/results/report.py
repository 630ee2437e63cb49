"""Builds the report of a run: budgets first, then problems, then every measurement. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadtests.callers.connect_errors import UPGRADE_REFUSED_TEXT
from loadtests.results import problems
from loadtests.results.budget_findings import budget_findings
from loadtests.results.evidence import (
    end_evidence,
    error_evidence,
    failed_answer_evidence,
    failure_evidence,
    filled_in,
    with_target_url,
)
from loadtests.results.findings import PROBE, FinishedRun, brief_finding, make_finding
from loadtests.results.proof import LATE_MS
from loadtests.results.redaction import redact_report
from loadtests.results.report_metrics import metrics, series, tables
from loadtests.results.resources import TARGET_PROCESS
from loadtests.results.spending import spending_findings
from reports.model import EXIT_INTERRUPTED, Evidence, Finding, Moment, Report, Timeline
from reports.provenance import current_time, format_time, installed_version
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.results.aggregator import RunAggregator
    from loadtests.scenarios.plan import RunPlan
    from reports.problem import Problem

TOOL, TIMELINE = "sherpa-load run", "load"


def make_report(run: FinishedRun) -> Report:
    """Check every budget and build the report."""
    aggregator = run.aggregator
    report = Report(
        tool=TOOL,
        version=installed_version(),
        started=format_time(datetime.fromtimestamp(aggregator.started_at, UTC)),
        seconds=run.seconds,
        target=describe_target(aggregator.plan),
        findings=tuple(_findings(run)),
        timelines=(_timeline(run),),
        metrics=metrics(aggregator),
        series=series(aggregator, TIMELINE),
        tables=tables(aggregator),
    )
    return redact_report(report, aggregator.plan)


def report_without_run(plan: RunPlan, problem: Problem, *evidence: str, tool: str = TOOL) -> StoredReport:
    """Build the report of a run that did not take place, or that left no report."""
    finding = make_finding(
        problem, "target" if problem in _TARGET_PROBLEMS else "run", *(Evidence("", text) for text in evidence)
    )
    finding = with_target_url(finding, plan)
    report = Report(
        tool=tool,
        version=installed_version(),
        started=current_time(),
        seconds=0.0,
        target=describe_target(plan),
        findings=(finding,),
    )
    report = redact_report(report, plan)
    return StoredReport(report, EXIT_INTERRUPTED if problem is problems.INTERRUPTED else report.exit_code())


_TARGET_PROBLEMS = (problems.TARGET_DOWN, problems.TARGET_REFUSED)


def run_exit_code(aggregator: RunAggregator, report: Report) -> int:
    """Return the exit code of a run: 130 if it was interrupted."""
    return EXIT_INTERRUPTED if aggregator.interrupted else report.exit_code()


def describe_target(plan: RunPlan, callers: str = "") -> tuple[Evidence, ...]:
    """Describe the target and the load. `callers` replaces the plan's own description of the callers."""
    endpoints = dict.fromkeys(group.behaviour.endpoint.value for group in plan.groups)
    return (
        Evidence("scenario", plan.scenario.name),
        Evidence("target", plan.url.partition("?")[0]),
        Evidence("callers", callers or f"{plan.users} callers for {plan.seconds:g} s"),
        Evidence("endpoint", f"{' and '.join(endpoints)} endpoint"),
    )


def _findings(run: FinishedRun) -> Iterator[Finding]:
    aggregator = run.aggregator
    if aggregator.interrupted:
        yield make_finding(problems.INTERRUPTED, "run", Evidence("", f"interrupted after {run.seconds:.0f} s"))
    yield from _target_findings(run)
    yield from budget_findings(run)
    yield from _incomplete_findings(aggregator)
    if run.echo_missing:
        yield make_finding(problems.NO_ECHO, "echo")
    yield from _generator_findings(aggregator)
    if run.had_sessions and not aggregator.is_down:  # otherwise it is shown above
        yield from _received_errors(aggregator)
    yield from spending_findings(aggregator)


def _target_findings(run: FinishedRun) -> Iterator[Finding]:
    """Say whether the target ended, could not be reached, or went down."""
    aggregator = run.aggregator
    if run.target_ended:
        yield make_finding(problems.TARGET_ENDED, "target", *end_evidence(aggregator))
    elif not run.had_sessions and not aggregator.interrupted:
        yield _unreachable_finding(aggregator)
    elif aggregator.is_down:
        yield make_finding(problems.TARGET_WENT_DOWN, "target", *failure_evidence(aggregator))


def _incomplete_findings(aggregator: RunAggregator) -> Iterator[Finding]:
    """Name what went wrong with the run itself."""
    for name, at in aggregator.ended.items():
        if name != TARGET_PROCESS:
            yield make_finding(problems.INCOMPLETE, "run", Evidence("", f"the process {name!r} ended after {at:.0f} s"))
    for error in aggregator.errors:
        yield make_finding(problems.INCOMPLETE, "run", Evidence("", error))


def _unreachable_finding(aggregator: RunAggregator) -> Finding:
    if any(UPGRADE_REFUSED_TEXT in text for text in aggregator.failures):
        problem = problems.TARGET_REFUSED
    else:
        problem = problems.NO_SESSION if aggregator.measurements.total("connect") else problems.TARGET_DOWN
    finding = make_finding(problem, "target", *failure_evidence(aggregator), *error_evidence(aggregator))
    return filled_in(finding, aggregator)


def _received_errors(aggregator: RunAggregator) -> Iterator[Finding]:
    """List the errors that callers received, whether or not a budget covers them."""
    evidence = (*failure_evidence(aggregator), *error_evidence(aggregator), *failed_answer_evidence(aggregator))
    if evidence:
        yield brief_finding(problems.FAILURES, "errors received", "; ".join(one.value for one in evidence))


def _generator_findings(aggregator: RunAggregator) -> Iterator[Finding]:
    late = aggregator.measurements.percentile("pace_lag", 99)
    if late is None:
        return
    text = f"1 % of the chunks were more than {late:.1f} ms late"
    if late <= LATE_MS:
        yield brief_finding(problems.GENERATOR_OK, "generator", text)
        return
    yield make_finding(problems.GENERATOR_LATE, "generator", Evidence("", text))


def _timeline(run: FinishedRun) -> Timeline:
    moments = (
        Moment(at=0.0, who=PROBE, what="begin", detail=run.aggregator.plan.scenario.name),
        *run.aggregator.moments,
        Moment(at=run.seconds, who=PROBE, what="end", detail="interrupted" if run.aggregator.interrupted else ""),
    )
    return Timeline(TIMELINE, tuple(sorted(moments, key=lambda moment: moment.at)))
