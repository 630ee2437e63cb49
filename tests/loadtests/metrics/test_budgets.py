"""Budgets: read as people write them, broken where they must be, and never kept by what did not happen."""

from __future__ import annotations

import pytest

from loadtests.metrics.budgets import BudgetError, Verdict, judge, parse_budget
from loadtests.metrics.histograms import Figures


def measured() -> Figures:
    figures = Figures()
    for ms in range(1, 101):
        figures.duration("first_audio", ms * 10, 1)
    figures.count("lost_ms", 0, 1)
    figures.count("errors", 30, 1)
    figures.phase = "storm"
    figures.duration("ready", 1500, 5)
    return figures


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("p99(first_audio) < 800ms", Verdict.BROKEN),
        ("p99(first_audio) < 1s", Verdict.KEPT),
        ("P50( first_audio )<=501ms", Verdict.KEPT),
        ("p99.9(first_audio) < 999ms", Verdict.BROKEN),
        ("max(first_audio) < 1.5s", Verdict.KEPT),
        ("min(first_audio) >= 11 ms", Verdict.BROKEN),
        ("mean(first_audio) < 510ms", Verdict.KEPT),
        ("count(first_audio) == 100", Verdict.KEPT),
        ("rate(first_audio) > 9/s", Verdict.KEPT),
        ("lost_ms == 0", Verdict.KEPT),
        ("lost_ms > 0ms", Verdict.BROKEN),
        ("errors <= 29", Verdict.BROKEN),
        ("rate(errors) < 3.1", Verdict.KEPT),
        ("p99(ready@storm) < 1s", Verdict.BROKEN),
        ("p99(ready@storm) < 2s", Verdict.KEPT),
        ("p99(ready@calm) < 2s", Verdict.UNMEASURED),
        ("p99(reconnect) < 2s", Verdict.UNMEASURED),
        ("repeated_ms == 0", Verdict.UNMEASURED),
    ],
)
def test_a_budget_is_kept_broken_or_was_about_nothing(text: str, verdict: Verdict) -> None:
    assert judge(parse_budget(text), measured(), seconds=10).verdict is verdict


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read: write for example"),
        ("fast please", "cannot be read"),
        ("p99(first_audio) < ", "cannot be read"),
        ("p99(frist_audio) < 800ms", "did you mean first_audio?"),
        ("xyzzy == 0", "which is not measured; there are: connect, ready"),
        ("first_audio < 800ms", "which of many durations: write 'p99(first_audio)"),
        ("p99(first_audio) < 800", "has no unit of time: write 800ms or 800s"),
        ("p101(first_audio) < 8s", "asks for 'p101'"),
        ("p99(errors) < 1", "asks for p99 of a sum"),
        ("errors < 5s", "is about a number"),
        ("lost_ms == -1", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said_in_plain_words(text: str, words: str) -> None:
    with pytest.raises(BudgetError) as refused:
        parse_budget(text)
    assert words in str(refused.value)


def test_what_was_measured_is_said_with_its_unit() -> None:
    texts = ["p99(first_audio) < 1s", "errors == 0", "rate(errors) < 1", "p50(reconnect) < 1s", "count(ready) == 1"]
    words = [judge(parse_budget(text), measured(), 10).words for text in texts]
    assert words == ["990 ms", "30", "3 a second", "never happened", "1"]
