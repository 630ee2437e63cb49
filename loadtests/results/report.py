"""Builds the report of a run: budgets first, then problems, then every measurement. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadtests.callers.connect_errors import UPGRADE_REFUSED_TEXT
from loadtests.metrics.budgets import BudgetVerdict, evaluate
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.results import problems
from loadtests.results.advice import Advice, advice_for, advice_without_data
from loadtests.results.proof import LATE_MS, RunEvidence
from loadtests.results.redaction import redact_report
from loadtests.results.report_metrics import metrics, series, tables
from loadtests.scenarios.table import Requirement, budget_requirements
from reports.model import EXIT_INTERRUPTED, Evidence, Finding, Moment, Report, Timeline
from reports.provenance import current_time, format_time, installed_version
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.metrics.budgets import Budget, BudgetResult
    from loadtests.results.aggregator import RunAggregator
    from loadtests.results.proof import Doubt
    from loadtests.scenarios.plan import RunPlan
    from reports.problem import Problem

TOOL, PROBE, TIMELINE = "sherpa-load run", "load", "load"
#: How many failure messages are shown.
_MAX_SHOWN = 3
#: Measurements whose budget shows the errors that callers received, and the reasons of failed answers.
_SHOWS_ERRORS = frozenset({"errors", "failed_calls", "unanswered_turns", "turns", "stranded_calls", "left_waiting"})
_SHOWS_FAILED_ANSWERS = frozenset({"unanswered_turns", "turns"})
#: A code that can be looked up: the target chooses what it sends.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{2,60}")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run and its duration."""

    aggregator: RunAggregator
    seconds: float

    @property
    def had_sessions(self) -> bool:
        """Whether any caller got a session."""
        return bool(self.aggregator.measurements.total("ready"))


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
    if not run.had_sessions and not aggregator.interrupted:
        yield _unreachable_finding(aggregator)
    elif aggregator.is_down:
        yield make_finding(problems.TARGET_WENT_DOWN, "target", *_failure_evidence(aggregator))
    for budget in aggregator.plan.budgets:
        why = _skip_reason(budget, run)
        yield _skipped_finding(budget.text, why) if why else _budget_finding(budget, run)
    for name, what, missing in aggregator.plan.skipped_phases:
        yield brief_finding(problems.PHASE_SKIPPED, f"phase {name}", f"skipped: {what}: needs {missing}")
    for text, missing in aggregator.plan.skipped_budgets:
        yield _skipped_finding(text, f"needs {missing}")
    for error in aggregator.errors:
        yield make_finding(problems.INCOMPLETE, "run", Evidence("", error))
    if _echo_missing(aggregator):
        yield make_finding(problems.NO_ECHO, "echo")
    yield from _generator_findings(aggregator)
    if run.had_sessions and not aggregator.is_down:  # otherwise it is shown above
        yield from _received_errors(aggregator)


def _skip_reason(budget: Budget, run: FinishedRun) -> str:
    """Return why a budget can't be checked; empty if it can."""
    aggregator = run.aggregator
    if not run.had_sessions:
        return "no caller got a session"
    if Requirement.AUDIO_AUDIT in budget_requirements(budget.text) and _echo_missing(aggregator):
        return "no echo was received"
    if aggregator.interrupted or aggregator.is_down:
        result = evaluate(budget, aggregator.measurements, run.seconds)
        is_short = result.verdict is not BudgetVerdict.PASSED and budget.comparison in (">", ">=")
        if (
            result.verdict is BudgetVerdict.NOT_MEASURED
            or is_short
            or (budget.phase or FIRST_PHASE) not in aggregator.started_phases
        ):
            return "the run ended before this phase"
    return ""


def _echo_missing(aggregator: RunAggregator) -> bool:
    measurements = aggregator.measurements
    option = any(group.behaviour.echo for group in aggregator.plan.groups)
    return option and bool(measurements.total("turns")) and not measurements.total("echoed_ms")


def _unreachable_finding(aggregator: RunAggregator) -> Finding:
    if any(UPGRADE_REFUSED_TEXT in text for text in aggregator.failures):
        problem = problems.TARGET_REFUSED
    else:
        problem = problems.NO_SESSION if aggregator.measurements.total("connect") else problems.TARGET_DOWN
    finding = make_finding(problem, "target", *_failure_evidence(aggregator), *_error_evidence(aggregator))
    return _filled_in(finding, aggregator)


def with_target_url(finding: Finding, plan: RunPlan) -> Finding:
    """Put the target's URL into the suggested command."""
    return replace(finding, fix=finding.fix.replace("--url URL", f"--url {plan.url.partition('?')[0]}"))


def _filled_in(finding: Finding, aggregator: RunAggregator) -> Finding:
    """Put the target's URL and the code to look up into the suggested commands."""
    code = _code_to_explain(aggregator)
    fix = finding.fix.replace("explain CODE", f"explain {code}" if code else "explain CODE")
    return with_target_url(replace(finding, fix=fix), aggregator.plan)


def _code_to_explain(aggregator: RunAggregator) -> str:
    """Return the service's most frequent reason, else the bridge's most frequent code; empty without one."""
    shown = [name for names in (aggregator.error_codes, aggregator.failed_answers) for name, _ in names.most_common(1)]
    words = [part for name in shown for part in (name.partition(" (")[2].rstrip(")"), name.partition(" (")[0])]
    return next((word for word in words if _CODE.fullmatch(word)), "")


