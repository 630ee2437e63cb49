"""Compares the metrics of two runs: how each is judged, and which changes are noise. Pure.

Two runs of the same target never give the same numbers. How much they differ by chance depends on what was measured: a
median of many values hardly, a maximum or the p99 of a few values very much, and a count by about its square root.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reports.compare.change_kinds import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reports.model import Report

#: How much a metric may change and still count as the same, as a share.
TOLERANCE = 0.2
#: A count changes by chance by this many times its square root.
_CHANCE = 2.5


class Direction(StrEnum):
    """Which values of a metric are better; NEITHER is shown without a verdict."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class MetricRule:
    """How to judge a metric."""

    direction: Direction
    floor: float = 0.0
    """Smaller changes are noise, in the metric's unit."""
    is_compared: bool = True
    """False if it describes the run and not its target."""


#: A word or several consecutive words of a metric's name -> how to judge it. The first match counts.
METRIC_RULES: tuple[tuple[str, MetricRule], ...] = (
    ("pace_lag", MetricRule(Direction.LOWER, is_compared=False)),  # of the load generator
    ("generator", MetricRule(Direction.NEITHER, is_compared=False)),
    ("machine", MetricRule(Direction.NEITHER, is_compared=False)),
    ("simulator", MetricRule(Direction.NEITHER, is_compared=False)),
    ("unfinished", MetricRule(Direction.NEITHER, is_compared=False)),  # answers that ran when the callers hung up
    ("cpu_percent", MetricRule(Direction.NEITHER, floor=15)),
    ("memory_bytes", MetricRule(Direction.NEITHER, floor=10e6)),
    ("passed_over", MetricRule(Direction.LOWER, floor=5000)),
    ("success", MetricRule(Direction.HIGHER)),
    ("per_second", MetricRule(Direction.HIGHER)),
    ("lost", MetricRule(Direction.LOWER)),
    ("dropped", MetricRule(Direction.LOWER)),
    ("repeated", MetricRule(Direction.LOWER)),
    ("reordered", MetricRule(Direction.LOWER)),
    ("gap", MetricRule(Direction.LOWER)),
    ("gaps", MetricRule(Direction.LOWER)),
    ("late", MetricRule(Direction.LOWER)),
    ("upstream_errors", MetricRule(Direction.NEITHER)),
    ("errors", MetricRule(Direction.LOWER)),
    ("failed", MetricRule(Direction.LOWER)),
    ("failures", MetricRule(Direction.LOWER)),
    ("violations", MetricRule(Direction.LOWER)),
    ("reconnects", MetricRule(Direction.LOWER)),
    ("retries", MetricRule(Direction.LOWER)),
    ("left_days", MetricRule(Direction.HIGHER)),
    ("unanswered", MetricRule(Direction.LOWER, floor=5)),
    ("stranded", MetricRule(Direction.LOWER)),
    ("endings_without_error", MetricRule(Direction.LOWER)),
    ("sessions_left", MetricRule(Direction.LOWER)),
    ("grown_bytes", MetricRule(Direction.LOWER, floor=10e6)),
    ("unclean", MetricRule(Direction.LOWER)),
    ("stale", MetricRule(Direction.LOWER)),
    ("dials", MetricRule(Direction.LOWER)),
    ("turns", MetricRule(Direction.HIGHER)),
    ("capacity_callers", MetricRule(Direction.HIGHER)),
    # Amounts and times of speech, not durations.
    ("spoken", MetricRule(Direction.NEITHER)),
    ("sent", MetricRule(Direction.NEITHER)),
    ("transcribed", MetricRule(Direction.NEITHER)),
    ("heard", MetricRule(Direction.NEITHER)),
    ("timestamp", MetricRule(Direction.NEITHER)),
    ("seconds", MetricRule(Direction.LOWER, floor=0.03)),
    ("ms", MetricRule(Direction.LOWER, floor=10)),
)


@dataclass(frozen=True, slots=True)
class Statistic:
    """How much a statistic of durations varies between runs of the same target."""

    values: float
    """The number of values that it takes. With fewer, it is no more than a maximum."""
    factor: float
    """How many times the tolerance counts as the same."""
    floor: float
    """Smaller changes are noise, in seconds."""


