"""What a run cost: in all, per call, and per caller and hour; and what is said where no price is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtests.metrics.budgets import BudgetVerdict, evaluate, parse_budget
from loadtests.results.report_metrics import metrics
from loadtests.results.spending import spending_findings
from reports.model import Severity
from tests.loadtests.factories import aggregated, worker_report_of

if TYPE_CHECKING:
    from loadtests.results.aggregator import RunAggregator


def finished(**measured: float) -> RunAggregator:
    aggregator = aggregated(worker_report_of({"calls": 4, **measured}))
    for at in (0.0, 900.0):
        aggregator.tick(at, 2)
    aggregator.finish(900)
    return aggregator


def values(aggregator: RunAggregator) -> dict[str, float]:
    return {metric.name: metric.value for metric in metrics(aggregator)}


def test_the_cost_is_told_in_all_and_for_each_call_and_each_hour_of_a_caller() -> None:
    run = finished(input_tokens=9000, cached_tokens=3000, output_tokens=500, transcribed_ms=60_000, cost_usd=0.1)
    found = values(run)
    assert found["load_cost_usd"] == pytest.approx(0.1)
    assert found["load_call_cost_usd"] == pytest.approx(0.025)
    assert found["load_caller_hour_cost_usd"] == pytest.approx(0.2), "half an hour of a caller, all together"
    assert (found["load_input_tokens_total"], found["load_transcribed_ms"]) == (9000, 60_000)
    (finding,) = spending_findings(run)
    assert finding.code == "LOAD-COST"
    assert finding.title.startswith("$0.1; $0.025 per call; $0.2 per caller and hour; prices of 20")
    assert (
        finding.evidence[0].value == "9,000 tokens in, 3,000 of them cached; 500 out; 1 min 0 s of speech transcribed"
    )


def test_a_model_without_a_price_is_named_and_no_cost_of_the_run_is_told() -> None:
    run = finished(input_tokens=9000, cost_usd=0.1, unpriced=3)
    run.count_unpriced("mine", 3)
    found = values(run)
    assert not [name for name in found if name.endswith("_usd")]
    (finding,) = spending_findings(run)
    assert (finding.code, finding.severity) == ("LOAD-COST-UNKNOWN", Severity.INFO)
    assert finding.title == "no known price for 3 responses and transcripts; models: mine"
    assert finding.evidence[0].value.startswith("at least $0.1,")


def test_a_budget_is_not_passed_by_a_cost_that_is_known_in_part() -> None:
    budget = parse_budget("cost_usd < 1")
    known, unknown = finished(input_tokens=1, cost_usd=0.1), finished(input_tokens=1, cost_usd=0.1, unpriced=1)
    assert evaluate(budget, known.measurements, 900).verdict is BudgetVerdict.PASSED
    assert evaluate(budget, unknown.measurements, 900).verdict is BudgetVerdict.NOT_MEASURED


def test_a_service_that_tells_no_usage_has_no_row() -> None:
    assert list(spending_findings(finished())) == []
    assert list(spending_findings(finished(input_tokens=0))) == []
