"""The report of a search: the result, the curve, and what ran out at the limit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from loadtests.capacity.capacity_report import (
    Trial,
    cost_metrics,
    saturated_resources,
    search_findings,
    trials_series,
    trials_table,
)
from loadtests.capacity.search import CapacitySearch, SearchStage
from loadtests.results import problems
from loadtests.results.findings import brief_finding, make_finding
from reports.model import Report, ReportMetric
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BROKEN = "p99(first_audio) < 1s exceeded: 3000 ms"


def trial(callers: int, metrics: Mapping[str, float] | None = None, *, passed: bool, late: bool = False) -> Trial:
    titles = brief_finding(problems.BUDGET_KEPT, "x", "1") if passed else make_finding(problems.BUDGET_BROKEN, "x")
    findings = [titles] if passed else [brief_finding(problems.BUDGET_BROKEN, "x", BROKEN)]
    findings += [make_finding(problems.GENERATOR_LATE, "generator")] if late else []
    report = Report(
        tool="t",
        version="1",
        started="",
        seconds=1,
        findings=tuple(findings),
        metrics=tuple(ReportMetric(f"load_{name}", value) for name, value in (metrics or {}).items()),
    )
    return Trial(callers, StoredReport(report, 0 if passed else 1))


def run_search(
    holds: Callable[[int], bool], most: int = 100, metrics: Mapping[str, float] | None = None
) -> tuple[CapacitySearch, list[Trial]]:
    search, trials = CapacitySearch(start=10, maximum=most), []
    while search.stage is not SearchStage.DONE:
        callers = search.next_callers
        trials.append(trial(callers, metrics, passed=holds(callers)))
        search.record(passed=holds(callers))
    return search, trials


def titles(search: CapacitySearch, trials: list[Trial]) -> dict[str, str]:
    return {one.code: one.title for one in search_findings(search, trials, interrupted=False)}


def test_a_limit_is_reported_with_what_fails_above_it() -> None:
    titles_by_code = titles(*run_search(lambda callers: callers <= 40))
    assert titles_by_code["LOAD-CAPACITY-FOUND"] == f"40 callers passed, 42 failed: {BROKEN}"
    assert "LOAD-CAPACITY-UNCONFIRMED" not in titles_by_code


def test_what_the_callers_cost_is_that_of_the_largest_trial_that_passed() -> None:
    search, trials = CapacitySearch(start=10, maximum=20), []
    for callers, cost, passed in ((10, 3.0, True), (20, 2.0, True), (40, 9.0, False)):
        trials.append(trial(callers, {"caller_hour_cost_usd": cost}, passed=passed))
    search.record(passed=True)
    search.record(passed=True)
    search.record(passed=True)
    assert search.result == 20
    metrics = {metric.name: metric.value for metric in cost_metrics(search, trials)}
    assert metrics == {"load_caller_hour_cost_usd": 2.0, "load_capacity_hour_cost_usd": 40.0}
    assert titles(search, trials)["LOAD-CAPACITY-COST"].startswith(
        "$40 an hour for 20 callers: $2 per caller; prices of"
    )
    assert ("cost", "USD") in [(one.plot, one.unit) for one in trials_series(trials, "capacity")]


def test_without_a_known_cost_none_is_told() -> None:
    search, trials = run_search(lambda callers: callers <= 40)
    assert cost_metrics(search, trials) == ()
    assert "LOAD-CAPACITY-COST" not in titles(search, trials)


def test_a_target_that_handles_no_caller_has_failed() -> None:
    search, trials = run_search(lambda _: False)
    titles_by_code = list(search_findings(search, trials, interrupted=False))
    assert titles_by_code[0].code == "LOAD-CAPACITY-NONE"
    assert titles_by_code[0].evidence[0].value == BROKEN


def test_a_search_that_stops_at_its_limit_says_so() -> None:
    assert titles(*run_search(lambda _: True, most=40))["LOAD-CAPACITY-MOST"].startswith(
        "40 callers passed; --most allowed no more"
    )


def test_an_interrupted_search_reports_what_passed_so_far() -> None:
    search = CapacitySearch(start=10, maximum=100)
    search.record(passed=True)
    (only,) = search_findings(search, [trial(10, passed=True)], interrupted=True)
    assert (only.code, only.title) == ("LOAD-CAPACITY-UNDONE", "no result yet; the most callers that passed: 10")


@pytest.mark.parametrize(
    ("metrics", "code", "words"),
    [
        ({"bridge_cpu_percent": 97}, "LOAD-CAPACITY-LIMIT", "CPU of the bridge: 97 % of a core"),
        ({"bridge_cpu_percent": 20}, "LOAD-CAPACITY-LIMIT", "nothing monitored ran out"),
        ({"generator_cpu_percent": 99}, "LOAD-CAPACITY-GENERATOR", ""),
        ({"simulator_cpu_percent": 90}, "LOAD-CAPACITY-SIMULATOR", ""),
    ],
)
def test_what_ran_out_is_named(metrics: dict[str, float], code: str, words: str) -> None:
    assert words in titles(*run_search(lambda callers: callers <= 40, metrics=metrics))[code]


def test_a_generator_that_was_late_at_the_edge_is_warned_of() -> None:
    search, trials = run_search(lambda callers: callers <= 40)
    edge = min(one.callers for one in trials if not one.passed)
    late = [trial(one.callers, passed=one.passed, late=one.callers == edge) for one in trials]
    assert "LOAD-CAPACITY-GENERATOR" in titles(search, late)


def test_a_whole_machine_can_run_out_before_any_process() -> None:
    measurements = {f"load_{name}_cpu_percent": 60.0 for name in ("bridge", "simulator", "generator")}
    assert dict(saturated_resources(measurements, cores=2)) == {"machine": "CPU of this machine: 180 % of 2 cores"}
    assert dict(saturated_resources(measurements, cores=4)) == {}


def test_what_others_took_is_warned_of() -> None:
    metrics = {"bridge_cpu_percent": 30.0, "machine_cpu_percent": 100.0 * (os.cpu_count() or 1)}
    assert "LOAD-CAPACITY-BUSY" in titles(*run_search(lambda callers: callers <= 40, metrics=metrics))


def waiting(*p50s: float) -> list[Trial]:
    return [trial(10 * nth, {"first_audio_p50_seconds": p50}, passed=True) for nth, p50 in enumerate(p50s, 1)]


def test_the_knee_is_where_the_median_answer_slows_down() -> None:
    search = CapacitySearch(start=10, maximum=100)
    titles_by_code = {
        one.code: one.title for one in search_findings(search, waiting(0.26, 0.25, 0.3, 0.6, 2.0), interrupted=False)
    }
    assert titles_by_code["LOAD-CAPACITY-KNEE"] == "median first audio: 300 ms with 30 callers, 600 ms with 40"


def test_answers_that_never_slow_down_have_no_knee() -> None:
    titles_by_code = search_findings(CapacitySearch(start=10, maximum=100), waiting(0.26, 0.25, 0.3), interrupted=False)
    assert "LOAD-CAPACITY-KNEE" not in {one.code for one in titles_by_code}


def test_every_try_is_a_row_the_fewest_callers_first() -> None:
    trials = [trial(20, {"ready_p99_seconds": 0.2}, passed=False), trial(10, {"ready_p99_seconds": 0.1}, passed=True)]
    (table,) = trials_table(trials)
    assert table.columns == ("outcome", "ready_p99_seconds")
    assert [(row.name, row.cells) for row in table.rows] == [("10", ("passed", 0.1)), ("20", ("failed", 0.2))]
    assert trials_table([]) == ()


def test_lines_over_callers_share_a_plot_and_are_named_by_what_differs() -> None:
    measured = {"first_audio_p50_seconds": 0.1, "first_audio_p99_seconds": 0.2, "bridge_cpu_percent": 30, "lost_ms": 0}
    titles_by_code = {
        one.name: (one.plot, one.unit) for one in trials_series([trial(10, measured, passed=True)], "capacity")
    }
    assert titles_by_code == {
        "first audio, p50": ("first audio", "ms"),
        "first audio, p99": ("first audio", "ms"),
        "lost": ("lost", "ms"),
        "cpu, bridge": ("cpu", "%"),
    }


def test_curves_stand_over_the_number_of_callers() -> None:
    trials = [trial(20, {"ready_p99_seconds": 0.2}, passed=True), trial(10, {"ready_p99_seconds": 0.1}, passed=True),
             trial(20, {"ready_p99_seconds": 0.4}, passed=True)]  # fmt: skip
    (ready,) = trials_series(trials, "capacity")
    assert (ready.across, ready.unit) == ("callers", "ms")
    assert [(x, round(y)) for x, y in ready.points] == [(10, 100), (20, 300)]