_MAXIMUM = Statistic(values=0, factor=5.0, floor=0.1)
#: The end of a metric's name -> its statistic.
_STATISTICS: Mapping[str, Statistic] = {
    "p50_seconds": Statistic(values=2, factor=1.0, floor=0.03),
    "p95_seconds": Statistic(values=20, factor=1.5, floor=0.05),
    "p99_seconds": Statistic(values=100, factor=2.5, floor=0.1),
    "max_seconds": _MAXIMUM,
}
_STATISTIC_NAME = re.compile(r"_((?:p\d\d|max)_seconds)$")
#: The column of a table with the number of values behind its rows.
_COUNT_COLUMN = "count_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricChange:
    """A metric that changed by more than the tolerance."""

    change: ChangeKind
    name: str
    before: float | None
    after: float | None
    """None if it was not measured."""


def metric_changes(before: Report, after: Report, tolerance: float, doubtful: Sequence[str]) -> list[MetricChange]:
    """List the metrics that changed by more than noise. Durations whose name starts with `doubtful` are left out."""
    old, new = ({metric.name: metric.value for metric in run.metrics} for run in (before, after))
    counts = _value_counts(before), _value_counts(after)
    changes = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            if was is not None and metric_rule(name).is_compared:
                changes.append(MetricChange(change=ChangeKind.UNSEEN, name=name, before=was, after=None))
            continue
        if name.endswith("_seconds") and name.startswith(tuple(doubtful)):
            continue
        values = min(one.get(name, math.inf) for one in counts)
        change = compare_metric(name, was, now, tolerance, values=values)
        if change is not None:
            changes.append(MetricChange(change=change, name=name, before=was, after=now))
    return changes


def compare_metric(
    name: str, was: float, now: float, tolerance: float, *, values: float = math.inf
) -> ChangeKind | None:
    """Judge one metric; None if it changed by no more than noise or is not a number.

    `values` is the number of values behind a statistic, if it is known.
    """
    rule = metric_rule(name)
    move = now - was
    if not rule.is_compared or not math.isfinite(move) or abs(move) <= _noise(name, was, tolerance, values):
        return None
    if rule.direction is Direction.NEITHER:
        return ChangeKind.MOVED
    return ChangeKind.BETTER if (move < 0) == (rule.direction is Direction.LOWER) else ChangeKind.WORSE


def metric_rule(name: str) -> MetricRule:
    """Return how to judge a metric, by its name."""
    bounded = f"_{name}_"
    return next((rule for word, rule in METRIC_RULES if f"_{word}_" in bounded), MetricRule(Direction.NEITHER))


def _noise(name: str, was: float, tolerance: float, values: float) -> float:
    """Return by how much a metric may change by chance."""
    floor = metric_rule(name).floor
    statistic = _statistic(name, values)
    if statistic is not None:
        return max(floor, statistic.floor, statistic.factor * tolerance * abs(was))
    chance = _CHANCE * math.sqrt(was) if name.endswith("_total") and was > 0 else 0.0
    return max(floor, chance, tolerance * abs(was))


def _statistic(name: str, values: float) -> Statistic | None:
    match = _STATISTIC_NAME.search(name)
    known = _STATISTICS.get(match[1]) if match is not None else None
    return _MAXIMUM if known is not None and values < known.values else known


def _value_counts(report: Report) -> dict[str, float]:
    """Return the number of values behind each metric that a table shows together with that number."""
    return dict(_counted(report))


def _counted(report: Report) -> Iterator[tuple[str, float]]:
    for table in report.tables:
        if not table.metric or _COUNT_COLUMN not in table.columns:
            continue
        number = table.columns.index(_COUNT_COLUMN)
        for row in table.rows:
            count = row.cells[number] if number < len(row.cells) and not row.part else None
            if isinstance(count, int | float):
                yield from ((f"{table.metric}_{row.name}_{column}", float(count)) for column in table.columns)
