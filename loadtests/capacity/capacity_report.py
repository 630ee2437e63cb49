"""Builds the report of a capacity search: the result, its curve, and what ran out at the limit. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from loadtests.results import problems
from loadtests.results.report import brief_finding, make_finding
from loadtests.results.report_metrics import METRIC_PREFIX
from reports.model import EXIT_OK, Evidence, Finding, Series, Severity, Table, TableRow
from reports.render.numbers import format_duration, metric_label

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
)
#: Unit at the end of a metric's name -> unit and factor for its plot.
_PLOTTED: Mapping[str, tuple[str, float]] = {
    "seconds": ("ms", 1000.0),
    "ms": ("ms", 1.0),
    "percent": ("%", 1.0),
    "bytes": ("MB", 1e-6),
}
_FIRST_AUDIO = f"{METRIC_PREFIX}_first_audio_p50_seconds"
#: Answers wait when the median first audio exceeds the fastest one by this factor.
_LEFT_THE_GROUND = 1.5
#: Shown as a share of one core, since each runs on one.
_PROCESSES = ("bridge", "simulator", "generator")


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of a search."""

    callers: int
    stored: StoredReport

    @property
    def passed(self) -> bool:
        """Whether every budget passed."""
        return self.stored.exit_code == EXIT_OK

    @property
    def failure(self) -> str:
        """Return the first failure."""
        bad = [one for one in self.stored.report.findings if one.severity in (Severity.FAIL, Severity.ERROR)]
        return bad[0].title if bad else ""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Its metrics by name."""
        return {metric.name: metric.value for metric in self.stored.report.metrics}

    @property
    def generator_was_late(self) -> bool:
        """Whether the load generator itself fell behind."""
        return any(one.code == problems.GENERATOR_LATE.code for one in self.stored.report.findings)


def search_findings(search: CapacitySearch, tries: Sequence[Trial], *, interrupted: bool) -> Iterator[Finding]:
    """Report the result, or why there is none."""
    if search.result:
        yield _found(search, tries)
        if not search.is_confirmed:
            yield make_finding(problems.CAPACITY_UNCONFIRMED, CHECK)
    elif not interrupted:
        yield make_finding(problems.CAPACITY_NONE, CHECK, *(Evidence("", tries[-1].failure) for _ in tries[:1]))
    elif tries:
        yield brief_finding(
            problems.CAPACITY_UNDONE, CHECK, f"no result yet; the most callers that passed: {search.highest_passed}"
        )
    yield from _knee(tries)
    edge = _edge(search, tries)
    if edge is not None:
        yield from _limits(edge)


def _found(search: CapacitySearch, tries: Sequence[Trial]) -> Finding:
    if search.reached_maximum:
        return brief_finding(problems.CAPACITY_MOST, CHECK, f"{search.result} callers passed; --most allowed no more")
    why = next((one.failure for one in tries if not one.passed and one.callers == search.lowest_failed), "")
    title = f"{search.result} callers passed, {search.lowest_failed} failed: {why}"
    return brief_finding(problems.CAPACITY_FOUND, CHECK, title)


def _knee(tries: Sequence[Trial]) -> Iterator[Finding]:
    """Find the knee: the number of callers after which the median first audio rises, if it was reached."""
    first_audio: dict[int, list[float]] = {}
    for one in tries:
        if _FIRST_AUDIO in one.metrics:
            first_audio.setdefault(one.callers, []).append(one.metrics[_FIRST_AUDIO])
    points = [(callers, max(all_)) for callers, all_ in sorted(first_audio.items())]
    ground = min((seconds for _, seconds in points), default=0.0)
    for (callers, below), (more, above) in pairwise(points):
        if above > ground * _LEFT_THE_GROUND:
            waits = f"{format_duration(below)} with {callers} callers, {format_duration(above)} with {more}"
            yield brief_finding(problems.CAPACITY_KNEE, "knee", f"median first audio: {waits}")
            return


def _edge(search: CapacitySearch, tries: Sequence[Trial]) -> Trial | None:
    """Return the smallest trial that failed; if all passed, the largest."""
    failed = [one for one in tries if not one.passed]
    if failed:
        return min(failed, key=lambda one: one.callers)
    return max(tries, key=lambda one: one.callers) if search.reached_maximum else None


def _limits(edge: Trial) -> Iterator[Finding]:
    """Report what ran out at the limit."""
    full = dict(saturated_resources(edge.metrics, os.cpu_count() or 1))
    if edge.generator_was_late or "generator" in full:
        seen = f"with {edge.callers} callers: {full.get('generator', 'chunks were late')}"
        yield make_finding(problems.CAPACITY_GENERATOR, "generator", Evidence("", seen))
    if "simulator" in full:
        seen = f"with {edge.callers} callers: {full['simulator']}"
        yield make_finding(problems.CAPACITY_SIMULATOR, "simulator", Evidence("", seen))
    if "others" in full:
        yield make_finding(
            problems.CAPACITY_BUSY, "machine", Evidence("", f"with {edge.callers} callers: {full['others']}")
        )
    if edge.passed:
        return
    known = [words for name, words in full.items() if name in ("machine", "bridge")]
    title = (
        "; ".join(known) if known else "nothing monitored ran out: check the service behind the target, and the network"
    )
    yield brief_finding(problems.CAPACITY_LIMIT, "limit", f"with {edge.callers} callers: {title}")


def saturated_resources(figures: Mapping[str, float], cores: int) -> Iterator[tuple[str, str]]:
    """Yield what is saturated. The simulator and a generator with one process can use one core each."""
    shares = {name: figures.get(f"load_{name}_cpu_percent", 0.0) for name in _PROCESSES}
    busy = max(figures.get("load_machine_cpu_percent", 0.0), sum(shares.values()))
    if busy >= SATURATED_PERCENT * cores:
        yield "machine", f"CPU of this machine: {busy:.0f} % of {cores} cores"
    if busy - sum(shares.values()) >= OTHER_PROGRAMS_PERCENT * cores:
        yield "others", f"other programs used {busy - sum(shares.values()):.0f} % of a core"
    for name, share in shares.items():
        if share >= SATURATED_PERCENT:
            yield name, f"CPU of the {name}: {share:.0f} % of a core"


def trials_table(tries: Sequence[Trial]) -> tuple[Table, ...]:
    """Return all trials with outcome and measurements, fewest callers first."""
    names = [name for name, _ in _COLUMNS if any(f"{METRIC_PREFIX}_{name}" in one.metrics for one in tries)]
    rows = tuple(
        TableRow(
            name=str(one.callers),
            cells=(
                "passed" if one.passed else "failed",
                *(one.metrics.get(f"{METRIC_PREFIX}_{name}") for name in names),
            ),
        )
        for one in sorted(tries, key=lambda one: one.callers)
    )
    return (Table(name="trials", heading="callers", columns=("outcome", *names), rows=rows),) if rows else ()


def trials_series(tries: Sequence[Trial], timeline: str) -> tuple[Series, ...]:
    """Return each measurement over the number of callers; for repeated trials, the mean."""
    drawn = []
    for name, plot in _COLUMNS:
        unit, factor = _PLOTTED[name.rpartition("_")[2]]
        by_callers: dict[int, list[float]] = {}
        for one in tries:
            value = one.metrics.get(f"{METRIC_PREFIX}_{name}")
            if value is not None:
                by_callers.setdefault(one.callers, []).append(value * factor)
        points = tuple((float(at), sum(ys) / len(ys)) for at, ys in sorted(by_callers.items()))
        line = metric_label(name).removeprefix(plot).removesuffix(plot).strip()
        called = f"{plot}, {line}" if line else plot
        drawn.append(Series(name=called, unit=unit, timeline=timeline, points=points, across="callers", plot=plot))
    return tuple(one for one in drawn if one.points)
