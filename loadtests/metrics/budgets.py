"""Budgets: limits on measurements, parsed from text and checked after a run.

    p99(first_audio) < 800ms      lost_ms == 0      rate(errors) < 0.5      p95(ready@storm) <= 2s

A budget on something that never happened fails, since nothing was proved.
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

from loadtests.metrics.measures import MEASURES, MIN_US, MeasureKind
from reports.render.numbers import format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtests.metrics.histograms import RunMeasurements

_BUDGET = re.compile(
    r"\s*(?:(?P<how>[a-z][\w.]*)\s*\(\s*(?P<inner>[\w-]+)(?:@(?P<phase>[\w-]+))?\s*\)|(?P<bare>[\w-]+)(?:@(?P<at>[\w-]+))?)"
    r"\s*(?P<than><=|>=|==|<|>)\s*(?P<limit>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|/s)?\s*",
    re.IGNORECASE,
)
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
_PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d+)?)", re.IGNORECASE)
#: Statistics of a duration besides percentiles.
_DURATION_STATISTICS = ("max", "mean", "min", "count", "rate")
_COUNT_STATISTICS = ("total", "rate")
_MS_PER_S = 1000.0
_US_PER_MS = 1000.0
_EXAMPLE = "for example 'p99(first_audio) < 800ms' or 'lost_ms == 0'"


class BudgetError(ValueError):
    """A budget can't be parsed; the message says why."""


class BudgetVerdict(StrEnum):
    """The outcome of a budget."""

    PASSED = "kept"
    FAILED = "broken"
    NOT_MEASURED = "unmeasured"
    """What it covers never happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One limit on a measurement."""

    text: str
    """As it was written, with single spaces."""
    measure: str
    """A name in `MEASURES`."""
    statistic: str
    """`p99`, `max`, `mean`, `min`, `count`, `rate` or `total`."""
    phase: str | None
    """The phase it covers; None for the whole run."""
    comparison: str
    limit: float
    """In ms, as a number, or per second."""


@dataclass(frozen=True, slots=True)
class BudgetResult:
    """A budget and its outcome."""

    budget: Budget
    verdict: BudgetVerdict
    measured: float | None

    @property
    def value_text(self) -> str:
        """The measured value with its unit."""
        if self.measured is None:
            return "no data"
        if self.budget.statistic == "rate":
            return f"{self.measured:.3g} per second"
        is_duration = MEASURES[self.budget.measure].kind is MeasureKind.DURATION and self.budget.statistic != "count"
        if is_duration or self.budget.measure.endswith("_ms"):
            return format_duration(self.measured / _MS_PER_S)
        return f"{self.measured:.1f} MB" if self.budget.measure.endswith("_mb") else f"{self.measured:g}"


def parse_budget(text: str) -> Budget:
    """Parse a budget such as `p99(first_audio@storm) < 800ms`. Raises BudgetError."""
    match = _BUDGET.fullmatch(text)
    if match is None:
        raise BudgetError(f"invalid budget {text!r}; {_EXAMPLE}")
    if not math.isfinite(float(match["limit"])):
        raise BudgetError(f"invalid budget {text[:60]!r}...: the limit is too large")
    name = (match["inner"] or match["bare"]).lower()
    if name not in MEASURES:
        raise BudgetError(f"invalid budget {text!r}: unknown measurement {name!r}{_suggestion(name)}")
    statistic = (match["how"] or "total").lower()
    _check_statistic(text, name, statistic)
    phase = match["phase"] or match["at"]
    if statistic == "rate" and phase is not None:
        raise BudgetError(f"invalid budget {text!r}: a rate covers the whole run, not a phase")
    return Budget(
        text=" ".join(text.split()),
        measure=name,
        statistic=statistic,
        phase=phase,
        comparison=match["than"],
        limit=_limit(text, name, statistic, float(match["limit"]), (match["unit"] or "").lower()),
    )


def evaluate(budget: Budget, measurements: RunMeasurements, seconds: float) -> BudgetResult:
    """Check a budget against the measurements of a run that lasted `seconds`."""
    measured = _measured(budget, measurements, seconds)
    if measured is None:
        return BudgetResult(budget, BudgetVerdict.NOT_MEASURED, None)
    passed = _COMPARISONS[budget.comparison](measured, budget.limit)
    return BudgetResult(budget, BudgetVerdict.PASSED if passed else BudgetVerdict.FAILED, measured)


def _measured(budget: Budget, measurements: RunMeasurements, seconds: float) -> float | None:
    total = measurements.total(budget.measure, budget.phase)
    if budget.statistic in ("count", "rate") and MEASURES[budget.measure].kind is MeasureKind.DURATION:
        total = total or 0.0  # no durations means a count of 0
    if budget.statistic in ("count", "total") or total is None:
        return total
    if budget.statistic == "rate":
        return total / max(seconds, 1.0)
    histogram = measurements.histogram(budget.measure, budget.phase)
    if histogram is None:
        return None
    percentile = _PERCENTILE.fullmatch(budget.statistic)
    if percentile is not None:
        us = float(histogram.get_value_at_percentile(float(percentile[1])))
        return us / _US_PER_MS if us > MIN_US else 0.0
    of: Mapping[str, Callable[[], float]] = {
        "max": histogram.get_max_value,
        "min": histogram.get_min_value,
        "mean": histogram.get_mean_value,
    }
    us = of[budget.statistic]()
    return us / _US_PER_MS if us > MIN_US else 0.0


def _check_statistic(text: str, name: str, statistic: str) -> None:
    if MEASURES[name].kind is MeasureKind.COUNT:
        if statistic not in _COUNT_STATISTICS:
            usable = f"use '{name} == 0' or 'rate({name}) < 1'"
            raise BudgetError(f"invalid budget {text!r}: {name} is a count and has no {statistic}; {usable}")
        return
    if statistic == "total":
        raise BudgetError(f"invalid budget {text!r}: {name} is a duration; use for example 'p99({name}) < 800ms'")
    if statistic not in _DURATION_STATISTICS and _PERCENTILE.fullmatch(statistic) is None:
        raise BudgetError(
            f"invalid budget {text!r}: unknown statistic {statistic!r}; use p50 to p99.9, max, mean, min, count or rate"
        )


def _limit(text: str, name: str, statistic: str, limit: float, unit: str) -> float:
    is_duration = MEASURES[name].kind is MeasureKind.DURATION and statistic not in ("count", "rate")
    if is_duration:
        if unit not in ("ms", "s"):
            raise BudgetError(f"invalid budget {text!r}: the limit needs a unit; use {limit:g}ms or {limit:g}s")
        return limit * (_MS_PER_S if unit == "s" else 1.0)
    if name.endswith("_ms") and unit in ("ms", "s"):
        return limit * (_MS_PER_S if unit == "s" else 1.0)
    if unit and not (statistic == "rate" and unit == "/s"):
        raise BudgetError(f"invalid budget {text!r}: the limit is a number without a unit")
    return limit


def _suggestion(name: str) -> str:
    matches = get_close_matches(name, MEASURES, n=1)
    return f": did you mean {matches[0]}?" if matches else f"; available: {', '.join(MEASURES)}"
