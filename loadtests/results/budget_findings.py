"""The findings for the budgets of a run: passed, exceeded, not decided, or not checked and why. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from loadtests.metrics.budgets import BudgetVerdict, evaluate
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.results import problems
from loadtests.results.advice import Advice, advice_for, advice_without_data
from loadtests.results.evidence import error_evidence, failed_answer_evidence, failure_evidence, filled_in
from loadtests.results.findings import FinishedRun, brief_finding, make_finding
from loadtests.results.proof import RunEvidence
from loadtests.scenarios.table import Requirement, budget_requirements
from reports.model import Evidence, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.metrics.budgets import Budget, BudgetResult
    from loadtests.results.aggregator import RunAggregator
    from loadtests.results.proof import Doubt
    from reports.problem import Problem

#: Measurements whose budget shows the errors that callers received, and the reasons of failed answers.
_SHOWS_ERRORS = frozenset({"errors", "failed_calls", "unanswered_turns", "turns", "stranded_calls", "left_waiting"})
_SHOWS_FAILED_ANSWERS = frozenset({"unanswered_turns", "turns"})


def budget_findings(run: FinishedRun) -> Iterator[Finding]:
    """Check every budget, and name the phases and budgets that the plan had to leave out."""
    plan = run.aggregator.plan
    for budget in plan.budgets:
        why = _skip_reason(budget, run)
        yield _skipped_finding(budget.text, why) if why else _budget_finding(budget, run)
    for name, what, missing in plan.skipped_phases:
        yield brief_finding(problems.PHASE_SKIPPED, f"phase {name}", f"skipped: {what}: needs {missing}")
    for text, missing in plan.skipped_budgets:
        yield _skipped_finding(text, f"needs {missing}")


def _skip_reason(budget: Budget, run: FinishedRun) -> str:
    """Return why a budget can't be checked; empty if it can."""
    aggregator = run.aggregator
    if not run.had_sessions:
        return "no caller got a session"
    if Requirement.AUDIO_AUDIT in budget_requirements(budget.text) and run.echo_missing:
        return "no echo was received"
    result = evaluate(budget, aggregator.measurements, run.seconds)
    if run.target_ended and result.verdict is not BudgetVerdict.PASSED:
        return "the target process ended"
    if aggregator.interrupted or aggregator.is_down:
        is_short = result.verdict is not BudgetVerdict.PASSED and budget.comparison in (">", ">=")
        if (
            result.verdict is BudgetVerdict.NOT_MEASURED
            or is_short
            or (budget.phase or FIRST_PHASE) not in aggregator.started_phases
        ):
            return "the run ended before this phase"
    return ""


def _budget_finding(budget: Budget, run: FinishedRun) -> Finding:
    aggregator = run.aggregator
    result = evaluate(budget, aggregator.measurements, run.seconds)
    doubt = RunEvidence(aggregator.plan, aggregator.measurements, run.seconds).doubt(result)
    if doubt is not None and result.verdict is not BudgetVerdict.FAILED:
        return _skipped_finding(budget.text, doubt.reason)
    if result.verdict is BudgetVerdict.PASSED:
        return brief_finding(problems.BUDGET_KEPT, budget.text, result.value_text)
    problem, title, advice = _judgement(result, doubt)
    finding = make_finding(problem, budget.text, *_budget_evidence(result, aggregator))
    return filled_in(replace(finding, title=title, cause=advice.cause, fix=advice.fix), aggregator)


def _judgement(result: BudgetResult, doubt: Doubt | None) -> tuple[Problem, str, Advice]:
    """Return the problem of a budget that did not pass, its title, and what it means."""
    budget, value = result.budget, result.value_text
    if result.verdict is BudgetVerdict.NOT_MEASURED:
        return problems.NOTHING_MEASURED, f"no data for {budget.text}", advice_without_data(budget)
    if doubt is not None:
        title = f"{budget.text} not decided: {value}, {doubt.reason}"
        return problems.INCONCLUSIVE, title, Advice(doubt.cause, doubt.fix)
    word = "missed" if budget.comparison in (">", ">=") else "exceeded"
    return problems.BUDGET_BROKEN, f"{budget.text} {word}: {value}", advice_for(budget)


def _budget_evidence(result: BudgetResult, aggregator: RunAggregator) -> Iterator[Evidence]:
    yield Evidence("", result.value_text)
    speech = aggregator.audio_audit
    if result.budget.measure == "lost_ms" and speech is not None and speech.worst_callers:
        yield Evidence("most", ", ".join(f"caller {caller}: {ms:.0f} ms" for caller, ms in speech.worst_callers))
    if result.budget.measure in ("failed_calls", "failed_connects"):
        yield from failure_evidence(aggregator)
    if result.budget.measure in _SHOWS_ERRORS:
        yield from error_evidence(aggregator)
    if result.budget.measure in _SHOWS_FAILED_ANSWERS:
        yield from failed_answer_evidence(aggregator)


def _skipped_finding(text: str, why: str) -> Finding:
    return brief_finding(problems.BUDGET_SKIPPED, text, f"skipped: {why}")
