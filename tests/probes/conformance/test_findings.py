"""How verdicts become findings: expected failures, what is not scored, the matrix, the badge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.conformance.badge import badge
from probes.conformance.findings import Scoring
from probes.conformance.options import ConformanceFlags, ConformancePlan, make_plan
from probes.conformance.registry import CASES
from probes.conformance.result import CaseResult
from probes.conformance.selection import ExpectedFailure
from probes.conformance.verdict import Failed, Inconclusive, NonStrict, NotApplicable, Passed, Verdict
from reports.model import Finding, Report, ReportMetric, Severity, Table, TableRow, Timeline
from reports.store.merge import merge_reports
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from collections.abc import Mapping

BROKEN = Failed("a sentence, whole", "half of it")
FIRST = CASES[0]
COMMAND = "node bridge.mjs --x 'a b'"


def plan(expected: tuple[str, ...] = (), unscored: Mapping[str, str] | None = None) -> ConformancePlan:
    known = {case_id: ExpectedFailure(case_id, "ticket 12") for case_id in expected}
    made = make_plan(ConformanceFlags(start=COMMAND))
    return ConformancePlan(
        bridge=made.bridge,
        profile=made.profile,
        cases=made.cases,
        label="theirs",
        repeat=made.repeat,
        expected_failures=known,
        not_scored=unscored or {},
    )


def result(verdict: Verdict, ends: tuple[str, ...] = ()) -> CaseResult:
    return CaseResult(case=FIRST, verdict=verdict, timeline=Timeline(FIRST.id), ends=ends, sockets=2)


def finding(verdict: Verdict, the_plan: ConformancePlan | None = None) -> Finding:
    return Scoring(the_plan or plan()).finding(result(verdict))


def test_each_verdict_has_a_severity_of_its_own() -> None:
    verdicts = (Passed(), BROKEN, NonStrict("a", "b"), NotApplicable("none"), Inconclusive("late"))
    assert [finding(verdict).severity for verdict in verdicts] == [
        *(Severity.PASS, Severity.FAIL, Severity.WARNING, Severity.INFO, Severity.ERROR),
    ]


def test_a_failure_says_what_was_expected_what_came_and_how_to_repeat_it() -> None:
    failed = finding(BROKEN)
    assert failed.code == f"CONFORMANCE-{FIRST.id}"
    assert {item.label: item.value for item in failed.evidence[1:3]} == {
        "expected": BROKEN.expected,
        "seen": BROKEN.seen,
    }
    assert (
        failed.fix == f"sherpa-probe conformance --start 'node bridge.mjs --x '\"'\"'a b'\"'\"'' --case {FIRST.id} -v"
    )
    assert failed.cause == FIRST.matters


def test_an_expected_failure_does_not_fail_the_run_and_a_stale_one_does() -> None:
    known = finding(BROKEN, plan(expected=(FIRST.id,)))
    assert (known.severity, known.evidence[3].value) == (Severity.INFO, "ticket 12")
    stale = finding(Passed(), plan(expected=(FIRST.id,)))
    assert (stale.severity, stale.code) == (Severity.FAIL, "CONFORMANCE-STALE-EXPECTATION")


def test_a_case_that_is_not_scored_says_why() -> None:
    for verdict in (BROKEN, NonStrict("a", "b"), Inconclusive("late")):
        told = finding(verdict, plan(unscored={FIRST.id: "added in 2027-01"}))
        assert told.severity is Severity.INFO


def test_how_sockets_ended_is_judged_apart() -> None:
    scoring = Scoring(plan())
    scoring.finding(result(Passed(), ends=("it did not answer the close frame",)))
    ends, matrix, *metrics = scoring.closing()
    assert isinstance(ends, Finding)
    assert (ends.severity, ends.evidence[0].value) == (
        Severity.WARNING,
        "it did not answer the close frame: 1 of 2",
    )
    assert isinstance(matrix, Table)
    assert matrix.rows[0].cells == ("pass",)
    counts = {metric.name: metric.value for metric in metrics if isinstance(metric, ReportMetric)}
    assert counts["conformance_pass_total"] == 1
    assert sum(counts.values()) == 1


def test_ends_that_no_case_saw_are_not_called_clean() -> None:
    scoring = Scoring(plan())
    scoring.finding(CaseResult(case=FIRST, verdict=Passed(), timeline=Timeline(FIRST.id)))
    ends = next(iter(scoring.closing()))
    assert isinstance(ends, Finding)
    assert (ends.code, ends.severity) == ("CONFORMANCE-ENDS-SKIPPED", Severity.SKIPPED)


def test_the_reports_of_several_bridges_share_one_matrix() -> None:
    def stored(label: str, case_id: str, verdict: str) -> StoredReport:
        table = Table(
            name="conformance", heading="case", columns=(label,), rows=(TableRow(name=case_id, cells=(verdict,)),)
        )
        report = Report(tool="sherpa-probe conformance", version="1", started="2026", seconds=1.0, tables=(table,))
        return StoredReport(report, 0)

    merged = merge_reports([stored("a", "A-02", "pass"), stored("b", "A-01", "fail"), stored("a", "A-02", "fail")])
    (table,) = merged.report.tables
    assert table.columns == ("a", "b", "a (2)")
    assert [(row.name, row.cells) for row in table.rows] == [
        ("A-01", (None, "fail", None)),
        ("A-02", ("pass", None, "fail")),
    ]


def test_a_badge_is_green_only_if_nothing_failed() -> None:
    assert "2 of 2 cases" in badge(2, 0, 0)
    assert badge(2, 0, 0).count("#2c7a3f") == 1
    assert badge(1, 1, 0).count("#b3261e") == 1
    assert "not tested" in badge(0, 0, 0)
