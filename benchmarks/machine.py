"""Who else works on the machine while something is measured: figures of a busy machine say so themselves.

Own is this process and every child that was waited for within the block.
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

#: Beyond this share others are no noise any more: on two cores, a fifth of one.
MAX_OTHERS_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class CpuSample:
    """How much was used until now, in seconds."""

    at: float
    busy: float
    """CPU time of everybody; what a host took from this machine as well."""
    own: float

    @classmethod
    def now(cls) -> CpuSample:
        """Look."""
        times = psutil.cpu_times()
        busy = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
        return cls(time.perf_counter(), float(busy), sum(os.times()[:4]))  # ours and our children's, user and system


def others_share(before: CpuSample, after: CpuSample, cores: int) -> float:
    """Give the share of the machine that others used, 0 to 1; a little below 0 where clocks are coarse."""
    used = (after.busy - before.busy) - (after.own - before.own)
    return used / ((after.at - before.at) * cores)


def verdict(share: float) -> str:
    """Say what this share of others means for the figures."""
    told = f"other programs used {max(0.0, share):.0%} of the machine meanwhile"
    if share <= MAX_OTHERS_SHARE:
        return told
    return f"NOT TO BE KEPT: {told}, these figures tell of them too; measure again when nothing else runs"


@contextmanager
def report_machine_load() -> Iterator[None]:
    """Print, behind the block, how much of the machine others used meanwhile, and whether the figures are any good."""
    before = CpuSample.now()
    yield
    print(verdict(others_share(before, CpuSample.now(), os.cpu_count() or 1)), flush=True)
