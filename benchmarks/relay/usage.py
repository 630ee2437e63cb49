"""CPU time and memory of a relay's processes, as the operating system counts them, and which cores they may use."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psutil

#: CPU seconds by process id.
CpuSample = dict[int, float]


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def sample_cpu(process: psutil.Process) -> CpuSample:
    """Return the CPU seconds that a process and each of its children have used so far."""
    return {one.pid: times.user + times.system for one in _family(process) for times in [one.cpu_times()]}


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> tuple[float, float]:
    """Return the CPU seconds between two samples: of all processes, and of the one that used most."""
    used = [seconds - before.get(pid, 0.0) for pid, seconds in after.items()]
    return sum(used), max(used)


def memory_bytes(process: psutil.Process) -> int:
    """Return the resident memory of the process and its children, in bytes."""
    return sum(int(one.memory_info().rss) for one in _family(process))


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the relay uses, and which its upstream and the callers. Empty sets: the system decides."""

    relay: frozenset[int] = frozenset()
    load: frozenset[int] = frozenset()
    workers: frozenset[int] = frozenset()
    """For a bridge with two workers."""

    def __str__(self) -> str:
        if not self.relay:
            return "relay and load share all cores"
        return f"relay on core {min(self.relay)}, load and upstream on {_listed(self.load)}"


def _listed(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))


def choose_cores(available: frozenset[int]) -> Cores:
    """Give the relay a core of its own. Workers get two cores, and the load the others if any are left."""
    ordered = sorted(available)
    if len(ordered) < 2:
        return Cores()
    workers = frozenset(ordered[:2])
    return Cores(frozenset(ordered[:1]), frozenset(ordered[2:] or ordered[1:]), workers)


def available_cores() -> frozenset[int]:
    """Return the cores that this process may use; empty where the system has no affinity (macOS)."""
    return frozenset(os.sched_getaffinity(0)) if sys.platform == "linux" else frozenset()


@contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """Start processes on these cores: inside the block, this process is on them, and children inherit that."""
    before = available_cores()
    if cores and before:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        if cores and before:
            os.sched_setaffinity(0, before)
