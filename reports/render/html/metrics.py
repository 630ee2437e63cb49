"""Metrics on the HTML page: tiles grouped by probe, each with the name that scripts use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.render.html.limits import PageLimits, Truncated, take_first
from reports.render.html.wording import one_line
from reports.render.numbers import format_value, metric_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.model import ReportMetric


@dataclass(frozen=True, slots=True)
class MetricTile:
    """A metric: its label, its value with unit, and its name for scripts."""

    label: str
    value: str
    name: str


@dataclass(frozen=True, slots=True)
class MetricGroup:
    """The metrics of one probe. The group's name is the first word of theirs."""

    name: str
    metrics: tuple[MetricTile, ...]


#: A name with fewer underscores (probe, subject, unit) doesn't start with a probe.
_MIN_UNDERSCORES = 2


def metric_groups(metrics: Sequence[ReportMetric], limits: PageLimits) -> Truncated[MetricGroup]:
    """Lay out the metrics of a report, grouped by probe."""
    shown, groups = take_first(metrics, limits.metrics), dict[str, list[MetricTile]]()
    for metric in shown.shown:
        whose, _, name = (
            metric.name.partition("_") if metric.name.count("_") >= _MIN_UNDERSCORES else ("", "", metric.name)
        )
        groups.setdefault(whose, []).append(_tile(metric, name, limits.short))
    return Truncated(
        tuple(MetricGroup(one_line(name, limits.short), tuple(all_)) for name, all_ in groups.items()), shown.left_out
    )


def _tile(metric: ReportMetric, name: str, limit: int) -> MetricTile:
    label = one_line(metric_label(name), limit) or "-"
    return MetricTile(
        label[:1].upper() + label[1:],
        one_line(format_value(metric.name, metric.value), limit),
        one_line(metric.name, limit),
    )
