"""Runs seeds and counts: for the command and for the tests. Nothing is printed here but what is asked for."""

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
    """What many runs came to."""

    runs: int = 0
    connections: int = 0
    upstreams: int = 0
    virtual_seconds: float = 0.0
    real_seconds: float = 0.0
    fault_counts: Counter[str] = field(default_factory=Counter)
    failed: list[SimulationResult] = field(default_factory=list)

    def add(self, outcome: SimulationResult) -> None:
        """Count one run."""
        self.runs += 1
        self.connections += outcome.connections
        self.upstreams += outcome.upstream_connections
        self.virtual_seconds += outcome.seconds
        self.fault_counts.update(outcome.fault_counts)
        if outcome.violations:
            self.failed.append(outcome)

    def lines(self) -> Iterator[str]:
        """Say it in lines for people."""
        minutes = max(self.real_seconds, 1e-9) / 60
        yield f"seeds               {self.runs}"
        yield f"client sessions     {self.connections}   ({self.connections / minutes:.0f} a minute)"
        yield f"upstream sessions   {self.upstreams}"
        yield f"simulated hours     {self.virtual_seconds / 3600:.1f} in {self.real_seconds:.1f} s"
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.fault_counts.items()))
        yield f"faults              {counts or 'none'}"
        yield f"invariants          {len(INVARIANTS)} after every run"
        yield f"broken              {len(self.failed)}"

    def merge(self, other: SimulationSummary) -> None:
        """Add what another process counted; the time is not added, they ran side by side."""
        self.runs += other.runs
        self.connections += other.connections
        self.upstreams += other.upstreams
        self.virtual_seconds += other.virtual_seconds
        self.fault_counts.update(other.fault_counts)
        self.failed += other.failed


def run_seeds(
    seeds: Iterable[int], faults: Collection[str] = tuple(FAULT_KINDS), seconds: float | None = None
) -> SimulationSummary:
    """Run seeds one after another, no new one after `seconds`."""
    tally, began = SimulationSummary(), time.perf_counter()
    for seed in seeds:
        if seconds is not None and time.perf_counter() - began >= seconds:
            break
        tally.add(simulate(draw_plan(seed, faults)))
    tally.real_seconds = time.perf_counter() - began
    return tally


def run_many(
    seeds: range, faults: Collection[str], *, minutes: float | None = None, jobs: int = 1
) -> SimulationSummary:
    """Run seeds in so many processes, each every so manieth of them."""
    seconds = None if minutes is None else minutes * 60
    if jobs == 1:
        return run_seeds(seeds, faults, seconds)
    began, whole = time.perf_counter(), SimulationSummary()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for part in [pool.submit(run_seeds, seeds[job::jobs], tuple(faults), seconds) for job in range(jobs)]:
            whole.merge(part.result())
    whole.real_seconds = time.perf_counter() - began
    return whole
