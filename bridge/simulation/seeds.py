"""Runs many seeds and sums up the results, in one process or in several."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING

from bridge.simulation.disruptions import FAULT_KINDS
from bridge.simulation.invariants import INVARIANTS
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import simulate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bridge.simulation.runner import SimulationResult


@dataclass(slots=True)
class SimulationSummary:
    """The results of many runs, added up."""

    runs: int = 0
    connections: int = 0
    upstreams: int = 0
    virtual_seconds: float = 0.0
    real_seconds: float = 0.0
    fault_counts: Counter[str] = field(default_factory=Counter)
    failed: list[SimulationResult] = field(default_factory=list)

    def add(self, result: SimulationResult) -> None:
        """Add the counts of one run; a run that violated an invariant is also kept in `failed`."""
        self.runs += 1
        self.connections += result.connections
        self.upstreams += result.upstream_connections
        self.virtual_seconds += result.seconds
        self.fault_counts.update(result.fault_counts)
        if result.violations:
            self.failed.append(result)

    def lines(self) -> Iterator[str]:
        """Give the summary, line by line, for the terminal."""
        minutes = max(self.real_seconds, 1e-9) / 60
        yield f"seeds               {self.runs}"
        yield f"client sessions     {self.connections}   ({self.connections / minutes:.0f} a minute)"
        yield f"upstream sessions   {self.upstreams}"
        yield f"simulated hours     {self.virtual_seconds / 3600:.1f} in {self.real_seconds:.1f} s"
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.fault_counts.items()))
        yield f"faults              {counts or 'none'}"
        yield f"invariants          {len(INVARIANTS)} after every run"
        yield f"failed              {len(self.failed)}"

    def merge(self, other: SimulationSummary) -> None:
        """Add what another process counted, except its time: processes run in parallel."""
        self.runs += other.runs
        self.connections += other.connections
        self.upstreams += other.upstreams
        self.virtual_seconds += other.virtual_seconds
        self.fault_counts.update(other.fault_counts)
        self.failed += other.failed


def run_seeds(
    seeds: Iterable[int], faults: Collection[str] = tuple(FAULT_KINDS), seconds: float | None = None
) -> SimulationSummary:
    """Run seeds one after another; after `seconds` no new one starts."""
    summary, started_at = SimulationSummary(), time.perf_counter()
    for seed in seeds:
        if seconds is not None and time.perf_counter() - started_at >= seconds:
            break
        summary.add(simulate(draw_plan(seed, faults)))
    summary.real_seconds = time.perf_counter() - started_at
    return summary


def run_many(
    seeds: range, faults: Collection[str], *, minutes: float | None = None, jobs: int = 1
) -> SimulationSummary:
    """Run seeds in `jobs` processes, each with an equal share; after `minutes` no new seed starts."""
    seconds = None if minutes is None else minutes * 60
    if jobs == 1:
        return run_seeds(seeds, faults, seconds)
    started_at, summary = time.perf_counter(), SimulationSummary()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for part in [pool.submit(run_seeds, seeds[job::jobs], tuple(faults), seconds) for job in range(jobs)]:
            summary.merge(part.result())
    summary.real_seconds = time.perf_counter() - started_at
    return summary
