"""Samples CPU and memory of processes during a run, once a second. Independent of Locust.

A process on this machine is sampled with its children (psutil); a bridge on another machine by the `process_*` metrics
on its Prometheus page.
"""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import psutil

from loadtests.control.http_client import FetchError, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadtests.results.aggregator import RunAggregator

_BYTES_PER_MB = 1e6
_METRIC = re.compile(r"^(process_cpu_seconds_total|process_resident_memory_bytes)(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)
_FETCH_SECONDS, _MAX_BYTES = 1.0, 4_000_000
#: The parts of the second half of a run whose lowest memory is compared, and how many of them must have been measured.
_PARTS, _MIN_PARTS = 8, 4
#: The process that the memory budget covers.
TARGET_PROCESS = "bridge"


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """Usage so far: CPU seconds in total, memory now."""

    cpu_seconds: float
    memory_bytes: float


class ResourceSource(Protocol):
    """Something whose usage can be read."""

    def read(self) -> ResourceUsage | None:
        """Return the usage, or None if it can't be read at the moment."""
        ...

    def has_ended(self) -> bool:
        """Return whether it is known to have ended."""
        ...


@dataclass(slots=True)
class ProcessSource:
    """A process on this machine with all its children."""

    pid: int | Callable[[], int]
    """Its ID, or a function that returns the current one, since a restart changes it."""

    def read(self) -> ResourceUsage | None:
        """Add up the process and its children."""
        try:
            parent = psutil.Process(self._current_pid())
            family = [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return None
        uses = [usage for usage in map(_process_usage, family) if usage is not None]
        return (
            ResourceUsage(sum(usage.cpu_seconds for usage in uses), sum(usage.memory_bytes for usage in uses))
            if uses
            else None
        )

    def has_ended(self) -> bool:
        """Return whether there is no such process, or only what is left of it until its parent reads the exit code."""
        try:
            return psutil.Process(self._current_pid()).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    def _current_pid(self) -> int:
        return self.pid if isinstance(self.pid, int) else self.pid()


@dataclass(frozen=True, slots=True)
class MachineSource:
    """The whole machine: CPU seconds of all cores, and memory in use, by every program."""

    def read(self) -> ResourceUsage | None:
        """Add up the busy time of all cores."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # On Linux, guest time is already included in user time.
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return ResourceUsage(busy, float(psutil.virtual_memory().used))

    def has_ended(self) -> bool:
        """Return False: this very code runs on it."""
        return False


@dataclass(frozen=True, slots=True)
class PrometheusSource:
    """A process that publishes its usage on a `/metrics` page."""

    url: str

    @classmethod
    def for_target(cls, target: str) -> PrometheusSource | None:
        """Find the metrics page of a target; None if it has none."""
        parts = urlsplit(target if "://" in target else f"ws://{target}")
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        page = cls(f"{scheme}://{parts.netloc}/metrics")
        return page if page.read() is not None else None

    def read(self) -> ResourceUsage | None:
        """Fetch and parse the page, with a timeout of 1 s."""
        try:
            return parse_process_metrics(
                fetch(self.url, timeout=_FETCH_SECONDS, max_bytes=_MAX_BYTES).decode(errors="replace")
            )
        except FetchError:
            return None

    def has_ended(self) -> bool:
        """Return False: a page that can't be fetched may be overloaded."""
        return False


def parse_process_metrics(text: str) -> ResourceUsage | None:
    """Parse the two values from Prometheus text. If several processes share the page, they are added up."""
    sums: dict[str, float] = {}
    try:
        for name, value in _METRIC.findall(text):
            sums[name] = sums.get(name, 0.0) + float(value)
    except ValueError:
        return None
    if "process_resident_memory_bytes" not in sums or not all(0 <= value < math.inf for value in sums.values()):
        return None
    return ResourceUsage(sums.get("process_cpu_seconds_total", 0.0), sums["process_resident_memory_bytes"])


@dataclass(slots=True)
class ResourceMonitor:
    """The usage of everything that is monitored, over time. Times are seconds on the caller's clock."""

    sources: dict[str, ResourceSource]
    began: float = field(default_factory=time.time)
    """Unix seconds at 0 of the clock that `sample` gets its times from."""
    _last: dict[str, tuple[float, float]] = field(default_factory=dict)
    points: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    """The sources that have ended, and when that was noticed."""

    def export(self) -> dict[str, Any]:
        """Return everything as plain values, for `on_run_clock` in the process of the run."""
        return {"began": self.began, "processes": self.points, "ended": self.ended}

    def sample(self, at: float) -> None:
        """Sample every source once. CPU is the usage since the last sample, in percent of one core."""
        for name, source in self.sources.items():
            usage = source.read()
            if not source.has_ended():
                self.ended.pop(name, None)  # after a restart
            else:
                self.ended.setdefault(name, at)
            if usage is None:
                continue
            points = self.points.setdefault(name, {"cpu": [], "memory": []})
            before = self._last.get(name)
            if before is not None and at > before[0] and usage.cpu_seconds >= before[1]:  # else a new process
                points["cpu"].append((at, 100 * (usage.cpu_seconds - before[1]) / (at - before[0])))
            points["memory"].append((at, usage.memory_bytes / _BYTES_PER_MB))
            self._last[name] = (at, usage.cpu_seconds)


def memory_growth_mb(points: Sequence[tuple[float, float]], since: float, until: float) -> float | None:
    """Return the lasting growth of memory while all callers were active, from `since` to `until`.

    Every runtime grows at first: its heap, caches, pools and compiled code. (An honest bridge on Node.js grew by 55 MB
    in 45 s and then stayed there.) So only the second half counts: its rate, times the whole span. Garbage collections
    and single steps must not change the rate, so it is the median of the slopes (Theil and Sen) between the lowest
    values of eight equal parts. None with too few points.
    """
    half = (until - since) / 2
    floors: dict[int, tuple[float, float]] = {}
    for at, mb in points:
        if since + half <= at < until:
            part = int((at - since - half) / half * _PARTS)
            floors[part] = min((mb, at), floors.get(part, (mb, at)))
    if len(floors) < _MIN_PARTS:
        return None
    slopes = [(mb - mb_before) / (at - before) for (mb_before, before), (mb, at) in combinations(floors.values(), 2)]
    return max(0.0, median(slopes) * (until - since))


def record_memory_growth(aggregator: RunAggregator, seconds: float) -> None:
    """Record the memory growth of the bridge in a run that lasted `seconds`. A budget can limit it."""
    usage: Mapping[str, Any] = aggregator.resources.get(TARGET_PROCESS, {})
    points = [(float(at), float(mb)) for at, mb in usage.get("memory", ())]
    until = min(seconds, aggregator.plan.seconds)
    growth = memory_growth_mb(points, aggregator.plan.ramp_seconds, until)
    if growth is not None:
        aggregator.measurements.add_count("memory_grown_mb", growth, until)


def on_run_clock(exported: Mapping[str, Any], started_at: float) -> dict[str, Any]:
    """Return the exported points with times since the start of the run, in Unix seconds, without earlier points."""
    shift = float(exported["began"]) - started_at
    return {
        name: {kind: [(at + shift, y) for at, y in points if at + shift >= 0] for kind, points in usage.items()}
        for name, usage in exported["processes"].items()
    }


def ended_on_run_clock(exported: Mapping[str, Any], started_at: float) -> dict[str, float]:
    """Return when each process that has ended did so, in seconds since the start of the run."""
    shift = float(exported["began"]) - started_at
    return {name: max(0.0, float(at) + shift) for name, at in exported["ended"].items()}


def _process_usage(process: psutil.Process) -> ResourceUsage | None:
    try:
        times = process.cpu_times()
        return ResourceUsage(times.user + times.system, float(process.memory_info().rss))
    except psutil.Error:
        return None
