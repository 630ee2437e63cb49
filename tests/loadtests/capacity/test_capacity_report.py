"""What the runs of a search say together: a number, its curve, and what ran out at the edge."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from loadtests.capacity.capacity_report import Try, findings_of, series_of, table_of, used_up
from loadtests.capacity.search import Search, Stage
from loadtests.results import problems
from loadtests.results.report import finding_of, noted
from reports.model import Metric, Report
from reports.store.reader import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BROKEN = "p99(first_audio) < 1s is broken: 3000 ms"


def tried(callers: int, metrics: Mapping[str, float] | None = None, *, held: bool, late: bool = False) -> Try:
    said = noted(problems.BUDGET_KEPT, "x", "1") if held else finding_of(problems.BUDGET_BROKEN, "x")
    findings = [said] if held else [noted(problems.BUDGET_BROKEN, "x", BROKEN)]
    findings += [finding_of(problems.GENERATOR_LATE, "generator")] if late else []
    report = Report(
        tool="t",
        version="1",
        started="",
        seconds=1,
        findings=tuple(findings),
        metrics=tuple(Metric(f"load_{name}", value) for name, value in (metrics or {}).items()),
    )
    return Try(callers, Kept(report, 0 if held else 1))


def searched(
    holds: Callable[[int], bool], most: int = 100, metrics: Mapping[str, float] | None = None
) -> tuple[Search, list[Try]]:
    search, tries = Search(start=10, most=most), []
    while search.stage is not Stage.DONE:
        callers = search.next_callers
        tries.append(tried(callers, metrics, held=holds(callers)))
        search.note(held=holds(callers))
    return search, tries


def said(search: Search, tries: list[Try]) -> dict[str, str]:
    return {one.code: one.title for one in findings_of(search, tries, interrupted=False)}


def test_an_edge_is_told_with_what_breaks_behind_it() -> None:
    found = said(*searched(lambda callers: callers <= 40))
    assert found["LOAD-CAPACITY-FOUND"] == f"40 callers hold; 42 do not: {BROKEN}"
    assert "LOAD-CAPACITY-UNCONFIRMED" not in found


def test_a_target_that_holds_nobody_has_failed() -> None:
    search, tries = searched(lambda _: False)
    found = list(findings_of(search, tries, interrupted=False))
    assert found[0].code == "LOAD-CAPACITY-NONE"
    assert found[0].evidence[0].value == BROKEN


def test_where_the_search_had_to_stop_it_says_so() -> None:
    assert said(*searched(lambda _: True, most=40))["LOAD-CAPACITY-MOST"].startswith("40 callers hold, and more were")


def test_an_interrupted_search_tells_what_held_so_far() -> None:
    search = Search(start=10, most=100)
    search.note(held=True)
    (only,) = findings_of(search, [tried(10, held=True)], interrupted=True)
    assert (only.code, only.title) == ("LOAD-CAPACITY-UNDONE", "no answer yet; the most that held: 10")


@pytest.mark.parametrize(
    ("metrics", "code", "words"),
    [
        ({"bridge_cpu_percent": 97}, "LOAD-CAPACITY-LIMIT", "the bridge's CPU: 97 % of a core"),
        ({"bridge_cpu_percent": 20}, "LOAD-CAPACITY-LIMIT", "nothing that was watched ran out"),
        ({"generator_cpu_percent": 99}, "LOAD-CAPACITY-GENERATOR", ""),
        ({"simulator_cpu_percent": 90}, "LOAD-CAPACITY-SIMULATOR", ""),
    ],
)
def test_what_ran_out_is_named(metrics: dict[str, float], code: str, words: str) -> None:
    assert words in said(*searched(lambda callers: callers <= 40, metrics=metrics))[code]


def test_a_generator_that_was_late_at_the_edge_is_warned_of() -> None:
    search, tries = searched(lambda callers: callers <= 40)
    edge = min(one.callers for one in tries if not one.held)
    late = [tried(one.callers, held=one.held, late=one.callers == edge) for one in tries]
    assert "LOAD-CAPACITY-GENERATOR" in said(search, late)


def test_a_whole_machine_can_run_out_before_any_process() -> None:
    figures = {f"load_{name}_cpu_percent": 60.0 for name in ("bridge", "simulator", "generator")}
    assert dict(used_up(figures, cores=2)) == {"machine": "this machine's CPU: 180 % of 2 cores"}
    assert dict(used_up(figures, cores=4)) == {}


def test_what_others_took_is_warned_of() -> None:
    metrics = {"bridge_cpu_percent": 30.0, "machine_cpu_percent": 100.0 * (os.cpu_count() or 1)}
    assert "LOAD-CAPACITY-BUSY" in said(*searched(lambda callers: callers <= 40, metrics=metrics))


def waiting(*p50s: float) -> list[Try]:
    return [tried(10 * nth, {"first_audio_p50_seconds": p50}, held=True) for nth, p50 in enumerate(p50s, 1)]


def test_the_knee_is_where_half_of_all_answers_begin_to_wait() -> None:
    search = Search(start=10, most=100)
    found = {one.code: one.title for one in findings_of(search, waiting(0.26, 0.25, 0.3, 0.6, 2.0), interrupted=False)}
    assert found["LOAD-CAPACITY-KNEE"] == "at 30 callers half of all answers begin within 300 ms, at 40 600 ms"


def test_answers_that_never_begin_to_wait_have_no_knee() -> None:
    found = findings_of(Search(start=10, most=100), waiting(0.26, 0.25, 0.3), interrupted=False)
    assert "LOAD-CAPACITY-KNEE" not in {one.code for one in found}


def test_every_try_is_a_row_the_fewest_callers_first() -> None:
    tries = [tried(20, {"ready_p99_seconds": 0.2}, held=False), tried(10, {"ready_p99_seconds": 0.1}, held=True)]
    (table,) = table_of(tries)
    assert table.columns == ("outcome", "ready_p99_seconds")
    assert [(row.name, row.cells) for row in table.rows] == [("10", ("held", 0.1)), ("20", ("broke", 0.2))]
    assert table_of([]) == ()


def test_lines_over_callers_share_a_plot_and_are_named_by_what_differs() -> None:
    measured = {"first_audio_p50_seconds": 0.1, "first_audio_p99_seconds": 0.2, "bridge_cpu_percent": 30, "lost_ms": 0}
    found = {one.name: (one.plot, one.unit) for one in series_of([tried(10, measured, held=True)], "capacity")}
    assert found == {
        "first audio, p50": ("first audio", "ms"),
        "first audio, p99": ("first audio", "ms"),
        "lost": ("lost", "ms"),
        "cpu, bridge": ("cpu", "%"),
    }


def test_curves_stand_over_the_number_of_callers() -> None:
    tries = [tried(20, {"ready_p99_seconds": 0.2}, held=True), tried(10, {"ready_p99_seconds": 0.1}, held=True),
             tried(20, {"ready_p99_seconds": 0.4}, held=True)]  # fmt: skip
    (ready,) = series_of(tries, "capacity")
    assert (ready.across, ready.unit) == ("callers", "ms")
    assert [(x, round(y)) for x, y in ready.points] == [(10, 100), (20, 300)]
