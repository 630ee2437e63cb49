"""The measurements of a run as metrics with stable names, a table by phase, and series over time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.metrics.histograms import PLOTTED_PERCENTILES
from loadtests.metrics.measures import FIRST_PHASE, MEASURES, MIN_US, MeasureKind
from loadtests.results.spending import spending_metrics
from reports.model import ReportMetric, Series, Table, TableRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.metrics.histograms import RunMeasurements
    from loadtests.results.aggregator import RunAggregator

_MS_PER_S = 1000.0
_US_PER_S = 1_000_000.0
_BYTES_PER_MB = 1e6
#: Percentiles that become metrics; 100 is the maximum.
_PERCENTILES = ((50.0, "p50"), (95.0, "p95"), (99.0, "p99"), (100.0, "max"))
#: Durations and counts that get a plot.
_PLOTTED_DURATIONS = ("first_audio", "reconnect", "ready", "turn", "pace_lag")
_PLOTTED_COUNTS = ("errors", "reconnections", "dropped_ms", "failed_connects", "failed_calls", "dials")
#: Values of a second are plotted at its middle, so that no effect appears before its cause.
_MIDDLE = 0.5
#: The prefix of every metric.
METRIC_PREFIX = "load"
#: A metric whose own name would suggest that higher is better.
_RENAMED = {"dials_per_second_max": "dials_peak"}


def metrics(aggregator: RunAggregator) -> tuple[ReportMetric, ...]:
    """Return every measured value, in the order of `MEASURES`."""
    measurements = aggregator.measurements
    return (
        *(metric for name in MEASURES for metric in _metrics_for(name, measurements)),
        *spending_metrics(aggregator),
        *_resource_metrics(aggregator),
    )


def tables(aggregator: RunAggregator) -> tuple[Table, ...]:
    """Return the percentiles of every measured duration, for the whole run and for each phase."""
    measurements = aggregator.measurements
    phases = (FIRST_PHASE, *(phase.name for phase in aggregator.plan.phases))
    rows = [
        TableRow(name=name, part=phase or "", cells=cells)
        for name, measure in MEASURES.items()
        if measure.kind is MeasureKind.DURATION
        for phase in (None, *(phases if len(phases) > 1 else ()))
        if (cells := _percentiles(measurements, name, phase))
    ]
    columns = ("count_total", *(f"{short}_seconds" for _, short in _PERCENTILES))
    return (Table(name="durations", heading="", columns=columns, rows=tuple(rows), metric=METRIC_PREFIX),)


def _percentiles(measurements: RunMeasurements, name: str, phase: str | None) -> tuple[float, ...]:
    """Return the count and the percentiles of a duration in seconds; empty if it never happened."""
    histogram = measurements.histogram(name, phase)
    if histogram is None:
        return ()
    values = (histogram.get_value_at_percentile(percentile) for percentile, _ in _PERCENTILES)
    return (float(histogram.get_total_count()), *(us / _US_PER_S if us > MIN_US else 0.0 for us in values))


def _metrics_for(name: str, measurements: RunMeasurements) -> Iterator[ReportMetric]:
    total = measurements.total(name)
    if total is None:
        return
    if MEASURES[name].kind is MeasureKind.COUNT:
        yield _count_metric(name, total)
        return
    for (_, short), value in zip(_PERCENTILES, _percentiles(measurements, name, None)[1:], strict=False):
        yield ReportMetric(f"{METRIC_PREFIX}_{name}_{short}_seconds", value)


def _count_metric(name: str, total: float) -> ReportMetric:
    if name.endswith("_ms"):
        return ReportMetric(f"load_{name}", total)
    if name.endswith("_usd"):
        return ReportMetric(f"load_{name}", total)
    if name.endswith("_mb"):
        return ReportMetric(f"load_{name.removesuffix('_mb')}_bytes", total * _BYTES_PER_MB)
    return ReportMetric(f"load_{_RENAMED.get(name, name)}_total", total)


def _resource_metrics(aggregator: RunAggregator) -> Iterator[ReportMetric]:
    """Return each process's steady CPU usage and peak memory. Startup is not typical."""
    for name, usage in aggregator.resources.items():
        label = name.replace(" ", "_").replace("-", "_")
        if usage.get("cpu"):
            yield ReportMetric(f"load_{label}_cpu_percent", _steady_mean([y for _, y in usage["cpu"]]))
        if usage.get("memory"):
            yield ReportMetric(f"load_{label}_memory_bytes", max(y for _, y in usage["memory"]) * _BYTES_PER_MB)


def _steady_mean(values: list[float]) -> float:
    """Return the mean of the second half."""
    half = values[len(values) // 2 :]
    return sum(half) / len(half)


def series(aggregator: RunAggregator, timeline: str) -> tuple[Series, ...]:
    """Return the series that get a plot, second by second."""
    return tuple(one for one in _series(aggregator, timeline) if one.points)


def _series(aggregator: RunAggregator, timeline: str) -> Iterator[Series]:
    measurements = aggregator.measurements
    yield Series(name="callers", unit="callers", timeline=timeline, points=tuple(aggregator.callers))
    for name in _PLOTTED_DURATIONS:
        seconds = measurements.durations_by_second(name)
        for number, percentile in enumerate(PLOTTED_PERCENTILES):
            points = tuple((at + _MIDDLE, second.percentiles[number]) for at, second in seconds.items())
            label = f"{_label(name)}, p{percentile:g}"
            yield Series(name=label, unit="ms", timeline=timeline, points=points, plot=_label(name), every=1.0)
    for name in _PLOTTED_COUNTS:
        counts = measurements.counts_by_second(name)
        last = max(counts, default=0), *(int(at) for at, _ in aggregator.callers[-1:])
        points = tuple((at + _MIDDLE, counts.get(at, 0.0)) for at in range(max(last) + 1))
        unit = "ms" if name.endswith("_ms") else "per second"
        if any(counts.values()):
            yield Series(name=_label(name.removesuffix("_ms")), unit=unit, timeline=timeline, points=points)
    for kind, unit in (("cpu", "%"), ("memory", "MB")):
        for name, usage in aggregator.resources.items():
            points = tuple((float(x), float(y)) for x, y in usage.get(kind, ()))
            yield Series(name=f"{kind}, {name}", unit=unit, timeline=timeline, points=points, plot=kind)


def _label(name: str) -> str:
    return name.replace("_", " ")
