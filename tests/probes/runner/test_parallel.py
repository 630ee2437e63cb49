"""Several probes in parallel: each starts when its requirements are met, or is skipped and names the cause."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from probes.explain import explain
from probes.runner.findings import CheckRow
from probes.runner.parallel import ParallelProbe, check_needs, run_parallel
from probes.runner.registry import PROBES
from probes.runner.usage import UsageError, find_usage_error
from reports.model import Finding, ReportMetric, Severity
from reports.problem import Problem

if TYPE_CHECKING:
    from trio.testing import MockClock

    from probes.runner.findings import ProbeItem

CheckFunction = Callable[[], AsyncGenerator["ProbeItem", None]]
BROKEN = Problem("P-BROKEN", "it is broken", "c", "F")
UNSEEN = Problem("P-UNSEEN", "it did not run", "c", "F", severity=Severity.ERROR)


def probing(
    name: str, *rows: str, seconds: float = 1.0, fails: str = "", errs: str = "", ran: list[str] | None = None
) -> CheckFunction:
    """A probe with these rows, each after some time; after a failed one the others are skipped."""

    async def probe() -> AsyncGenerator[ProbeItem, None]:
        blocked = ""
        try:
            for check in rows:
                if blocked:
                    yield CheckRow(name, check).skipped(f"no {blocked}")
                    continue
                await trio.sleep(seconds)
                blocked = check if check in (fails, errs) else ""
                problem = BROKEN if check == fails else UNSEEN
                yield CheckRow(name, check).problem(problem) if blocked else CheckRow(name, check).passed("fine")
        finally:
            if ran is not None:
                ran.append(name)

    return probe


def part(name: str, probe: CheckFunction, *needs: str) -> ParallelProbe:
    return ParallelProbe(name=name, run=probe, needs=needs)


async def outcome(clock: MockClock, *parts: ParallelProbe) -> list[str]:
    """What was yielded, as `time probe check severity`; virtual time begins at 0."""
    lines = []
    async with aclosing(run_parallel(parts)) as items:
        async for item in items:
            assert isinstance(item, Finding)
            lines.append(f"{clock.current_time():g} {item.probe} {item.check} {item.severity}")
    return lines


async def test_parts_without_needs_run_side_by_side(autojump_clock: MockClock) -> None:
    assert await outcome(
        autojump_clock, part("a", probing("a", "x", seconds=3)), part("b", probing("b", "x", seconds=2))
    ) == [
        "2 b x pass",
        "3 a x pass",
    ]


async def test_a_part_that_needs_a_whole_probe_waits_for_its_end(autojump_clock: MockClock) -> None:
    lines = await outcome(autojump_clock, part("b", probing("b", "x"), "a"), part("a", probing("a", "x", "y")))
    assert lines == ["1 a x pass", "2 a y pass", "3 b x pass"]


async def test_a_part_that_needs_a_row_begins_as_soon_as_the_row_is_decided(autojump_clock: MockClock) -> None:
    lines = await outcome(
        autojump_clock, part("a", probing("a", "key", "y", "z")), part("b", probing("b", "x", seconds=0.5), "a:key")
    )
    assert lines == ["1 a key pass", "1.5 b x pass", "2 a y pass", "3 a z pass"]


@pytest.mark.parametrize("how", ["fails", "errs"])
async def test_what_needs_a_failed_row_is_skipped_once_and_names_it(
    how: str,
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    parts = (
        part("a", probing("a", "key", "y", **{how: "key"})),  # type: ignore[arg-type] # one of its texts
        part("b", probing("b", "x", "y", "z"), "a:key"),
    )
    async with aclosing(run_parallel(parts)) as items:
        skipped = [one async for one in items if isinstance(one, Finding) and one.probe == "b"]
    assert [finding.title for finding in skipped] == ["skipped: a failed at key"]
    assert skipped[0].severity is Severity.SKIPPED
    assert skipped[0].evidence[0].value in ("a: key (A-BROKEN)", "a: key (A-UNSEEN)")


async def test_a_failure_after_the_needed_row_has_no_effect(autojump_clock: MockClock) -> None:
    lines = await outcome(
        autojump_clock, part("a", probing("a", "key", "y", fails="y")), part("b", probing("b", "x", seconds=2), "a:key")
    )
    assert lines == ["1 a key pass", "2 a y fail", "3 b x pass"]


async def test_the_root_is_named_and_not_what_lies_between(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    parts = (
        part("c", probing("c", "x"), "b:late"),
        part("b", probing("b", "x"), "a:last"),
        part("a", probing("a", "key", "last", fails="key")),
    )
    async with aclosing(run_parallel(parts)) as items:
        skipped = {one.probe: one async for one in items if isinstance(one, Finding) and one.probe != "a"}
    assert {finding.title for finding in skipped.values()} == {"skipped: a failed at key"}
    assert set(skipped) == {"b", "c"}


async def test_a_row_that_skips_itself_skips_no_other(autojump_clock: MockClock) -> None:
    async def probe() -> AsyncGenerator[ProbeItem, None]:
        yield CheckRow("a", "key").skipped("does not apply here")
        await trio.sleep(1)

    assert await outcome(autojump_clock, part("a", probe), part("b", probing("b", "x"), "a:key")) == [
        "0 a key skipped",
        "1 b x pass",
    ]


async def test_a_row_without_a_finding_is_no_pass(autojump_clock: MockClock) -> None:
    lines = await outcome(autojump_clock, part("a", probing("a", "x")), part("b", probing("b", "x"), "a:kee"))
    assert lines == ["1 a x pass", "1 b all skipped"]


async def test_a_part_that_breaks_is_a_finding_and_the_others_go_on(autojump_clock: MockClock) -> None:
    async def breaking() -> AsyncGenerator[ProbeItem, None]:
        yield CheckRow("a", "key").passed("fine")
        await trio.sleep(1)
        raise RuntimeError("no way")

    lines = await outcome(
        autojump_clock,
        part("a", breaking),
        part("b", probing("b", "x", seconds=5)),
        part("c", probing("c", "x"), "a"),
        part("d", probing("d", "x"), "a:key"),
    )
    assert sorted(lines) == ["0 a key pass", "1 a probe error", "1 c all skipped", "1 d x pass", "5 b x pass"]


async def test_wrong_usage_ends_all_of_it(autojump_clock: MockClock) -> None:
    async def wrong() -> AsyncGenerator[ProbeItem, None]:
        await trio.sleep(1)
        raise UsageError("no such file")
        yield CheckRow("a", "x").passed("")  # makes it a generator

    ran: list[str] = []
    with pytest.raises(ExceptionGroup) as raised:
        await outcome(autojump_clock, part("a", wrong), part("b", probing("b", "x", seconds=9, ran=ran)))
    assert str(find_usage_error(raised.value)) == "no such file"
    assert ran == ["b"]


async def test_cancelling_closes_every_part(autojump_clock: MockClock) -> None:
    ran: list[str] = []
    parts = [part(name, probing(name, "x", "y", seconds=9, ran=ran)) for name in "abc"]
    with trio.move_on_after(1):
        await outcome(autojump_clock, *parts)
    assert sorted(ran) == ["a", "b", "c"]
    assert autojump_clock.current_time() == 1


async def test_closing_it_at_any_item_closes_every_part(autojump_clock: MockClock) -> None:
    ran: list[str] = []
    parts = [part("a", probing("a", "x", "y", ran=ran)), part("b", probing("b", "x", seconds=9, ran=ran))]
    async with aclosing(run_parallel(parts)) as items:
        await anext(items)
    assert sorted(ran) == ["a", "b"]
    assert autojump_clock.current_time() == 1


async def test_a_part_whose_items_are_no_longer_received_is_closed_as_well(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    ran: list[str] = []
    async with aclosing(run_parallel([part("a", probing("a", "x", "y", "z", seconds=0, ran=ran))])) as items:
        await anext(items)
        await trio.testing.wait_all_tasks_blocked()
        assert ran == []
    assert ran == ["a"]


async def test_what_is_measured_passes_through(
    autojump_clock: MockClock,  # noqa: ARG001 - it works by being there
) -> None:
    async def measuring() -> AsyncGenerator[ProbeItem, None]:
        yield ReportMetric("a_total", 3)

    async with aclosing(run_parallel([part("a", measuring)])) as items:
        assert [item async for item in items] == [ReportMetric("a_total", 3)]


async def test_nothing_to_run_ends_at_once(autojump_clock: MockClock) -> None:
    assert await outcome(autojump_clock) == []


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"a": ("b:key",)}, "a needs b, which is not one of the probes"),
        ({"a": ("b",), "b": ("a:x",)}, "these probes need each other: a, b"),
        ({"a": ("a",)}, "these probes need each other: a"),
    ],
)
async def test_needs_that_cannot_be_met_are_refused_before_anything_runs(
    needs: dict[str, tuple[str, ...]], words: str, autojump_clock: MockClock
) -> None:
    with pytest.raises(ValueError, match=words):
        await outcome(autojump_clock, *(part(name, probing(name, "x"), *own) for name, own in needs.items()))


def test_the_needs_in_the_table_can_be_met() -> None:
    check_needs({name: probe.needs for name, probe in PROBES.items()})


def test_what_a_skipped_part_says_is_explained() -> None:
    for name in PROBES:
        assert explain(f"{name.upper()}-ALL-SKIPPED")
