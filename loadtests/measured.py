"""Everything that a run measured, as metrics with stable names and as points over time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtests.figures import PLOTTED
from loadtests.names import MEASURES, Kind
from reports.model import Metric, Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.figures import Figures
    from loadtests.gathering import Gathering

_MS_PER_S = 1000.0
_BYTES_PER_MB = 1e6
#: Percentiles that become metrics; 100 is the largest.
_SHOWN = ((50.0, "p50"), (95.0, "p95"), (99.0, "p99"), (100.0, "max"))
#: Durations that are worth a plot, and sums.
_PLOTTED_DURATIONS = ("ready", "first_audio", "turn", "reconnect", "pace_lag")
_PLOTTED_COUNTS = ("errors", "reconnections", "dropped_ms", "failed_connects", "failed_calls", "dials")
#: A figure whose name would read as if more of it were better.
_NAMES = {"dials_per_second_max": "dials_peak"}


def metrics(gathering: Gathering) -> tuple[Metric, ...]:
    """Give every figure that was measured, in the order of `MEASURES`."""
    figures = gathering.figures
    return tuple(metric for name in MEASURES for metric in _of(name, figures)) + tuple(_of_resources(gathering))


def _of(name: str, figures: Figures) -> Iterator[Metric]:
    total = figures.total(name)
    if total is None:
        return
    if MEASURES[name].kind is Kind.COUNT:
        yield _sum(name, total)
        return
    histogram = figures.histogram(name)
    for percentile, short in _SHOWN if histogram is not None else ():
        value = figures.percentile(name, percentile)
        if value is not None:
            yield Metric(f"load_{name}_{short}_seconds", value / _MS_PER_S)


def _sum(name: str, total: float) -> Metric:
    if name.endswith("_ms"):
        return Metric(f"load_{name}", total)
    if name.endswith("_mb"):
        return Metric(f"load_{name.removesuffix('_mb')}_bytes", total * _BYTES_PER_MB)
    return Metric(f"load_{_NAMES.get(name, name)}_total", total)


def _of_resources(gathering: Gathering) -> Iterator[Metric]:
    """Give of each process the highest it used while everybody called; its first moments are not typical."""
    for name, used in gathering.resources.items():
        label = name.replace(" ", "_").replace("-", "_")
        if used.get("cpu"):
            yield Metric(f"load_{label}_cpu_percent", _steady([y for _, y in used["cpu"]]))
        if used.get("memory"):
            yield Metric(f"load_{label}_memory_bytes", max(y for _, y in used["memory"]) * _BYTES_PER_MB)


def _steady(values: list[float]) -> float:
    """Give the mean of the later half."""
    half = values[len(values) // 2 :]
    return sum(half) / len(half)


def series(gathering: Gathering, timeline: str) -> tuple[Series, ...]:
    """Give what is worth a plot, second by second."""
    return tuple(one for one in _series(gathering, timeline) if one.points)


def _series(gathering: Gathering, timeline: str) -> Iterator[Series]:
    figures = gathering.figures
    yield Series(name="callers", unit="callers", timeline=timeline, points=tuple(gathering.callers))
    for name in _PLOTTED_DURATIONS:
        seconds = figures.by_second(name)
        for number, percentile in enumerate(PLOTTED):
            points = tuple((float(at), second.percentiles[number]) for at, second in seconds.items())
            yield Series(name=f"{_said(name)}, p{percentile:g}", unit="ms", timeline=timeline, points=points)
    for name in _PLOTTED_COUNTS:
        counted = tuple((float(at), n) for at, n in figures.counts_by_second(name).items())
        unit = "ms" if name.endswith("_ms") else "a second"
        if any(n for _, n in counted):
            yield Series(name=_said(name.removesuffix("_ms")), unit=unit, timeline=timeline, points=counted)
    for name, used in gathering.resources.items():
        for kind, unit in (("cpu", "%"), ("memory", "MB")):
            points = tuple((float(x), float(y)) for x, y in used.get(kind, ()))
            yield Series(name=f"{name}, {kind}", unit=unit, timeline=timeline, points=points)


def _said(name: str) -> str:
    return name.replace("_", " ")
