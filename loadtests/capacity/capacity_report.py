"""Builds the report of a capacity search: the result, its curve, and what ran out at the limit. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from bridge.protocol.prices import PRICES_DATE
from loadtests.results import problems
from loadtests.results.findings import brief_finding, make_finding
from loadtests.results.report_metrics import METRIC_PREFIX
from loadtests.results.spending import CALLER_HOUR_COST
from reports.model import EXIT_OK, Evidence, Finding, ReportMetric, Series, Severity, Table, TableRow
from reports.render.numbers import format_duration, format_value, metric_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from loadtests.capacity.search import CapacitySearch
    from reports.store.reader import StoredReport

CHECK = "capacity"
#: A process that uses this share of what it can use, in percent, is saturated.
SATURATED_PERCENT = 85.0
#: Other programs may use this much of the machine, in percent of each core.
OTHER_PROGRAMS_PERCENT = 20.0
#: Columns of the trials table: a metric without `load_`, and the plot that shows it.
_COLUMNS: tuple[tuple[str, str], ...] = (
    ("ready_p99_seconds", "ready"),
    ("first_audio_p50_seconds", "first audio"),
    ("first_audio_p99_seconds", "first audio"),
    ("lost_ms", "lost"),
    ("pace_lag_p99_seconds", "pace lag"),
    ("bridge_cpu_percent", "cpu"),
    ("bridge_memory_bytes", "memory"),
    ("simulator_cpu_percent", "cpu"),
    ("generator_cpu_percent", "cpu"),
    ("machine_cpu_percent", "cpu"),
    ("caller_hour_cost_usd", "cost"),
)
#: Unit at the end of a metric's name -> unit and factor for its plot.
_PLOTTED: Mapping[str, tuple[str, float]] = {
    "seconds": ("ms", 1000.0),
    "ms": ("ms", 1.0),
    "percent": ("%", 1.0),
    "bytes": ("MB", 1e-6),
    "usd": ("USD", 1.0),
}
_FIRST_AUDIO = f"{METRIC_PREFIX}_first_audio_p50_seconds"
#: Answers wait when the median first audio exceeds the fastest one by this factor.
_KNEE_FACTOR = 1.5
#: Shown as a share of one core, since each runs on one.
_PROCESSES = ("bridge", "simulator", "generator")


@dataclass(frozen=True, slots=True)
class Trial:
    """One load test of a search: this many callers, and the report of the run."""

    callers: int
    stored: StoredReport

    @property
    def passed(self) -> bool:
        """Whether every budget passed."""
        return self.stored.exit_code == EXIT_OK

    @property
    def failure(self) -> str:
        """The title of the first finding that failed; empty if none did."""
        bad = [one for one in self.stored.report.findings if one.severity in (Severity.FAIL, Severity.ERROR)]
        return bad[0].title if bad else ""

    @property
    def metrics(self) -> Mapping[str, float]:
        """The values of the run's metrics by name, in the units that the names end with."""
        return {metric.name: metric.value for metric in self.stored.report.metrics}

    @property
    def generator_was_late(self) -> bool:
        """Whether the load generator itself fell behind."""
        return any(one.code == problems.GENERATOR_LATE.code for one in self.stored.report.findings)


def search_findings(search: CapacitySearch, trials: Sequence[Trial], *, interrupted: bool) -> Iterator[Finding]:
    """Report the result, or why there is none."""
    if search.result:
        yield _result_finding(search, trials)
        if not search.is_confirmed:
            yield make_finding(problems.CAPACITY_UNCONFIRMED, CHECK)
    elif not interrupted:
        yield make_finding(problems.CAPACITY_NONE, CHECK, *(Evidence("", trials[-1].failure) for _ in trials[:1]))
    elif trials:
        yield brief_finding(
            problems.CAPACITY_UNDONE, CHECK, f"no result yet; the most callers that passed: {search.highest_passed}"
        )
    yield from _find_knee(trials)
    yield from _cost_finding(search, trials)
    limit = _limiting_trial(search, trials)
    if limit is not None:
        yield from _limit_findings(limit)


def _result_finding(search: CapacitySearch, trials: Sequence[Trial]) -> Finding:
    if search.reached_maximum:
        return brief_finding(problems.CAPACITY_MOST, CHECK, f"{search.result} callers passed; --most allowed no more")
    why = next((one.failure for one in trials if not one.passed and one.callers == search.lowest_failed), "")
    title = f"{search.result} callers passed, {search.lowest_failed} failed: {why}"
    return brief_finding(problems.CAPACITY_FOUND, CHECK, title)


def _find_knee(trials: Sequence[Trial]) -> Iterator[Finding]:
    """Find the knee: the number of callers after which the median first audio rises, if it was reached."""
    first_audio: dict[int, list[float]] = {}
    for one in trials:
        if _FIRST_AUDIO in one.metrics:
            first_audio.setdefault(one.callers, []).append(one.metrics[_FIRST_AUDIO])
    points = [(callers, max(all_)) for callers, all_ in sorted(first_audio.items())]
    fastest = min((seconds for _, seconds in points), default=0.0)
    for (callers, below), (more, above) in pairwise(points):
        if above > fastest * _KNEE_FACTOR:
            durations = f"{format_duration(below)} with {callers} callers, {format_duration(above)} with {more}"
            yield brief_finding(problems.CAPACITY_KNEE, "knee", f"median first audio: {durations}")
            return


