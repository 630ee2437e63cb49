"""Builds the report of a run: budgets first, then problems, then every measurement. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loadtests.callers.connect_errors import UPGRADE_REFUSED_TEXT
from loadtests.metrics.budgets import BudgetVerdict, evaluate
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.results import problems
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
    from loadtests.scenarios.plan import RunPlan
    from reports.problem import Problem

TOOL, PROBE, TIMELINE = "sherpa-load run", "load", "load"
#: If more than 1 % of the chunks are later than this, the generator measures itself.
LATE_MS = 20.0
#: How many failure messages are shown.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run and its duration."""

    aggregator: RunAggregator
    seconds: float

    @property
    def had_sessions(self) -> bool:
        """Whether any caller got a session."""
        return bool(self.aggregator.measurements.total("ready"))


def make_report(ran: FinishedRun) -> Report:
    """Check every budget and build the report."""
    gathering = ran.aggregator
    report = Report(
        tool=TOOL,
        version=installed_version(),
        started=format_time(datetime.fromtimestamp(gathering.started_at, UTC)),
        seconds=ran.seconds,
        target=describe_target(gathering.plan),
        findings=tuple(_findings(ran)),
        timelines=(_timeline(ran),),
        metrics=metrics(gathering),
        series=series(gathering, TIMELINE),
        tables=tables(gathering),
    )
    return redact_report(report, gathering.plan)


def report_without_run(plan: RunPlan, known: Problem, *seen: str, tool: str = TOOL) -> StoredReport:
    """Build the report of a run that did not take place, or that left no report."""
    finding = make_finding(known, "target" if known in _OF_TARGET else "run", *(Evidence("", text) for text in seen))
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
    return StoredReport(report, EXIT_INTERRUPTED if known is problems.INTERRUPTED else report.exit_code())


_OF_TARGET = (problems.TARGET_DOWN, problems.TARGET_REFUSED)


def run_exit_code(gathering: RunAggregator, report: Report) -> int:
    """Return the exit code of a run: 130 if it was interrupted."""
    return EXIT_INTERRUPTED if gathering.interrupted else report.exit_code()


def describe_target(plan: RunPlan, callers: str = "") -> tuple[Evidence, ...]:
    """Describe the target and the load. `callers` replaces the plan's own description of the callers."""
    endpoints = dict.fromkeys(group.behaviour.endpoint.value for group in plan.groups)
    return (
        Evidence("scenario", plan.scenario.name),
        Evidence("target", plan.url.partition("?")[0]),
        Evidence("callers", callers or f"{plan.users} callers for {plan.seconds:g} s"),
        Evidence("endpoint", f"{' and '.join(endpoints)} endpoint"),
    )


def _findings(ran: FinishedRun) -> Iterator[Finding]:
    gathering = ran.aggregator
    if gathering.interrupted:
        yield make_finding(problems.INTERRUPTED, "run", Evidence("", f"after {ran.seconds:.0f} s"))
    if not ran.had_sessions and not gathering.interrupted:
        yield _unreached(gathering)
    elif gathering.is_down:
        yield make_finding(problems.TARGET_WENT_DOWN, "target", *_failures(gathering))
    for budget in gathering.plan.budgets:
        why = _why_not(budget, ran)
        yield _skipped(budget.text, why) if why else _judged(budget, ran)
    for text, wanted in gathering.plan.skipped_budgets:
        yield _skipped(text, f"needs {wanted}")
    for trouble in gathering.errors:
        yield make_finding(problems.INCOMPLETE, "run", Evidence("", trouble))
    if _lacks_its_echo(gathering):
        yield make_finding(problems.NO_ECHO, "echo")
    yield from _lateness(gathering)
    if ran.had_sessions and not gathering.is_down:  # otherwise it is shown above
        yield from _told(gathering)


def _why_not(budget: Budget, ran: FinishedRun) -> str:
    """Return why a budget can't be checked; empty if it can."""
    gathering = ran.aggregator
    if not ran.had_sessions:
        return "no caller got a session"
    if Requirement.AUDIO_AUDIT in budget_requirements(budget.text) and _lacks_its_echo(gathering):
        return "no echo was received"
    if gathering.interrupted or gathering.is_down:
        judged = evaluate(budget, gathering.measurements, ran.seconds)
        is_short = judged.verdict is not BudgetVerdict.PASSED and budget.comparison in (">", ">=")
        if (
            judged.verdict is BudgetVerdict.NOT_MEASURED
            or is_short
            or (budget.phase or FIRST_PHASE) not in gathering.started_phases
        ):
            return "the run ended before this phase"
    return ""


