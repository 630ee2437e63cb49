"""Looking again and again: one run after the other, each when it is due, and a tally of what came of them.

It knows neither what is looked at nor where the result goes. What it keeps does not grow: counts, and the last run.
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

#: How a run can end, in the order of how bad it is.
VERDICTS = (Severity.PASS, Severity.WARNING, Severity.ERROR, Severity.FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchResult:
    """One run of the loop."""

    number: int
    """The first is 1."""
    report: Report
    exit_code: int
    missed: int = 0
    """How many times were due and passed by, because the run before took too long."""

    @property
    def verdict(self) -> Severity:
        """How it ended: PASS, WARNING, ERROR or FAIL."""
        if self.exit_code != EXIT_OK:
            return Severity.FAIL if self.exit_code == EXIT_FAILED else Severity.ERROR
        return Severity.WARNING if self.report.count(Severity.WARNING) else Severity.PASS

    @property
    def ended(self) -> float:
        """When it ended, in unix seconds."""
        return datetime.fromisoformat(self.report.started).timestamp() + self.report.seconds


@dataclass(slots=True)
class WatchTally:
    """What came of all runs so far."""

    runs: Counter[Severity] = field(default_factory=Counter)
    missed: int = 0
    consecutive_failures: int = 0
    """How many of the last runs did not pass, without one between them that did."""
    last_result: WatchResult | None = None
    last_success: float | None = None
    """When the last run that passed (warnings allowed, unless strict) had ended, in unix seconds."""

    def add(self, done: WatchResult) -> None:
        """Count a run."""
        self.last_result = done
        self.runs[done.verdict] += 1
        self.missed += done.missed
        good = done.exit_code == EXIT_OK
        self.consecutive_failures = 0 if good else self.consecutive_failures + 1
        self.last_success = done.ended if good else self.last_success

    @property
    def exit_code(self) -> int:
        """1 when any run failed, else 3 when any could not look, else 0."""
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
    """Run now, and again every `interval` seconds; return after `count` runs, or never where None.

    The times that are due are fixed by the first, so nothing drifts. A run that is still going when the next is due
    lets that time pass; it is counted, and none is made up for. Cancelling ends the run that is going, without a round.
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
