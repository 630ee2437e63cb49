"""Checks run in order, each with a timeout; the ones that need a failed check are skipped and say why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from probes.runner.checks import Check, run_checks
from probes.runner.findings import CheckRow
from reports.model import Finding, Severity
from reports.problem import Problem

if TYPE_CHECKING:
    from trio.testing import MockClock

CheckFunction = Callable[[list[str]], Awaitable[Finding]]


def check(name: str, *needs: str, run: CheckFunction | None = None, timed: bool = True) -> Check[list[str]]:
    async def passing(ran: list[str]) -> Finding:
        ran.append(name)
        await trio.sleep(0.25)
        return CheckRow("p", name).passed(f"{name} is fine")

    def late(_: list[str]) -> Finding:
        return CheckRow("p", name).problem(Problem("P-LATE", "nothing came", "c", "F", severity=Severity.ERROR))

    return Check(name=name, run=run or passing, on_timeout=late, skip_reason=f"no {name}", needs=needs, timed=timed)


async def failing(_: list[str]) -> Finding:
    return CheckRow("p", "b").problem(Problem("P-BROKEN", "b is broken", "c", "F"))


async def declining(_: list[str]) -> Finding:
    return CheckRow("p", "b").skipped("there is none here")


async def outcome(*checks: Check[list[str]]) -> tuple[list[Finding], list[str]]:
    ran: list[str] = []
    return [finding async for finding in run_checks("p", checks, ran, timeout=2)], ran


async def test_all_run_in_order_and_are_timed(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    findings, ran = await outcome(check("a"), check("b", "a"), check("c", "b", timed=False))
    assert ran == ["a", "b", "c"]
    assert [finding.seconds for finding in findings] == [0.25, 0.25, None]
    assert [finding.code for finding in findings] == ["P-A-OK", "P-B-OK", "P-C-OK"]


async def test_behind_a_failed_check_everything_is_skipped_and_names_the_one_cause(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    findings, ran = await outcome(check("a"), check("b", "a", run=failing), check("c", "b"), check("d", "c"))
    assert ran == ["a"]
    assert [finding.severity for finding in findings[1:]] == [Severity.FAIL, Severity.SKIPPED, Severity.SKIPPED]
    assert [finding.title for finding in findings[2:]] == ["skipped: no b", "skipped: no b"]
    assert findings[3].evidence[0].value == "b"


async def test_a_check_beside_a_failed_one_still_runs(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    _, ran = await outcome(check("a"), check("b", "a", run=failing), check("c", "a"))
    assert ran == ["a", "c"]


async def test_a_check_that_skips_itself_skips_no_other(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    findings, ran = await outcome(check("a"), check("b", "a", run=declining), check("c", "b"))
    assert ran == ["a", "c"]
    assert findings[1].severity is Severity.SKIPPED


async def test_silence_ends_at_the_timeout_and_says_what_it_means(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    async def silent(_: list[str]) -> Finding:
        await trio.sleep_forever()
        raise AssertionError

    findings, ran = await outcome(check("a", run=silent), check("b", "a"))
    assert (findings[0].code, findings[0].seconds) == ("P-LATE", 2)
    assert ran == []


async def test_the_caller_gets_the_name_of_each_check(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    names: list[str] = []
    async for _ in run_checks("p", [check("a"), check("b", "a")], [], timeout=2, on_progress=names.append):
        pass
    assert names == ["a", "b"]
