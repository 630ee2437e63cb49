"""Whether a run can decide a budget: it must be large and long enough, and the load generator on time. Pure.

A budget that passed may still prove nothing: in 10 s, no caller can wait 12 s for a session. A budget that failed may
do so by chance: with 6 values, a single slow one is the p99. And a generator that is late measures itself. In all these
cases the report says so instead of judging the target. (A duration that passed although the generator was late is
proved all the same: lateness only adds to it.)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadtests.callers.reconnect_watchdog import LONGEST_SILENCE_SECONDS
from loadtests.callers.session_interval import MUTE_SECONDS
from loadtests.callers.session_lifecycle import LEFT_WAITING_SECONDS
from loadtests.metrics.budgets import BudgetVerdict
from loadtests.metrics.measures import MEASURES, MIN_US, MeasureKind
from loadtests.scenarios.safety import MAX_CALLERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hdrh.histogram import HdrHistogram

    from loadtests.metrics.budgets import Budget, BudgetResult
    from loadtests.metrics.histograms import RunMeasurements
    from loadtests.scenarios.plan import RunPlan

#: If more than 1 % of the chunks are later than this, the generator measures itself.
LATE_MS = 20.0
#: A generator that was this late stood still: whatever its callers missed, they may have missed because of it.
_STALLED_MS = 1000.0
#: How long callers must be watched before it counts that this did not happen: after the first disruption, if any.
_SECONDS_TO_SEE: Mapping[str, float] = {
    "stranded_calls": LONGEST_SILENCE_SECONDS,
    "left_waiting": LEFT_WAITING_SECONDS,
    "mute_sessions": MUTE_SECONDS + 2.0,
}
#: A shorter time with all callers says nothing about memory: every runtime grows at first.
_MEMORY, _MEMORY_SECONDS = "memory_grown_mb", 30.0
#: Up to this limit, a count that scales with the callers depends on chance by its square root.
_SMALL_LIMIT = 20.0
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_UPPER = ("<", "<=")
_US_PER_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a budget can't be decided, and the next step."""

    reason: str
    """A few words for the row: `too short to prove this`, with what it needs."""
    cause: str
    fix: str


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What there is to decide with."""

    plan: RunPlan
    measurements: RunMeasurements
    seconds: float

    @property
    def late_ms(self) -> float | None:
        """How late the generator was: the p99; None if nothing was sent."""
        return self.measurements.percentile("pace_lag", 99)

    def doubt(self, result: BudgetResult) -> Doubt | None:
        """Return why this result decides nothing; None if it does."""
        budget = result.budget
        if budget.measure == _MEMORY:
            return self._memory_doubt(result)
        if result.verdict is BudgetVerdict.PASSED:
            return self._too_short(budget)
        if result.verdict is BudgetVerdict.FAILED:
            return self._late(budget) or self._few_values(budget) or self._near_small_limit(result)
        return None

    # ---- passed, but proves nothing

    def _too_short(self, budget: Budget) -> Doubt | None:
        """Doubt that something did not happen if there was no time for it after the first disruption, or the start."""
        needed = _SECONDS_TO_SEE.get(budget.measure)
        if needed is None:
            return None
        first = self.plan.first_disruption
        if min(self.seconds, self.plan.seconds) >= self.plan.seconds * first + needed:
            return None
        return _too_short_for(math.ceil(needed / (1 - first)))

    def _memory_doubt(self, result: BudgetResult) -> Doubt | None:
        plan = self.plan
        if min(self.seconds, plan.seconds) - plan.ramp_seconds < _MEMORY_SECONDS:
            return _too_short_for(math.ceil(_MEMORY_SECONDS + plan.ramp_seconds))
        calls, needed = self.measurements.total("calls") or 0.0, plan.scenario.calls_for_memory
        if result.verdict is not BudgetVerdict.PASSED or calls >= needed:
            return None
        factor = math.ceil(needed / max(calls, 1.0))
        return Doubt(
            f"too small to prove this: {calls:.0f} of {needed} calls; --users {plan.users * factor} "
            f"or --duration {plan.seconds * factor:.0f}s",
            "A leak with each call is too small to be seen after so few of them.",
            f"Run it longer: --duration {plan.seconds * factor:.0f}s",
        )

    # ---- failed, but perhaps by chance

    def _late(self, budget: Budget) -> Doubt | None:
        late = self.late_ms or 0.0
        is_duration = MEASURES[budget.measure].kind is MeasureKind.DURATION and budget.statistic not in (
            "count",
            "rate",
        )
        if late <= LATE_MS or not (late > _STALLED_MS or (is_duration and budget.comparison in _UPPER)):
            return None
        return Doubt(
            "the load generator was late",
            f"The load generator itself was late (1 % of the chunks by more than {late:.0f} ms), and what it measures "
            "is late with it. This says nothing about the target.",
            "Run it with more processes (--processes N), 100 ms chunks (--chunk-ms 100), or on a machine of its own",
        )

    def _few_values(self, budget: Budget) -> Doubt | None:
        """Doubt a percentile that fewer values than it takes, and only one of them, put beyond the limit."""
        percentile = _PERCENTILE.fullmatch(budget.statistic)
        histogram = self.measurements.histogram(budget.measure, budget.phase)
        if percentile is None or histogram is None or budget.comparison not in _UPPER:
            return None
        values, share = histogram.get_total_count(), float(percentile[1])
        needed = math.ceil(round(100 / (100 - share), 6)) if share < 100 else 0  # noqa: PLR2004 - per cent
        if values >= needed or (values > 1 and _second_largest_ms(histogram) > budget.limit):
            return None
        factor = math.ceil(needed / values)
        return Doubt(
            "too small to prove this",
            f"One of {values} values is beyond the limit. A {budget.statistic} needs at least {needed} of them.",
            f"Run it with more callers: --users {min(MAX_CALLERS, self.plan.users * factor)}",
        )

    def _near_small_limit(self, result: BudgetResult) -> Doubt | None:
        """Doubt a count that scales with the callers and missed its limit by no more than chance."""
        budget, measured = result.budget, result.measured
        if not measured or not self._scales(budget) or budget.limit >= _SMALL_LIMIT:
            return None  # nothing at all is no chance
        slack = math.sqrt(budget.limit) if budget.comparison in _UPPER else 1.0
        beyond = abs(measured - budget.limit)
        if beyond > slack or (beyond == slack and budget.comparison not in _UPPER):
            return None
        return Doubt(
            "too small to prove this",
            f"With {self.plan.users} callers, {measured:g} instead of {budget.limit:g} may be chance.",
            f"Run it with more callers: --users {max(self.plan.scenario.users, 2 * self.plan.users)}",
        )

    def _scales(self, budget: Budget) -> bool:
        return budget.text in self.plan.scenario.scaled_counts(self.plan.users)


def _too_short_for(seconds: int) -> Doubt:
    return Doubt(
        f"too short to prove this: --duration {seconds}s",
        "The run ended before this could be seen.",
        f"Run it longer: --duration {seconds}s",
    )


def _second_largest_ms(histogram: HdrHistogram) -> float:
    values = histogram.get_total_count()
    us = histogram.get_value_at_percentile(100 * (values - 1) / values)
    return us / _US_PER_MS if us > MIN_US else 0.0
