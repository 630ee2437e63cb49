"""How `smoke` combines its probes: they overlap, a failure skips what needs it, and nothing is reported twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from probes.runner.findings import CheckRow
from probes.runner.parallel import ParallelProbe, run_parallel
from probes.runner.registry import PROBES
from probes.smoke.probe import without_duplicates
from reports.model import Finding, ReportMetric, Severity
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from trio.testing import MockClock

    from probes.runner.findings import ProbeItem


#: Duration of each row; the rows of access are those that other probes need, and some after them.
ROWS = {
    "access": {"name": 1, "key": 2, "model": 0, "session": 3},
    "models": {"key": 2, "realtime": 0},
    "events": {"connect": 1, "answer": 6},
    "bridge": {"connect": 4, "speech": 5},
}


def part(name: str, fails: str = "") -> ParallelProbe:
    async def probe() -> AsyncGenerator[ProbeItem, None]:
        failed = ""
        for check, seconds in ROWS[name].items():
            if failed:
                yield CheckRow(name, check).skipped(f"no {failed}")
                continue
            await trio.sleep(seconds)
            failed = check if check == fails else ""
            broken = Problem("P-BROKEN", "broken", "c", "F")
            yield CheckRow(name, check).problem(broken) if failed else CheckRow(name, check).passed("fine")

    needs = {"models": ("access:model",), "events": ("access",)}
    return ParallelProbe(name=name, run=probe, needs=needs.get(name, ()))


async def outcome(**fails: str) -> list[Finding]:
    items = without_duplicates(run_parallel([part(name, fails.get(name, "")) for name in ROWS]))
    return [one async for one in items if isinstance(one, Finding)]


async def test_they_take_as_long_as_the_longest_chain_and_not_as_their_sum(autojump_clock: MockClock) -> None:
    findings = await outcome()
    assert {finding.severity for finding in findings} == {Severity.PASS}
    assert autojump_clock.current_time() == (1 + 2 + 0 + 3) + (1 + 6)
    assert sum(sum(rows.values()) for rows in ROWS.values()) == 24


@pytest.mark.parametrize(
    ("check", "skipped"), [("name", {"models", "events"}), ("key", {"models", "events"}), ("session", {"events"})]
)
async def test_what_hangs_behind_a_failure_is_skipped_and_names_it(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
    check: str,
    skipped: set[str],
) -> None:
    findings = await outcome(access=check)
    assert [(f.probe, f.check) for f in findings if f.severity is Severity.FAIL] == [("access", check)]
    whole = [finding for finding in findings if finding.check == "all"]
    assert {finding.probe for finding in whole} == skipped
    assert {finding.title for finding in whole} == {f"skipped: access failed at {check}"}
    assert [f.check for f in findings if f.probe == "bridge"] == ["connect", "speech"]


def test_the_table_says_what_stands_on_access() -> None:
    assert PROBES["models"].needs == ("access:model",)
    assert PROBES["access"].needs == ()


async def passed_on(items: Sequence[ProbeItem]) -> list[ProbeItem]:
    async def tell() -> AsyncGenerator[ProbeItem, None]:
        for one in items:
            yield one

    return [one async for one in without_duplicates(tell())]


def finding(probe: str, severity: Severity, slug: str = "SHORT") -> Finding:
    return CheckRow(probe, "row").problem(Problem(f"P-{slug}", "it is short", "c", "F"), severity=severity)


@pytest.mark.parametrize(
    ("first", "second", "becomes"),
    [
        (Severity.WARNING, Severity.WARNING, Severity.INFO),
        (Severity.FAIL, Severity.WARNING, Severity.INFO),
        (Severity.FAIL, Severity.ERROR, Severity.INFO),
        (Severity.WARNING, Severity.FAIL, Severity.FAIL),
        (Severity.INFO, Severity.WARNING, Severity.WARNING),
    ],
)
async def test_what_another_probe_reported_before_becomes_a_note_unless_it_is_worse(
    first: Severity, second: Severity, becomes: Severity
) -> None:
    _, echo = await passed_on([finding("access", first), finding("events", second)])
    assert isinstance(echo, Finding)
    assert (echo.code, echo.severity) == ("EVENTS-SHORT", becomes)
    assert (echo.title == "found here, too: it is short") == (becomes is Severity.INFO)


async def test_only_what_is_the_same_thing_is_an_echo() -> None:
    items: list[ProbeItem] = [
        finding("access", Severity.FAIL),
        finding("access", Severity.FAIL),
        finding("models", Severity.FAIL, "OTHER"),
        finding("bridge", Severity.FAIL),
        CheckRow("probe", "probe").problem(Problem("PROBE-CRASHED", "broke", "c", "F")),
        CheckRow("probe", "probe").problem(Problem("PROBE-CRASHED", "broke", "c", "F")),
        ReportMetric("a_total", 1),
    ]
    assert await passed_on(items) == items