def cost_metrics(search: CapacitySearch, trials: Sequence[Trial]) -> tuple[ReportMetric, ...]:
    """Return what a caller costs in an hour, and what the result costs; nothing without a result or a known cost."""
    priced = [one for one in trials if one.passed and CALLER_HOUR_COST in one.metrics]
    if not search.result or not priced:
        return ()
    cost = max(priced, key=lambda one: one.callers).metrics[CALLER_HOUR_COST]
    return (
        ReportMetric(CALLER_HOUR_COST, cost),
        ReportMetric(f"{METRIC_PREFIX}_capacity_hour_cost_usd", cost * search.result),
    )


def _cost_finding(search: CapacitySearch, trials: Sequence[Trial]) -> Iterator[Finding]:
    metrics = cost_metrics(search, trials)
    if metrics:
        one, all_ = (format_value(metric.name, metric.value) for metric in metrics)
        title = f"{all_} an hour for {search.result} callers: {one} per caller; prices of {PRICES_DATE.isoformat()}"
        yield brief_finding(problems.CAPACITY_COST, "cost", title)


def _limiting_trial(search: CapacitySearch, trials: Sequence[Trial]) -> Trial | None:
    """Return the smallest trial that failed; if all passed, the largest."""
    failed = [one for one in trials if not one.passed]
    if failed:
        return min(failed, key=lambda one: one.callers)
    return max(trials, key=lambda one: one.callers) if search.reached_maximum else None


def _limit_findings(limit: Trial) -> Iterator[Finding]:
    """Report what ran out at the limit."""
    saturated = dict(saturated_resources(limit.metrics, os.cpu_count() or 1))
    if limit.generator_was_late or "generator" in saturated:
        observed = f"with {limit.callers} callers: {saturated.get('generator', 'chunks were late')}"
        yield make_finding(problems.CAPACITY_GENERATOR, "generator", Evidence("", observed))
    if "simulator" in saturated:
        observed = f"with {limit.callers} callers: {saturated['simulator']}"
        yield make_finding(problems.CAPACITY_SIMULATOR, "simulator", Evidence("", observed))
    if "others" in saturated:
        yield make_finding(
            problems.CAPACITY_BUSY, "machine", Evidence("", f"with {limit.callers} callers: {saturated['others']}")
        )
    if limit.passed:
        return
    causes = [text for name, text in saturated.items() if name in ("machine", "bridge")]
    title = (
        "; ".join(causes)
        if causes
        else "nothing monitored ran out: check the service behind the target, and the network"
    )
    yield brief_finding(problems.CAPACITY_LIMIT, "limit", f"with {limit.callers} callers: {title}")


def saturated_resources(metrics: Mapping[str, float], cores: int) -> Iterator[tuple[str, str]]:
    """Yield what is saturated. The simulator and a generator with one process can use one core each."""
    shares = {name: metrics.get(f"load_{name}_cpu_percent", 0.0) for name in _PROCESSES}
    busy = max(metrics.get("load_machine_cpu_percent", 0.0), sum(shares.values()))
    if busy >= SATURATED_PERCENT * cores:
        yield "machine", f"CPU of this machine: {busy:.0f} % of {cores} cores"
    if busy - sum(shares.values()) >= OTHER_PROGRAMS_PERCENT * cores:
        yield "others", f"other programs used {busy - sum(shares.values()):.0f} % of a core"
    for name, share in shares.items():
        if share >= SATURATED_PERCENT:
            yield name, f"CPU of the {name}: {share:.0f} % of a core"


def trials_table(trials: Sequence[Trial]) -> tuple[Table, ...]:
    """Return all trials with outcome and measurements, fewest callers first."""
    names = [name for name, _ in _COLUMNS if any(f"{METRIC_PREFIX}_{name}" in one.metrics for one in trials)]
    rows = tuple(
        TableRow(
            name=str(one.callers),
            cells=(
                "passed" if one.passed else "failed",
                *(one.metrics.get(f"{METRIC_PREFIX}_{name}") for name in names),
            ),
        )
        for one in sorted(trials, key=lambda one: one.callers)
    )
    return (Table(name="trials", heading="callers", columns=("outcome", *names), rows=rows),) if rows else ()


def trials_series(trials: Sequence[Trial], timeline: str) -> tuple[Series, ...]:
    """Return each measurement over the number of callers; for repeated trials, the mean."""
    series = []
    for name, plot in _COLUMNS:
        unit, factor = _PLOTTED[name.rpartition("_")[2]]
        by_callers: dict[int, list[float]] = {}
        for one in trials:
            value = one.metrics.get(f"{METRIC_PREFIX}_{name}")
            if value is not None:
                by_callers.setdefault(one.callers, []).append(value * factor)
        points = tuple((float(at), sum(ys) / len(ys)) for at, ys in sorted(by_callers.items()))
        line = metric_label(name).removeprefix(plot).removesuffix(plot).strip()
        called = f"{plot}, {line}" if line else plot
        series.append(Series(name=called, unit=unit, timeline=timeline, points=points, across="callers", plot=plot))
    return tuple(one for one in series if one.points)
