"""What processes use while they are loaded: CPU and memory, second by second. No Locust.

Two ways to look: a process of this machine with its children (psutil), and the `process_*` figures that a bridge on
another one shows to Prometheus.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import psutil

from loadtests.control.http_client import FetchError, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from loadtests.results.aggregator import RunAggregator

_BYTES_PER_MB = 1e6
_METRIC = re.compile(r"^(process_cpu_seconds_total|process_resident_memory_bytes)(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)
_FETCH_SECONDS, _LARGEST = 1.0, 4_000_000
#: Points that make a level: with fewer of them nothing can be said of growth.
_LEVEL = 3
#: The process whose memory a budget is about.
TARGET_PROCESS = "bridge"


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """What was used until now: seconds of CPU, and bytes of memory now."""

    cpu_seconds: float
    memory_bytes: float


class ResourceSource(Protocol):
    """Something that can be looked at."""

    def read(self) -> ResourceUsage | None:
        """Say what was used; None where it cannot be told at the moment."""
        ...


@dataclass(slots=True)
class ProcessSource:
    """A process of this machine, with all its children."""

    pid: int | Callable[[], int]
    """Its id, or what gives the one it has now: a process that was started anew has another."""

    def read(self) -> ResourceUsage | None:
        """Add up everything below it."""
        try:
            parent = psutil.Process(self.pid if isinstance(self.pid, int) else self.pid())
            family = [parent, *parent.children(recursive=True)]
        except psutil.Error:
            return None
        uses = [use for use in map(_use_of, family) if use is not None]
        return (
            ResourceUsage(sum(use.cpu_seconds for use in uses), sum(use.memory_bytes for use in uses)) if uses else None
        )


@dataclass(frozen=True, slots=True)
class MachineSource:
    """This machine as a whole, whoever uses it."""

    def read(self) -> ResourceUsage | None:
        """Add up what all cores did but wait."""
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Guests are counted as user time already (Linux).
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return ResourceUsage(busy, float(psutil.virtual_memory().used))


@dataclass(frozen=True, slots=True)
class PrometheusSource:
    """A process that tells of itself at `/metrics`."""

    url: str

    @classmethod
    def for_target(cls, target: str) -> PrometheusSource | None:
        """Find the metrics beside a target's door; None where there are none."""
        parts = urlsplit(target if "://" in target else f"ws://{target}")
        scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
        found = cls(f"{scheme}://{parts.netloc}/metrics")
        return found if found.read() is not None else None

    def read(self) -> ResourceUsage | None:
        """Fetch and read; a target that does not answer in a second is not asked for longer."""
        try:
            return parse_process_metrics(
                fetch(self.url, timeout=_FETCH_SECONDS, max_bytes=_LARGEST).decode(errors="replace")
            )
        except FetchError:
            return None


def parse_process_metrics(text: str) -> ResourceUsage | None:
    """Read the two figures out of Prometheus text; where several processes share a page, their sums."""
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
    """What everything that is watched used, over time. Times are seconds on the caller's clock."""

    sources: dict[str, ResourceSource]
    _last: dict[str, tuple[float, float]] = field(default_factory=dict)
    points: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)

    def sample(self, at: float) -> None:
        """Look at everything once: CPU is what was used since the last look, in percent of one core."""
        for name, source in self.sources.items():
            use = source.read()
            if use is None:
                continue
            kept = self.points.setdefault(name, {"cpu": [], "memory": []})
            before = self._last.get(name)
            if before is not None and at > before[0] and use.cpu_seconds >= before[1]:  # less of it: a new process
                kept["cpu"].append((at, 100 * (use.cpu_seconds - before[1]) / (at - before[0])))
            kept["memory"].append((at, use.memory_bytes / _BYTES_PER_MB))
            self._last[name] = (at, use.cpu_seconds)


def memory_growth_mb(points: list[tuple[float, float]], since: float) -> float | None:
    """Say by how much memory grew from when everybody called to the end; None where too little was seen."""
    levels = [mb for at, mb in points if at >= since]
    if len(levels) < 2 * _LEVEL:
        return None
    return max(0.0, median(levels[-_LEVEL:]) - median(levels[:_LEVEL]))


def record_memory_growth(gathering: RunAggregator) -> None:
    """Put what budgets can be about into the figures."""
    used: Mapping[str, Any] = gathering.resources.get(TARGET_PROCESS, {})
    points = [(float(at), float(mb)) for at, mb in used.get("memory", ())]
    grown = memory_growth_mb(points, gathering.plan.ramp_seconds)
    if grown is not None:
        gathering.measurements.add_count("memory_grown_mb", grown, points[-1][0])


def _use_of(process: psutil.Process) -> ResourceUsage | None:
    try:
        times = process.cpu_times()
        return ResourceUsage(times.user + times.system, float(process.memory_info().rss))
    except psutil.Error:
        return None
