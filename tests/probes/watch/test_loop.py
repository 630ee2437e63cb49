"""The loop of a watch: on time, one run at a time, missed runs are skipped, and the counts don't grow."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
import trio

from probes.runner.findings import CheckRow
from probes.runner.runner import ProbeRun
from probes.runner.subject import FileSubject
from probes.watch.loop import WatchResult, WatchTally, watch
from reports.model import Finding, Report, Severity
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from trio.testing import MockClock

ROW = CheckRow("p", "row")
BAD = {
    severity: ROW.problem(Problem("ACCESS-BAD", "bad", "c", "F"), severity=severity)
    for severity in (Severity.FAIL, Severity.ERROR, Severity.WARNING)
}
GOOD = ROW.passed("fine")


class Runs:
    """Makes runs with the given durations and findings; records when they start and end."""

    def __init__(self, seconds: Sequence[float], found: Sequence[Finding] = ()) -> None:
        self.times: list[tuple[float, float]] = []
        self._seconds = iter(seconds)
        self._found = iter(found)

    def make(self) -> ProbeRun[FileSubject]:
        return ProbeRun(tool="t", probe=self._check, open_subject=lambda: nullcontext(FileSubject()))

    async def _check(self, _: FileSubject) -> AsyncGenerator[Finding, None]:
        began = trio.current_time()
        await trio.sleep(next(self._seconds))
        self.times.append((began, trio.current_time()))
        yield next(self._found, GOOD)


async def watched(
    runs: Runs, *, count: int, interval: float = 60, strict: bool = False
) -> tuple[WatchTally, list[WatchResult]]:
    tally, rounds = WatchTally(), list[WatchResult]()
    await watch(runs.make, interval=interval, tally=tally, on_result=rounds.append, count=count, strict=strict)
    return tally, rounds


async def test_runs_begin_at_the_times_that_the_first_one_fixes(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    runs = Runs([3.25, 0, 59.5, 60, 1])
    tally, rounds = await watched(runs, count=5)
    assert [began for began, _ in runs.times] == [0, 60, 120, 180, 240]
    assert [done.number for done in rounds] == [1, 2, 3, 4, 5]
    assert (tally.missed, tally.exit_code) == (0, 0)


async def test_a_run_that_takes_too_long_lets_times_pass_and_they_are_counted(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    runs = Runs([61, 1, 185, 1])
    tally, rounds = await watched(runs, count=4)
    assert runs.times == [(0, 61), (120, 121), (180, 365), (420, 421)]
    assert [done.missed for done in rounds] == [0, 1, 0, 3]
    assert tally.missed == 4


async def test_a_thousand_runs_do_not_drift(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    runs = Runs([0.3] * 1000)
    await watched(runs, count=1000, interval=0.7)
    assert runs.times[-1][0] == pytest.approx(999 * 0.7, abs=1e-9)


async def test_it_goes_on_until_it_is_cancelled_and_leaves_no_round_of_the_run_that_was_cut(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    rounds: list[WatchResult] = []
    with trio.move_on_after(150):
        await watch(Runs([1, 1, 99]).make, interval=60, tally=WatchTally(), on_result=rounds.append)
    assert [done.number for done in rounds] == [1, 2]


@pytest.mark.parametrize(
    ("found", "strict", "verdicts", "exit_code"),
    [
        ([GOOD, GOOD], False, ["pass", "pass"], 0),
        ([GOOD, BAD[Severity.FAIL]], False, ["pass", "fail"], 1),
        ([BAD[Severity.ERROR], GOOD], False, ["error", "pass"], 3),
        ([BAD[Severity.ERROR], BAD[Severity.FAIL]], False, ["error", "fail"], 1),
        ([BAD[Severity.WARNING], GOOD], False, ["warning", "pass"], 0),
        ([BAD[Severity.WARNING], GOOD], True, ["fail", "pass"], 1),
    ],
)
async def test_the_exit_code_is_that_of_the_worst_run(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
    found: list[Finding],
    strict: bool,
    verdicts: list[str],
    exit_code: int,
) -> None:
    tally, rounds = await watched(Runs([0, 0], found), count=2, strict=strict)
    assert [done.verdict for done in rounds] == verdicts
    assert tally.exit_code == exit_code


def ended(number: int, exit_code: int) -> WatchResult:
    started = f"2026-11-21T04:00:{number:02}.000Z"
    return WatchResult(
        number=number, exit_code=exit_code, report=Report(tool="t", version="1", started=started, seconds=0.5)
    )


def test_the_tally_knows_the_last_success_and_how_often_it_failed_since() -> None:
    tally = WatchTally()
    for number, exit_code in enumerate((0, 0, 1, 3)):
        tally.add(ended(number, exit_code))
    assert tally.last_success == 1795233601.5
    assert (tally.consecutive_failures, tally.runs.total()) == (2, 4)
    tally.add(ended(5, 0))
    assert tally.consecutive_failures == 0


def test_what_is_kept_does_not_grow() -> None:
    tally = WatchTally()

    def size() -> int:
        return sys.getsizeof(tally.runs) + sum(
            sys.getsizeof(getattr(tally, name)) for name in ("missed", "last_result")
        )

    for number in range(4):
        tally.add(ended(number, number))
    before = size()
    for number in range(10_000):
        tally.add(ended(number % 60, number % 4))
    assert size() == before
