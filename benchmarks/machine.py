"""How much other programs use the machine during a measurement, so that results from a busy machine say so.

"Own" is this process and every child process that ended within the block.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Above this share, other programs distort the results: on two cores, it is a fifth of one core.
MAX_OTHERS_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class CpuSample:
    """CPU time used so far, in seconds."""

    at: float
    busy: float
    """CPU time of all programs, and what the host took from this virtual machine."""
    own: float

    @classmethod
    def now(cls) -> CpuSample:
        """Take a sample."""
        times = psutil.cpu_times()
        busy = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
        return cls(time.perf_counter(), float(busy), sum(os.times()[:4]))  # with its children


def others_share(before: CpuSample, after: CpuSample, cores: int) -> float:
    """Return the share of the machine that others used, 0 to 1; slightly negative if clocks are coarse."""
    used = (after.busy - before.busy) - (after.own - before.own)
    return used / ((after.at - before.at) * cores)


def verdict(share: float) -> str:
    """Return a sentence about what the share of others means for the results."""
    used = f"other programs used {max(0.0, share):.0%} of the machine during the measurement"
    if share <= MAX_OTHERS_SHARE:
        return used
    return f"DO NOT KEEP: {used}; measure again when nothing else runs"


@contextmanager
def report_machine_load() -> Iterator[None]:
    """After the block, print how much of the machine others used, and whether the results can be kept."""
    before = CpuSample.now()
    yield
    print(verdict(others_share(before, CpuSample.now(), os.cpu_count() or 1)), flush=True)
