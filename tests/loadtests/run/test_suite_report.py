"""The report of a suite: one table, and names that say which scenario each thing belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtests.results.findings import FinishedRun
from loadtests.results.report import make_report, run_exit_code
from loadtests.run.suite_report import TABLE, ScenarioResult, condensed, suite_report
from reports.compare.compare import compare
from reports.render import json as as_json
from reports.render.terminal.page import render
from reports.store.reader import StoredReport, read_report
from tests.loadtests.factories import aggregated, worker_report

if TYPE_CHECKING:
    from reports.model import TableRow


def result(name: str, *, lost: float = 0, seconds: float = 31.4) -> ScenarioResult:
    aggregator = aggregated(
        worker_report(calls=2, ready=20, lost_ms=lost, turn=150), scenario=name, duration="40s",
        budgets=("lost_ms == 0", "errors == 0", "stranded_calls == 0"),
    )  # fmt: skip
    aggregator.finish(40)
    aggregator.callers = [(1.0, 2.0)]
    report = make_report(FinishedRun(aggregator, 40.0))
    return ScenarioResult(name, aggregator.plan, StoredReport(report, run_exit_code(aggregator, report)), seconds)


SKIPPED = ScenarioResult("flapping", None, None, 0.0, "needs --control http://HOST:PORT/_sim")
SUITE = suite_report([result("conversation"), result("reconnect-storm", lost=400), SKIPPED])


def test_there_is_one_row_for_each_scenario() -> None:
    table = SUITE.report.tables[0]
    rows: dict[str, TableRow] = {row.name: row for row in table.rows}
    assert table.name == TABLE
    assert [dict(zip(table.columns, row.cells, strict=True))["verdict"] for row in rows.values()] == [
        "passed", "failed", "skipped",
    ]  # fmt: skip
    storm = dict(zip(table.columns, rows["reconnect-storm"].cells, strict=True))
    assert (storm["callers_total"], storm["run_seconds"], storm["lost_ms"]) == (2, 31.4, 400)


def test_everything_is_kept_under_the_name_of_its_scenario() -> None:
    report = read_report(as_json.render(SUITE.report, SUITE.exit_code)).report
    assert {finding.probe for finding in report.findings} == {"conversation", "reconnect-storm", "flapping"}
    metrics = {metric.name: metric.value for metric in report.metrics}
    assert (metrics["load_conversation_lost_ms"], metrics["load_reconnect_storm_lost_ms"]) == (0, 400)
    assert [timeline.name for timeline in report.timelines] == ["conversation", "reconnect-storm"]
    assert {line.timeline for line in report.series} == {"conversation", "reconnect-storm"}
    assert "conversation: durations" in [table.name for table in report.tables]
    assert "load_conversation_turn_p99_seconds" in report.tables[1].metrics


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result("soak")], 0), ([result("soak"), result("expiry", lost=20)], 1),
        ([SKIPPED], 3), ([SKIPPED, result("soak")], 0),
    ],
)  # fmt: skip
def test_the_exit_code_is_that_of_all_findings(results: list[ScenarioResult], code: int) -> None:
    assert suite_report(results).exit_code == code


def test_a_terminal_shows_the_table_and_what_needs_attention() -> None:
    shown = condensed(SUITE)
    page = render(shown.report, shown.exit_code, width=80)
    rows = [line.split() for line in page.splitlines()]
    assert ["ok", "budgets", "3", "passed"] in rows
    assert "lost_ms == 0" in page
    assert "errors == 0" not in page, "it passed"
    assert "skipped: needs --control" in page
    assert "LOAD-BUDGET-BROKEN" in page
    assert page.count("durations") == 0
    assert max(map(len, page.splitlines())) <= 80


def test_two_suites_can_be_compared_scenario_by_scenario() -> None:
    after = suite_report([result("conversation", lost=300), result("reconnect-storm", lost=400), SKIPPED])
    changes = {one.name: one.change.value for one in compare(SUITE, after).metrics}
    assert changes == {"load_conversation_lost_ms": "worse"}
