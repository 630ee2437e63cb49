"""The loop of `watch`: starts runs at an interval and counts their results.

It knows neither what the runs check nor where their results go. Its memory doesn't grow: it keeps counts and the last
run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

import trio

from reports.model import EXIT_COULD_NOT_RUN, EXIT_FAILED, EXIT_OK, Report, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from probes.runner.runner import ProbeRun
    from probes.runner.subject import S

#: The verdicts of a run, from best to worst.
VERDICTS = (Severity.PASS, Severity.WARNING, Severity.ERROR, Severity.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """The result of one run of the loop."""

    number: int
    """Number of the run, from 1."""
    report: Report
    exit_code: int
    missed: int = 0
    """Runs that were skipped because the run before took longer than the interval."""

    @property
    def verdict(self) -> Severity:
        """The verdict: PASS, WARNING, ERROR (a check couldn't run) or FAIL."""
        if self.exit_code != EXIT_OK:
            return Severity.FAIL if self.exit_code == EXIT_FAILED else Severity.ERROR
        return Severity.WARNING if self.report.count(Severity.WARNING) else Severity.PASS

    @property
    def ended(self) -> float:
        """End of the run, as Unix time in seconds."""
        return datetime.fromisoformat(self.report.started).timestamp() + self.report.seconds


@dataclass(slots=True)
class WatchTally:
    """Counts of all runs so far."""

    runs: Counter[Severity] = field(default_factory=Counter)
    missed: int = 0
    consecutive_failures: int = 0
    """Number of consecutive runs, up to the last, that didn't pass."""
    last_result: WatchResult | None = None
    last_success: float | None = None
    """End of the last run that passed (with warnings, unless strict), as Unix time in seconds."""

    def add(self, done: WatchResult) -> None:
        """Count a run and keep it as the last one."""
        self.last_result = done
        self.runs[done.verdict] += 1
        self.missed += done.missed
        good = done.exit_code == EXIT_OK
        self.consecutive_failures = 0 if good else self.consecutive_failures + 1
        self.last_success = done.ended if good else self.last_success

    @property
    def exit_code(self) -> int:
        """1 if any run failed, else 3 if a check couldn't run, else 0."""
        if self.runs[Severity.FAIL]:
            return EXIT_FAILED
        return EXIT_COULD_NOT_RUN if self.runs[Severity.ERROR] else EXIT_OK


async def watch(
    make_run: Callable[[], ProbeRun[S]],
    *,
    interval: float,
    tally: WatchTally,
    on_result: Callable[[WatchResult], None],
    count: int | None = None,
    strict: bool = False,
) -> None:
    """Run now, and then every `interval` seconds; return after `count` runs, or never if it is None.

    Start times are multiples of the interval after the first, so they don't drift. If a run takes longer than the
    interval, the start times that it misses are counted and skipped. Cancelling ends the current run without a
    result.
    """
    began, slot, missed = trio.current_time(), 0, 0
    while True:
        run = make_run()
        await run.run()
        report = run.report()
        done = WatchResult(
            number=tally.runs.total() + 1, report=report, exit_code=report.exit_code(strict=strict), missed=missed
        )
        tally.add(done)
        on_result(done)
        if done.number == count:
            return
        due = max(slot + 1, ceil((trio.current_time() - began) / interval))
        missed, slot = due - slot - 1, due
        await trio.sleep_until(began + slot * interval)
