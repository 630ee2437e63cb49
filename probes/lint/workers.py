"""Checking many files in several processes, with the findings in the order of the files."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from concurrent.futures import Future

    from probes.lint.options import LintOptions
    from probes.lint.sources.discovery import LintTarget
    from reports.model import Finding

    Check = Callable[[LintTarget, LintOptions], list[Finding]]

#: Below this many files, starting processes takes longer than they save.
_ENOUGH_FILES = 400
#: Files per task: few enough to share the work evenly, many enough to hide what passing them on costs.
_BATCH = 40


async def run_in_processes(
    targets: Sequence[LintTarget], options: LintOptions, check: Check
) -> AsyncGenerator[Finding, None]:
    """Yield the findings of all files, in their order; few files need no other processes."""
    processes = min(options.processes, len(targets) // _ENOUGH_FILES + 1)
    if processes == 1:
        for target in targets:
            await trio.lowlevel.checkpoint()
            for finding in check(target, options):
                yield finding
        return
    # A fork of a process with threads may hang, so the processes start from nothing.
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        batches = [targets[start : start + _BATCH] for start in range(0, len(targets), _BATCH)]
        waiting: deque[Future[list[Finding]]] = deque(
            pool.submit(_check_batch, each, options, check) for each in batches
        )
        while waiting:
            for finding in await trio.to_thread.run_sync(waiting.popleft().result, abandon_on_cancel=True):
                yield finding
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _check_batch(targets: Sequence[LintTarget], options: LintOptions, check: Check) -> list[Finding]:
    return [finding for target in targets for finding in check(target, options)]


def cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
