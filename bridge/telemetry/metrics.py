"""The bridge's counters, gauges and histograms, and their text for Prometheus.

All values are in one object. There is no global registry, so that two bridges in a process have separate metrics, and
no shared memory: the snapshots of several workers are merged (`bridge.server.process.worker_metrics`).
Text format: Prometheus exposition 0.0.4.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec

from bridge.telemetry.escape import escape
from bridge.telemetry.metric_table import METRICS, PREFIX, MetricDefinition, MetricType, split_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The most label values per metric. Further ones, which an untrusted peer could invent, are counted as `other`.
MAX_SERIES = 64
_OTHER = "other"
#: Sums of seconds are rounded to ns, so that 0.1 + 0.2 is shown as 0.3.
_DIGITS = 9


class MetricsSnapshot(msgspec.Struct):
    """All values at one moment: `values[metric][label]`. A histogram has its buckets, then its sum."""

    values: dict[str, dict[str, list[float]]] = {}
    outcomes: list[tuple[float, str]] = []
    """The last attempts of this process: when, and the code of the failure. Not exported to Prometheus."""


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = {name: {} for name in METRICS}
        for name, metric in METRICS.items():
            if not metric.label:  # exported as 0 from the start, so that rate() works
                self._values[name][""] = _empty(metric)

    def increment(self, name: str, by: float = 1, label: str = "") -> None:
        """Increase a counter. KeyError for a name that is not in the table."""
        self._series(name, label)[0] += by

    def set(self, name: str, value: float, label: str = "") -> None:
        """Set a gauge, or a counter that is counted elsewhere. KeyError for a name that is not in the table."""
        self._series(name, label)[0] = value

    def observe(self, name: str, value: float, label: str = "", count: int = 1) -> None:
        """Add a value to a histogram, so many times."""
        series = self._series(name, label)
        series[bisect_left(METRICS[name].buckets, value)] += count
        series[-1] += value * count

    def value(self, name: str, label: str = "") -> float:
        """Return the value of a counter or gauge, or the number of values in a histogram."""
        series = self._values[name].get(label)
        if series is None:
            return 0.0
        return sum(series[:-1]) if METRICS[name].type is MetricType.HISTOGRAM else series[0]

    def snapshot(self) -> MetricsSnapshot:
        """Return a copy of all values."""
        return MetricsSnapshot(
            {name: {label: list(one) for label, one in all_.items()} for name, all_ in self._values.items()}
        )

    def _series(self, name: str, label: str) -> list[float]:
        known = self._values[name]
        series = known.get(label)
        if series is None:
            if len(known) >= MAX_SERIES:
                label = _OTHER
            series = known.setdefault(label, _empty(METRICS[name]))
        return series


def _empty(metric: MetricDefinition) -> list[float]:
    return [0.0] * (len(metric.buckets) + 2) if metric.type is MetricType.HISTOGRAM else [0.0]


def merge_snapshots(snapshots: Iterable[MetricsSnapshot], *, without_gauges: bool = False) -> MetricsSnapshot:
    """Add up the values of several processes. For processes that have ended, use `without_gauges`."""
    total: dict[str, dict[str, list[float]]] = {}
    outcomes: list[tuple[float, str]] = []
    for snapshot in snapshots:
        outcomes += () if without_gauges else snapshot.outcomes
        for name, all_ in snapshot.values.items():
            if name not in METRICS or (without_gauges and METRICS[name].type is MetricType.GAUGE):
                continue
            into = total.setdefault(name, {})
            for label, series in all_.items():
                into[label] = [a + b for a, b in zip(into.get(label) or _empty(METRICS[name]), series, strict=True)]
    return MetricsSnapshot(total, outcomes)


def render_prometheus(snapshot: MetricsSnapshot) -> bytes:
    """Return the metrics in Prometheus' text format."""
    return "".join(_lines(snapshot)).encode()


def _lines(snapshot: MetricsSnapshot) -> Iterator[str]:
    for name, metric in METRICS.items():
        series = snapshot.values.get(name)
        if not series:
            continue
        full = f"{PREFIX}{name}"
        yield f"# HELP {full} {metric.help}\n# TYPE {full} {metric.type}\n"
        for label, values in sorted(series.items()):
            shown = ",".join(f'{label_name}="{_label(one)}"' for label_name, one in split_labels(metric, label))
            if metric.type is MetricType.HISTOGRAM:
                yield from _histogram(full, metric, shown, values)
            else:
                yield f"{full}{'{' + shown + '}' if shown else ''} {_number(values[0])}\n"


def _histogram(full: str, metric: MetricDefinition, shown: str, values: list[float]) -> Iterator[str]:
    count = 0.0
    comma = f"{shown}," if shown else ""
    braces = f"{{{shown}}}" if shown else ""
    for bound, n in zip((*map(_number, metric.buckets), "+Inf"), values[:-1], strict=True):
        count += n
        yield f'{full}_bucket{{{comma}le="{bound}"}} {_number(count)}\n'
    yield f"{full}_sum{braces} {_number(values[-1])}\n{full}_count{braces} {_number(count)}\n"


def _number(value: float) -> str:
    value = round(value, _DIGITS)
    return str(int(value)) if value == int(value) else repr(value)


def _label(value: str) -> str:
    """Escape a label value, which may be untrusted."""
    return escape(value, 80).replace("\\", "\\\\").replace('"', '\\"')
