"""A search from its first trial to its report, with invented runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtests.capacity.search import CapacitySearch
from loadtests.capacity.search_runs import (
    TOOL,
    SearchProgress,
    find_capacity,
    run_search,
    search_report,
    with_rerun_command,
)
from loadtests.results import problems
from loadtests.results.findings import brief_finding
from loadtests.results.report import report_without_run
from loadtests.run.run import RunRequest
from loadtests.scenarios.plan import PlanError, RunOptions
from reports.model import Report
from reports.store.reader import StoredReport
from tests.loadtests.factories import make_test_plan

if TYPE_CHECKING:
    from collections.abc import Mapping


def outcome(callers: int, edge: int) -> StoredReport:
    known = problems.BUDGET_KEPT if callers <= edge else problems.BUDGET_BROKEN
    report = Report(tool="t", version="1", started="", seconds=1, findings=(brief_finding(known, "x", "words"),))
    return StoredReport(report, int(callers > edge))


def test_it_finds_the_limit_and_puts_every_trial_on_the_timeline() -> None:
    trials = SearchProgress(make_test_plan(users=100), CapacitySearch(start=10, maximum=100))
    stored = run_search(trials, lambda callers: outcome(callers, 33))
    (found,) = stored.report.metrics
    assert 31 <= found.value <= 33
    assert stored.exit_code == 0
    (timeline,) = stored.report.timelines
    assert [moment.what for moment in timeline.moments[:3]] == ["10 callers", "20 callers", "40 callers"]
    assert timeline.moments[2].detail == "failed: words"
    assert stored.report.tool == TOOL


def test_an_unreachable_target_is_reported_as_it_is() -> None:
    trials = SearchProgress(make_test_plan(), CapacitySearch(start=1, maximum=10))
    stored = run_search(
        trials, lambda _: report_without_run(make_test_plan(), problems.TARGET_DOWN, "connection refused")
    )
    assert [one.code for one in stored.report.findings] == ["LOAD-TARGET-DOWN"]
    assert (stored.exit_code, stored.report.tool) == (3, TOOL)


def test_trials_that_decide_nothing_count_as_failed_and_not_as_unreachable() -> None:
    doubtful = brief_finding(problems.INCONCLUSIVE, "p99(ready) < 2s", "not decided: the load generator was late")
    undecided = StoredReport(Report(tool="t", version="1", started="", seconds=1, findings=(doubtful,)), 3)
    trials = SearchProgress(make_test_plan(), CapacitySearch(start=10, maximum=100))
    stored = run_search(trials, lambda callers: outcome(callers, 20) if callers <= 20 else undecided)
    assert stored.report.metrics[0].value == 20


def test_a_target_that_crashes_later_only_handles_less() -> None:
    down = report_without_run(make_test_plan(), problems.TARGET_DOWN, "gone")
    trials = SearchProgress(make_test_plan(), CapacitySearch(start=10, maximum=100))
    fell = iter([True])
    stored = run_search(trials, lambda callers: down if callers > 20 and next(fell, False) else outcome(callers, 20))
    assert stored.report.metrics[0].value == 20


def test_a_target_that_crashes_and_stays_down_is_reported() -> None:
    down = report_without_run(make_test_plan(), problems.TARGET_DOWN, "gone")
    trials = SearchProgress(make_test_plan(), CapacitySearch(start=10, maximum=100))
    stored = run_search(trials, lambda callers: outcome(callers, 100) if callers <= 20 else down)
    assert [one.code for one in stored.report.findings][:2] == ["LOAD-TARGET-DOWN", "LOAD-CAPACITY-UNDONE"]
    assert "the most callers that passed: 20" in stored.report.findings[1].title
    assert stored.exit_code == 3


def test_what_to_type_next_is_what_was_asked_for() -> None:
    trials = SearchProgress(make_test_plan(), CapacitySearch(start=1, maximum=1))
    stored = with_rerun_command(
        run_search(trials, lambda callers: outcome(callers, 0)), "sherpa-load run soak --simulate"
    )
    assert "sherpa-load run soak --simulate" in stored.report.findings[0].fix


def test_ctrl_c_shows_what_passed_so_far() -> None:
    trials = SearchProgress(make_test_plan(), CapacitySearch(start=10, maximum=100))
    stopped = report_without_run(make_test_plan(), problems.INTERRUPTED, "")
    stored = run_search(trials, lambda callers: outcome(callers, 100) if callers <= 10 else stopped)
    assert [one.code for one in stored.report.findings] == ["LOAD-INTERRUPTED", "LOAD-CAPACITY-UNDONE"]
    assert stored.exit_code == 130
    assert search_report(trials).exit_code == 130


@pytest.mark.parametrize(
    ("start", "most", "words"), [(20, 10, "--start: 20 callers are more than"), (1, 5000, "more than 1000")]
)
def test_a_range_that_cannot_be_searched_is_refused(start: int, most: int, words: str) -> None:
    options, nothing = RunOptions(scenario="conversation", url="ws://127.0.0.1:1"), dict[str, str]()

    def on_progress(_: Mapping[str, object]) -> None:
        raise AssertionError

    with pytest.raises(PlanError, match=words):
        find_capacity(RunRequest(options=options), nothing, on_progress, start=start, maximum=most)
