"""Budgets: parsed from text, failed when they must, and never passed without data."""

from __future__ import annotations

import pytest

from loadtests.metrics.budgets import BudgetError, BudgetVerdict, evaluate, parse_budget
from loadtests.metrics.histograms import RunMeasurements


def measured() -> RunMeasurements:
    measurements = RunMeasurements()
    for ms in range(1, 101):
        measurements.record_duration("first_audio", ms * 10, 1)
    measurements.add_count("lost_ms", 0, 1)
    measurements.add_count("errors", 30, 1)
    measurements.phase = "storm"
    measurements.record_duration("ready", 1500, 5)
    return measurements


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("p99(first_audio) < 800ms", BudgetVerdict.FAILED),
        ("p99(first_audio) < 1s", BudgetVerdict.PASSED),
        ("P50( first_audio )<=501ms", BudgetVerdict.PASSED),
        ("p99.9(first_audio) < 999ms", BudgetVerdict.FAILED),
        ("max(first_audio) < 1.5s", BudgetVerdict.PASSED),
        ("min(first_audio) >= 11 ms", BudgetVerdict.FAILED),
        ("mean(first_audio) < 510ms", BudgetVerdict.PASSED),
        ("count(first_audio) == 100", BudgetVerdict.PASSED),
        ("rate(first_audio) > 9/s", BudgetVerdict.PASSED),
        ("lost_ms == 0", BudgetVerdict.PASSED),
        ("lost_ms > 0ms", BudgetVerdict.FAILED),
        ("errors <= 29", BudgetVerdict.FAILED),
        ("rate(errors) < 3.1", BudgetVerdict.PASSED),
        ("p99(ready@storm) < 1s", BudgetVerdict.FAILED),
        ("p99(ready@storm) < 2s", BudgetVerdict.PASSED),
        ("p99(ready@calm) < 2s", BudgetVerdict.NOT_MEASURED),
        ("p99(reconnect) < 2s", BudgetVerdict.NOT_MEASURED),
        ("repeated_ms == 0", BudgetVerdict.NOT_MEASURED),
    ],
)
def test_a_budget_passes_fails_or_has_no_data(text: str, verdict: BudgetVerdict) -> None:
    assert evaluate(parse_budget(text), measured(), seconds=10).verdict is verdict


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "; for example 'p99"),
        ("fast please", "invalid budget"),
        ("p99(first_audio) < ", "invalid budget"),
        ("p99(frist_audio) < 800ms", "did you mean first_audio?"),
        ("xyzzy == 0", "unknown measurement 'xyzzy'; available: connect, ready"),
        ("first_audio < 800ms", "first_audio is a duration; use for example 'p99(first_audio)"),
        ("p99(first_audio) < 800", "the limit needs a unit; use 800ms or 800s"),
        ("p101(first_audio) < 8s", "unknown statistic 'p101'"),
        ("p99(errors) < 1", "errors is a count and has no p99"),
        ("errors < 5s", "the limit is a number without a unit"),
        ("lost_ms == -1", "invalid budget"),
    ],
)
def test_an_invalid_budget_is_explained(text: str, words: str) -> None:
    with pytest.raises(BudgetError) as refused:
        parse_budget(text)
    assert words in str(refused.value)


def test_a_measured_value_has_its_unit() -> None:
    texts = ["p99(first_audio) < 1s", "errors == 0", "rate(errors) < 1", "p50(reconnect) < 1s", "count(ready) == 1"]
    words = [evaluate(parse_budget(text), measured(), 10).value_text for text in texts]
    assert words == ["990 ms", "30", "3 per second", "no data", "1"]