def _failure_evidence(aggregator: RunAggregator) -> tuple[Evidence, ...]:
    return tuple(Evidence("", f"{count} x {text}") for text, count in aggregator.failures.most_common(_MAX_SHOWN))


def _error_evidence(aggregator: RunAggregator) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("", f"{count} x error {code}") for code, count in aggregator.error_codes.most_common(_MAX_SHOWN)
    )


def _failed_answer_evidence(aggregator: RunAggregator) -> tuple[Evidence, ...]:
    return tuple(
        Evidence("", f"{count} x failed answer: {reason}")
        for reason, count in aggregator.failed_answers.most_common(_MAX_SHOWN)
    )


def _received_errors(aggregator: RunAggregator) -> Iterator[Finding]:
    """List the errors that callers received, whether or not a budget covers them."""
    evidence = (*_failure_evidence(aggregator), *_error_evidence(aggregator), *_failed_answer_evidence(aggregator))
    if evidence:
        yield brief_finding(problems.FAILURES, "errors received", "; ".join(one.value for one in evidence))


def _budget_finding(budget: Budget, run: FinishedRun) -> Finding:
    aggregator = run.aggregator
    result = evaluate(budget, aggregator.measurements, run.seconds)
    doubt = RunEvidence(aggregator.plan, aggregator.measurements, run.seconds).doubt(result)
    if result.verdict is BudgetVerdict.PASSED:
        if doubt is not None:
            return _skipped_finding(budget.text, doubt.reason)
        return brief_finding(problems.BUDGET_KEPT, budget.text, result.value_text)
    problem, title, advice = _judgement(result, doubt)
    finding = make_finding(problem, budget.text, *_budget_evidence(result, aggregator))
    return _filled_in(replace(finding, title=title, cause=advice.cause, fix=advice.fix), aggregator)


def _judgement(result: BudgetResult, doubt: Doubt | None) -> tuple[Problem, str, Advice]:
    """Return the problem of a budget that did not pass, its title, and what it means."""
    budget, value = result.budget, result.value_text
    if result.verdict is BudgetVerdict.NOT_MEASURED:
        return problems.NOTHING_MEASURED, f"no data for {budget.text}", advice_without_data(budget)
    if doubt is not None:
        title = f"{budget.text} not decided: {value}, {doubt.reason}"
        return problems.INCONCLUSIVE, title, Advice(doubt.cause, doubt.fix)
    return problems.BUDGET_BROKEN, f"{budget.text} exceeded: {value}", advice_for(budget)


def _budget_evidence(result: BudgetResult, aggregator: RunAggregator) -> Iterator[Evidence]:
    yield Evidence("", result.value_text)
    speech = aggregator.audio_audit
    if result.budget.measure == "lost_ms" and speech is not None and speech.worst_callers:
        yield Evidence("most", ", ".join(f"caller {caller}: {ms:.0f} ms" for caller, ms in speech.worst_callers))
    if result.budget.measure in ("failed_calls", "failed_connects"):
        yield from _failure_evidence(aggregator)
    if result.budget.measure in _SHOWS_ERRORS:
        yield from _error_evidence(aggregator)
    if result.budget.measure in _SHOWS_FAILED_ANSWERS:
        yield from _failed_answer_evidence(aggregator)


def _skipped_finding(text: str, why: str) -> Finding:
    return brief_finding(problems.BUDGET_SKIPPED, text, f"skipped: {why}")


def _generator_findings(aggregator: RunAggregator) -> Iterator[Finding]:
    late = aggregator.measurements.percentile("pace_lag", 99)
    if late is None:
        return
    text = f"1 % of the chunks were more than {late:.1f} ms late"
    if late <= LATE_MS:
        yield brief_finding(problems.GENERATOR_OK, "generator", text)
        return
    yield make_finding(problems.GENERATOR_LATE, "generator", Evidence("", text))


def make_finding(problem: Problem, check: str, *evidence: Evidence) -> Finding:
    """Make the finding for a problem. Its row shows the first evidence."""
    return Finding(
        code=problem.code,
        severity=problem.severity,
        check=check,
        title=problem.title,
        evidence=evidence,
        cause=problem.cause,
        fix=problem.fix,
        link=f"sherpa-probe explain {problem.code}",
        probe=PROBE,
    )


def brief_finding(problem: Problem, check: str, title: str, *evidence: Evidence) -> Finding:
    """Make a finding that needs no attention, without cause and fix."""
    return Finding(
        code=problem.code, severity=problem.severity, check=check, title=title, evidence=evidence, probe=PROBE
    )


def _timeline(run: FinishedRun) -> Timeline:
    moments = (
        Moment(at=0.0, who=PROBE, what="begin", detail=run.aggregator.plan.scenario.name),
        *run.aggregator.moments,
        Moment(at=run.seconds, who=PROBE, what="end", detail="interrupted" if run.aggregator.interrupted else ""),
    )
    return Timeline(TIMELINE, tuple(sorted(moments, key=lambda moment: moment.at)))
