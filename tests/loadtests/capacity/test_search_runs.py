"""A search from its first try to its report, with runs that are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtests.capacity.search import Search
from loadtests.capacity.search_runs import TOOL, Tries, find, searched, told, with_command
from loadtests.results import problems
from loadtests.results.report import noted, without_run
from loadtests.run.run import Request
from loadtests.scenarios.plan import PlanError, Wish
from reports.model import Report
from reports.store.reader import Kept
from tests.loadtests.factories import planned

if TYPE_CHECKING:
    from collections.abc import Mapping


def outcome(callers: int, edge: int) -> Kept:
    known = problems.BUDGET_KEPT if callers <= edge else problems.BUDGET_BROKEN
    report = Report(tool="t", version="1", started="", seconds=1, findings=(noted(known, "x", "words"),))
    return Kept(report, int(callers > edge))


def test_it_finds_the_edge_and_keeps_every_try_on_the_timeline() -> None:
    tries = Tries(planned(users=100), Search(start=10, most=100))
    kept = searched(tries, lambda callers: outcome(callers, 33))
    (found,) = kept.report.metrics
    assert 31 <= found.value <= 33
    assert kept.exit_code == 0
    (timeline,) = kept.report.timelines
    assert [moment.what for moment in timeline.moments[:3]] == ["10 callers", "20 callers", "40 callers"]
    assert timeline.moments[2].detail == "not held: words"
    assert kept.report.tool == TOOL


def test_nobody_there_is_told_as_it_is() -> None:
    tries = Tries(planned(), Search(start=1, most=10))
    kept = searched(tries, lambda _: without_run(planned(), problems.TARGET_DOWN, "connection refused"))
    assert [one.code for one in kept.report.findings] == ["LOAD-TARGET-DOWN"]
    assert (kept.exit_code, kept.report.tool) == (3, TOOL)


def test_a_target_that_falls_over_later_only_holds_less() -> None:
    down = without_run(planned(), problems.TARGET_DOWN, "gone")
    tries = Tries(planned(), Search(start=10, most=100))
    fell = iter([True])
    kept = searched(tries, lambda callers: down if callers > 20 and next(fell, False) else outcome(callers, 20))
    assert kept.report.metrics[0].value == 20


def test_a_target_that_falls_over_and_stays_down_is_told_as_gone() -> None:
    down = without_run(planned(), problems.TARGET_DOWN, "gone")
    tries = Tries(planned(), Search(start=10, most=100))
    kept = searched(tries, lambda callers: outcome(callers, 100) if callers <= 20 else down)
    assert [one.code for one in kept.report.findings][:2] == ["LOAD-TARGET-DOWN", "LOAD-CAPACITY-UNDONE"]
    assert "the most that held: 20" in kept.report.findings[1].title
    assert kept.exit_code == 3


def test_what_to_type_next_is_what_was_asked_for() -> None:
    tries = Tries(planned(), Search(start=1, most=1))
    kept = with_command(searched(tries, lambda callers: outcome(callers, 0)), "sherpa-load run soak --simulate")
    assert "sherpa-load run soak --simulate" in kept.report.findings[0].fix


def test_ctrl_c_shows_what_held_so_far() -> None:
    tries = Tries(planned(), Search(start=10, most=100))
    stopped = without_run(planned(), problems.INTERRUPTED, "")
    kept = searched(tries, lambda callers: outcome(callers, 100) if callers <= 10 else stopped)
    assert [one.code for one in kept.report.findings] == ["LOAD-INTERRUPTED", "LOAD-CAPACITY-UNDONE"]
    assert kept.exit_code == 130
    assert told(tries).exit_code == 130


@pytest.mark.parametrize(
    ("start", "most", "words"), [(20, 10, "--start: 20 callers are more than"), (1, 5000, "more than 1000")]
)
def test_a_range_that_cannot_be_searched_is_refused(start: int, most: int, words: str) -> None:
    wish, nothing = Wish(scenario="conversation", url="ws://127.0.0.1:1"), dict[str, str]()

    def hears(_: Mapping[str, object]) -> None:
        raise AssertionError

    with pytest.raises(PlanError, match=words):
        find(Request(wish=wish), nothing, hears, start=start, most=most)