def _lacks_its_echo(gathering: RunAggregator) -> bool:
    figures = gathering.measurements
    wanted = any(group.behaviour.echo for group in gathering.plan.groups)
    return wanted and bool(figures.total("turns")) and not figures.total("echoed_ms")


def _unreached(gathering: RunAggregator) -> Finding:
    if any(UPGRADE_REFUSED_TEXT in words for words in gathering.failures):
        known = problems.TARGET_REFUSED
    else:
        known = problems.NO_SESSION if gathering.measurements.total("connect") else problems.TARGET_DOWN
    found = make_finding(known, "target", *_failures(gathering), *_complaints(gathering))
    return with_target_url(found, gathering.plan)


def with_target_url(found: Finding, plan: RunPlan) -> Finding:
    """Put the target's URL into the suggested command."""
    return replace(found, fix=found.fix.replace("--url URL", f"--url {plan.url.partition('?')[0]}"))


def _failures(gathering: RunAggregator) -> tuple[Evidence, ...]:
    return tuple(Evidence("", f"{count} x {words}") for words, count in gathering.failures.most_common(_SHOWN))


def _complaints(gathering: RunAggregator) -> tuple[Evidence, ...]:
    return tuple(Evidence("", f"{count} x error {code}") for code, count in gathering.error_codes.most_common(_SHOWN))


def _told(gathering: RunAggregator) -> Iterator[Finding]:
    """List the errors that callers received, whether or not a budget covers them."""
    seen = (*_failures(gathering), *_complaints(gathering))
    if seen:
        yield brief_finding(problems.FAILURES, "errors received", "; ".join(one.value for one in seen))


def _judged(budget: Budget, ran: FinishedRun) -> Finding:
    judged = evaluate(budget, ran.aggregator.measurements, ran.seconds)
    if judged.verdict is BudgetVerdict.PASSED:
        return brief_finding(problems.BUDGET_KEPT, budget.text, judged.value_text)
    if judged.verdict is BudgetVerdict.NOT_MEASURED:
        known, title = problems.NOTHING_MEASURED, f"no data for {budget.text}"
    else:
        known, title = problems.BUDGET_BROKEN, f"{budget.text} exceeded: {judged.value_text}"
    return replace(make_finding(known, budget.text, *_seen(judged, ran.aggregator)), title=title)


def _seen(judged: BudgetResult, gathering: RunAggregator) -> Iterator[Evidence]:
    yield Evidence("", judged.value_text)
    speech = gathering.audio_audit
    if judged.budget.measure == "lost_ms" and speech is not None and speech.worst_callers:
        yield Evidence("most", ", ".join(f"caller {caller}: {ms:.0f} ms" for caller, ms in speech.worst_callers))
    if judged.budget.measure in ("failed_calls", "failed_connects"):
        yield from _failures(gathering)
    if judged.budget.measure == "errors":
        yield from _complaints(gathering)


def _skipped(text: str, why: str) -> Finding:
    return brief_finding(problems.BUDGET_SKIPPED, text, f"skipped: {why}")


def _lateness(gathering: RunAggregator) -> Iterator[Finding]:
    late = gathering.measurements.percentile("pace_lag", 99)
    if late is None:
        return
    words = f"1 % of the chunks were more than {late:.1f} ms late"
    if late <= LATE_MS:
        yield brief_finding(problems.GENERATOR_OK, "generator", words)
        return
    yield make_finding(problems.GENERATOR_LATE, "generator", Evidence("", words))


def make_finding(known: Problem, check: str, *evidence: Evidence) -> Finding:
    """Make the finding for a problem. Its row shows the first evidence."""
    return Finding(
        code=known.code,
        severity=known.severity,
        check=check,
        title=known.title,
        evidence=evidence,
        cause=known.cause,
        fix=known.fix,
        link=f"sherpa-probe explain {known.code}",
        probe=PROBE,
    )


def brief_finding(known: Problem, check: str, title: str, *evidence: Evidence) -> Finding:
    """Make a finding that needs no attention, without cause and fix."""
    return Finding(code=known.code, severity=known.severity, check=check, title=title, evidence=evidence, probe=PROBE)


def _timeline(ran: FinishedRun) -> Timeline:
    moments = (
        Moment(at=0.0, who=PROBE, what="begin", detail=ran.aggregator.plan.scenario.name),
        *ran.aggregator.moments,
        Moment(at=ran.seconds, who=PROBE, what="end", detail="interrupted" if ran.aggregator.interrupted else ""),
    )
    return Timeline(TIMELINE, tuple(sorted(moments, key=lambda moment: moment.at)))
