"""The bridge's counters, gauges and histograms, and their text for Prometheus.

All values are in one object. There is no global registry, so that two bridges in a process have separate metrics, and
no shared memory: the snapshots of several workers are merged (`bridge.server.process.worker_metrics`).
Text formats: Prometheus exposition 0.0.4 and, for exemplars, OpenMetrics 1.0.0.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec

from bridge.telemetry.escape import escape
from bridge.telemetry.metric_table import METRICS, PREFIX, MetricDefinition, MetricType, split_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

#: The most label values per metric. Further ones, which an untrusted peer could invent, are counted as `other`.
MAX_SERIES = 64
_OTHER = "other"
#: Sums of seconds are rounded to ns, so that 0.1 + 0.2 is shown as 0.3.
_DIGITS = 9


class Exemplar(msgspec.Struct, frozen=True, array_like=True):
    """The last value of a bucket of a histogram, and whose it was: the log has more about that client."""

    value: float
    at: float
    """Unix time in seconds."""
    client_id: str


class MetricsSnapshot(msgspec.Struct):
    """All values at one moment: `values[metric][label]`. A histogram has its buckets, then its sum."""

    values: dict[str, dict[str, list[float]]] = {}
    outcomes: list[tuple[float, str]] = []
    """The last attempts of this process: when, and the code of the failure. Not exported to Prometheus."""
    exemplars: dict[str, dict[int, Exemplar]] = {}
    """By metric and number of the bucket; only histograms without labels have them."""


class Metrics:
    """The metrics of one process."""

    def __init__(self, unix_now: Callable[[], float] = time.time) -> None:
        self._unix_now = unix_now
        self._exemplars: dict[str, dict[int, Exemplar]] = {}
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

    def observe(self, name: str, value: float, label: str = "", count: int = 1, client_id: str = "") -> None:
        """Add a value to a histogram, so many times. With the client's id, it becomes the exemplar of its bucket."""
        series, bucket = self._series(name, label), bisect_left(METRICS[name].buckets, value)
        series[bucket] += count
        series[-1] += value * count
        if client_id and not label:
            self._exemplars.setdefault(name, {})[bucket] = Exemplar(value, self._unix_now(), client_id)

    def value(self, name: str, label: str = "") -> float:
        """Return the value of a counter or gauge, or the number of values in a histogram."""
        series = self._values[name].get(label)
        if series is None:
            return 0.0
        return sum(series[:-1]) if METRICS[name].type is MetricType.HISTOGRAM else series[0]

    def snapshot(self) -> MetricsSnapshot:
        """Return a copy of all values."""
        return MetricsSnapshot(
            {name: {label: list(one) for label, one in all_.items()} for name, all_ in self._values.items()},
            exemplars={name: dict(buckets) for name, buckets in self._exemplars.items()},
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
    exemplars: dict[str, dict[int, Exemplar]] = {}
    for snapshot in snapshots:
        for name, buckets in snapshot.exemplars.items():
            newest = exemplars.setdefault(name, {})
            for bucket, one in buckets.items():
                newest[bucket] = max(one, newest.get(bucket, one), key=lambda known: known.at)
        outcomes += () if without_gauges else snapshot.outcomes
        for name, all_ in snapshot.values.items():
            if name not in METRICS or (without_gauges and METRICS[name].type is MetricType.GAUGE):
                continue
            into = total.setdefault(name, {})
            for label, series in all_.items():
                into[label] = [a + b for a, b in zip(into.get(label) or _empty(METRICS[name]), series, strict=True)]
    return MetricsSnapshot(total, outcomes, exemplars)


def wants_openmetrics(accept: str) -> bool:
    """Return whether a client prefers OpenMetrics, by its `Accept` header, as a Prometheus server does."""
    wanted = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word.removeprefix("q=") for word in parameters if word.startswith("q=")), "1")
        if kind in wanted and _QUALITY.fullmatch(quality):
            wanted[kind] = max(wanted[kind], float(quality))
    return wanted["application/openmetrics-text"] > 0 and max(wanted, key=wanted.__getitem__) != "text/plain"


#: RFC 9110, 12.4.2.
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def render_prometheus(snapshot: MetricsSnapshot) -> bytes:
    """Return the metrics in Prometheus' text format."""
    return "".join(_lines(snapshot)).encode()


def render_openmetrics(snapshot: MetricsSnapshot) -> bytes:
    """Return the metrics in the OpenMetrics format, which has exemplars."""
    return "".join((*_lines(snapshot, openmetrics=True), "# EOF\n")).encode()


def _lines(snapshot: MetricsSnapshot, *, openmetrics: bool = False) -> Iterator[str]:
    for name, metric in METRICS.items():
        series = snapshot.values.get(name)
        if not series:
            continue
        full = f"{PREFIX}{name}"
        family = full.removesuffix("_total") if openmetrics else full
        yield f"# HELP {family} {metric.help}\n# TYPE {family} {metric.type}\n"
        exemplars = snapshot.exemplars.get(name, {}) if openmetrics else {}
        for label, values in sorted(series.items()):
            shown = ",".join(f'{label_name}="{_label(one)}"' for label_name, one in split_labels(metric, label))
            if metric.type is MetricType.HISTOGRAM:
                yield from _histogram(full, metric, shown, values, exemplars)
            else:
                yield f"{full}{'{' + shown + '}' if shown else ''} {_number(values[0])}\n"


def _histogram(
    full: str, metric: MetricDefinition, shown: str, values: list[float], exemplars: Mapping[int, Exemplar]
) -> Iterator[str]:
    count = 0.0
    comma = f"{shown}," if shown else ""
    braces = f"{{{shown}}}" if shown else ""
    bounds = (*map(str, metric.buckets), "+Inf")  # always with a point: both formats must name the same series
    for number, (bound, n) in enumerate(zip(bounds, values[:-1], strict=True)):
        count += n
        yield f'{full}_bucket{{{comma}le="{bound}"}} {_number(count)}{_exemplar(exemplars.get(number))}\n'
    yield f"{full}_sum{braces} {_number(values[-1])}\n{full}_count{braces} {_number(count)}\n"


def _exemplar(one: Exemplar | None) -> str:
    if one is None:
        return ""
    return f' # {{client_id="{_label(one.client_id)}"}} {_number(one.value)} {one.at:.3f}'


def _number(value: float) -> str:
    value = round(value, _DIGITS)
    return str(int(value)) if value == int(value) else repr(value)


def _label(value: str) -> str:
    """Escape a label value, which may be untrusted."""
    return escape(value, 80).replace("\\", "\\\\").replace('"', '\\"')
