"""Two runs compared: what is new, gone, worse and better, and what was not checked again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.compare import render as compared
from reports.compare.change_kinds import ChangeKind
from reports.compare.compare import Comparison, compare
from reports.model import Evidence, Finding, ReportMetric, Severity
from reports.render.terminal_text import display_width
from reports.store.reader import StoredReport
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report


def comparing(before: tuple[Finding, ...], after: tuple[Finding, ...], **more: Any) -> Comparison:
    return compare(StoredReport(report(*before), 0), StoredReport(report(*after), 1), **more)


def changes(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(one.change.value, one.code) for one in comparing(before, after).findings]


PASSED = finding(Severity.PASS, code="ACCESS-KEY-OK")


def test_the_same_run_twice_is_the_same() -> None:
    found = (finding(), placed(), PASSED)
    assert comparing(found, found).verdict == "same"
    assert comparing(found, found).findings == ()


def test_a_problem_that_was_not_there_is_new_and_one_that_is_no_more_is_gone() -> None:
    assert changes((PASSED,), (finding(),)) == [("new", "ACCESS-KEY-REFUSED")]
    assert changes((finding(),), (PASSED,)) == [("gone", "ACCESS-KEY-REFUSED")]


def test_passed_checks_and_notes_are_never_reported() -> None:
    assert changes((PASSED, finding(Severity.INFO)), (finding(Severity.PASS, code="ACCESS-OTHER"),)) == []


def test_a_warning_that_fails_is_worse_and_the_other_way_round_better() -> None:
    warned, failed, noted = (finding(severity) for severity in (Severity.WARNING, Severity.FAIL, Severity.INFO))
    assert changes((warned,), (failed,)) == [("worse", "ACCESS-KEY-REFUSED")]
    assert changes((failed,), (warned,)) == [("better", "ACCESS-KEY-REFUSED")]
    assert changes((noted,), (warned,)) == [("worse", "ACCESS-KEY-REFUSED")]
    assert changes((warned,), (noted,)) == [("better", "ACCESS-KEY-REFUSED")]


@pytest.mark.parametrize(
    "after",
    [
        (finding(code="ACCESS-NAME", check="name"), finding(Severity.SKIPPED, code="ACCESS-KEY-SKIPPED")),
        (finding(Severity.PASS, probe="models"),),
        (),
    ],
)
def test_a_problem_whose_check_was_skipped_is_not_gone(after: tuple[Finding, ...]) -> None:
    assert ("unseen", "ACCESS-KEY-REFUSED") in changes((finding(),), after)
    assert ("gone", "ACCESS-KEY-REFUSED") not in changes((finding(),), after)


def test_a_problem_in_a_file_is_recognized_on_another_line_but_not_in_another_file() -> None:
    assert changes((placed(line=3),), (placed(line=90),)) == []
    assert changes((placed("a.ts"),), (placed("b.ts"),)) == [("new", "LINT-PING"), ("gone", "LINT-PING")]
    assert changes((placed(),), (finding(Severity.PASS, probe="lint", check="lint"),)) == [("gone", "LINT-PING")]


def test_more_of_the_same_in_a_file_is_worse() -> None:
    (one,) = comparing((placed(),), (placed(), placed(line=9))).findings
    assert (one.change, one.count_before, one.count_after) == (ChangeKind.WORSE, 1, 2)
    assert changes((placed(), placed(line=9)), (placed(),)) == [("better", "LINT-PING")]


def test_a_metric_that_is_missing_is_reported_and_a_new_one_is_not() -> None:
    before, after = (report(metrics=(ReportMetric(name, 1.0),)) for name in ("old_seconds", "new_seconds"))
    comparison = compare(StoredReport(before, 0), StoredReport(after, 0))
    assert [(one.name, one.change) for one in comparison.metrics] == [("old_seconds", ChangeKind.UNSEEN)]
    assert comparison.verdict == "same"


def test_reasons_against_a_comparison_are_stated() -> None:
    other = report(tool="sherpa-probe lint", target=(Evidence("paths", "src"),))
    remarks = compare(StoredReport(report(), 0), StoredReport(other, 130)).remarks
    assert [remark.split()[0] for remark in remarks] == ["the", "the", "after"]
    assert compare(StoredReport(report(), 0), StoredReport(report(), 0)).remarks == ()


def test_the_port_of_an_embedded_simulator_is_no_difference() -> None:
    def simulated(port: int, scenario: str = "good") -> StoredReport:
        target = (Evidence("base URL", f"http://127.0.0.1:{port}/v1"), Evidence("service", f"simulated: {scenario}"))
        return StoredReport(report(target=target), 0)

    assert compare(simulated(45007), simulated(46177)).remarks == ()
    assert compare(simulated(45007), simulated(45007, "slow")).remarks == ("the targets or their settings differ",)
    real = [StoredReport(report(target=(Evidence("", f"ws://127.0.0.1:{port}"),)), 0) for port in (1, 2)]
    assert compare(*real).remarks == ("the targets or their settings differ",)


def test_durations_that_a_late_generator_measured_are_not_compared() -> None:
    late = finding(Severity.WARNING, code="LOAD-GENERATOR-LATE", probe="load", check="generator")
    names = ("load_turn_p50_seconds", "load_lost_ms")
    before = report(late, metrics=tuple(ReportMetric(name, 1.0) for name in names))
    after = report(metrics=tuple(ReportMetric(name, 200.0) for name in names))
    comparison = compare(StoredReport(before, 0), StoredReport(after, 0))
    assert [one.name for one in comparison.metrics] == ["load_lost_ms"]
    assert comparison.findings == (), "that is no problem of the target"
    assert comparison.remarks == ("before: the load generator was late, so durations are not compared",)


def test_in_a_suite_only_the_scenario_of_a_late_generator_is_left_out() -> None:
    late = finding(Severity.WARNING, code="LOAD-GENERATOR-LATE", probe="barge-in", check="generator")
    names = ("load_barge_in_turn_p50_seconds", "load_soak_turn_p50_seconds")
    before = report(late, metrics=tuple(ReportMetric(name, 1.0) for name in names))
    after = report(metrics=tuple(ReportMetric(name, 200.0) for name in names))
    comparison = compare(StoredReport(before, 0), StoredReport(after, 0))
    assert [one.name for one in comparison.metrics] == ["load_soak_turn_p50_seconds"]


def test_the_page_shows_the_worst_first_and_a_verdict() -> None:
    before = (PASSED, finding(check="model", code="ACCESS-X"), placed())
    after = (finding(), finding(Severity.PASS, check="model", code="ACCESS-OK"), placed(), placed(line=8))
    page = compared.render_terminal(comparing(before, after), 1).splitlines()
    assert page[4:12] == [
        "  new     ACCESS-KEY-REFUSED",
        "          access, key: The key was refused",
        "  worse   LINT-PING",
        "          src/a.ts: The key was refused",
        "          1 -> 2 times",
        "  gone    ACCESS-X",
        "          access, model: The key was refused",
        "",
    ]
    assert page[-1].startswith("worse: 1 new, 1 worse, 1 gone ")
    assert page[-1].endswith("exit 1")


def test_metrics_are_in_columns_with_their_change() -> None:
    before = report(metrics=(ReportMetric("events_first_audio_seconds", 0.4), ReportMetric("events_gaps_total", 0)))
    after = report(metrics=(ReportMetric("events_first_audio_seconds", 0.6), ReportMetric("events_gaps_total", 2)))
    page = compared.render_terminal(compare(StoredReport(before, 0), StoredReport(after, 0)), 0)
    assert "  worse   events first audio  400 ms -> 600 ms (+50 %)\n" in page
    assert "  worse   events gaps         0 -> 2\n" in page


def test_json_has_all_of_it() -> None:
    document = json.loads(compared.render_json(comparing((PASSED,), (placed(),)), 1))
    assert list(document) == [
        "schema_version", "tool", "verdict", "exit_code", "counts", "before", "after", "remarks", "findings", "figures",
    ]  # fmt: skip
    assert (document["verdict"], document["counts"]["new"], document["after"]["exit_code"]) == ("worse", 1, 1)
    assert document["findings"] == [
        {
            "change": "new", "probe": "lint", "code": "LINT-PING", "check": "ping", "path": "src/a.ts",
            "title": "The key was refused", "before": None, "after": "fail", "count_before": 0, "count_after": 1,
        }
    ]  # fmt: skip


def test_markdown_has_a_table_of_problems_and_one_of_metrics() -> None:
    before, after = (
        report(metrics=(ReportMetric("a_ms", 100),)),
        report(finding(), metrics=(ReportMetric("a_ms", 900),)),
    )
    text = compared.render_markdown(compare(StoredReport(before, 0), StoredReport(after, 1)), 0)
    assert text.startswith("### ❌ worse: 1 new, 1 worse (exit 0)\n")
    assert "| --- | --- | --- | --- | --- |\n| ❌ new | <code>ACCESS-KEY-REFUSED</code> |" in text
    assert "| --- | --- | --- |\n| ❌ worse | a | 100 ms -&#62; 900 ms" in text


@given(foreign_reports, foreign_reports, exit_codes, st.integers(40, 100))
def test_any_two_reports_can_be_compared_and_shown(before: Any, after: Any, code: int, width: int) -> None:
    comparison = compare(StoredReport(before, 0), StoredReport(after, code))
    page = compared.render_terminal(comparison, code, width=width)
    assert page.splitlines()[-1].endswith(f"exit {code}")
    assert json.loads(compared.render_json(comparison, code))["verdict"] == comparison.verdict
    compared.render_markdown(comparison, code).encode()
    assert compare(StoredReport(after, code), StoredReport(after, code)).verdict == "same"


def test_wide_names_keep_their_columns() -> None:
    before, after = (report(metrics=(ReportMetric("東京" * 20 + "_ms", value),)) for value in (100, 900))
    page = compared.render_terminal(compare(StoredReport(before, 0), StoredReport(after, 0)), 0, width=60)
    assert max(map(display_width, page.splitlines())) <= 60
