"""A run always has a report: after a crash, after an interrupt, and with no secret in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import trio

from probes.runner.findings import CheckRow
from probes.runner.runner import ProbeRun, crash_finding, single_finding_report
from reports.model import Finding, Severity
from reports.provenance import current_time
from reports.redaction import Secret

if TYPE_CHECKING:
    from probes.targets.service import ServiceTarget

At = Callable[..., Any]
ROW = CheckRow("t", "row")


async def fine(_: ServiceTarget) -> AsyncGenerator[Finding, None]:
    yield ROW.passed("one")
    await trio.lowlevel.checkpoint()
    yield ROW.passed("two")


async def broken(target: ServiceTarget) -> AsyncGenerator[Finding, None]:
    yield ROW.passed("one")
    raise RuntimeError(f"no way: {target.upstream.api_key.reveal()}\nsecond line")


def run(target: ServiceTarget, probe: Any, *, verbose: bool = False) -> ProbeRun[ServiceTarget]:
    return ProbeRun(
        tool="t", probe=probe, open_subject=lambda: nullcontext(target), secrets=target.secrets, verbose=verbose
    )


async def test_findings_arrive_in_order_and_are_passed_on_as_they_come(at: At) -> None:
    titles: list[str] = []
    done = run(at("http://localhost:1/v1"), fine)
    done.on_finding = lambda finding: titles.append(finding.title)
    await done.run()
    report = done.report()
    assert titles == [finding.title for finding in report.findings] == ["one", "two"]
    assert [e.label for e in report.target] == ["base URL", "model", "key"]
    assert report.seconds > 0


async def test_a_crash_is_a_finding_beside_what_was_found_before(at: At) -> None:
    done = run(at("http://localhost:1/v1", key="sk-proj-notToBeShownAnywhere"), broken)
    await done.run()
    one, crash = done.report().findings
    assert one.title == "one"
    assert (crash.code, crash.severity) == ("PROBE-CRASHED", Severity.ERROR)
    assert crash.link == "sherpa-probe explain PROBE-CRASHED"
    assert crash.evidence[0].value == "RuntimeError: no way: sk-…here"
    assert "Traceback" not in str(crash)
    assert done.report().exit_code() == 3


async def test_the_traceback_is_shown_when_asked_for_and_hides_the_key(at: At) -> None:
    done = run(at("http://localhost:1/v1", key="sk-proj-notToBeShownAnywhere"), broken, verbose=True)
    await done.run()
    text = str(done.report())
    assert "Traceback" in text
    assert "notToBeShown" not in text


async def test_a_target_that_can_not_be_opened_is_a_crash_without_the_group_around_it() -> None:
    @asynccontextmanager
    async def failing() -> AsyncGenerator[ServiceTarget, None]:
        async with trio.open_nursery():
            raise KeyError("nothing")
        yield  # makes it a generator

    def open_subject() -> AbstractAsyncContextManager[ServiceTarget]:
        return failing()

    done = ProbeRun(tool="t", probe=fine, open_subject=open_subject)
    await done.run()
    assert done.findings[0].evidence[0].value == "KeyError: 'nothing'"


async def test_being_cancelled_keeps_what_was_found(at: At) -> None:
    async def endless(_: ServiceTarget) -> AsyncGenerator[Finding, None]:
        yield ROW.passed("one")
        await trio.sleep_forever()

    done = run(at("http://localhost:1/v1"), endless)
    with trio.move_on_after(0.05) as scope:
        await done.run()
    assert scope.cancelled_caught
    assert [finding.title for finding in done.report().findings] == ["one"]


async def test_a_suspicious_key_is_warned_about_first(at: At) -> None:
    done = run(at("http://localhost:1/v1", key="$OPENAI_API_KEY"), fine)
    await done.run()
    first = done.report().findings[0]
    assert (first.code, first.severity) == ("CONFIG-KEY-SUSPECT", Severity.WARNING)
    assert "unreplaced variable" in first.title


async def test_a_blank_behind_the_key_is_warned_about_since_other_programs_send_it(at: At) -> None:
    done = run(at("http://localhost:1/v1", key="sk-proj-0123456789abcdef \n"), fine)
    await done.run()
    first = done.report().findings[0]
    assert (first.code, first.severity) == ("CONFIG-KEY-PADDED", Severity.WARNING)
    assert "ends with a line break" in first.title
    assert "Your own program sends it" in first.cause
    assert "0123456789abcdef" not in str(done.report())


async def test_a_secret_learnt_late_is_hidden_in_what_was_found_early(at: At) -> None:
    async def minting(target: ServiceTarget) -> AsyncGenerator[Finding, None]:
        yield ROW.passed("token ek_0123456789abcdefghijkl")
        target.secrets.add(Secret("ek_0123456789abcdefghijkl"))

    done = run(at("http://localhost:1/v1"), minting)
    await done.run()
    assert "0123456789" not in str(done.report())


def test_a_report_can_be_made_of_one_finding_alone() -> None:
    report = single_finding_report("tool", crash_finding(ValueError(""), verbose=False))
    assert report.findings[0].evidence[0].value == "ValueError: "
    assert report.exit_code() == 3


def test_times_are_iso_8601_in_utc_with_milliseconds() -> None:
    assert current_time()[10] == "T"
    assert current_time().endswith("Z")
    assert len(current_time()) == len("2026-11-20T10:00:00.000Z")


@pytest.mark.parametrize("depth", [1, 3])
def test_groups_of_one_are_unwrapped(depth: int) -> None:
    error: Exception = ValueError("inner")
    for _ in range(depth):
        error = ExceptionGroup("outer", [error])
    assert crash_finding(error, verbose=False).evidence[0].value == "ValueError: inner"
