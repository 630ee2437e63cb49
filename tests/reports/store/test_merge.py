"""Several runs as one report: nothing is lost, and different things keep different names."""

from __future__ import annotations

import pytest

from reports.model import Moment, ReportMetric, Series, Severity, Table, TableRow, Timeline
from reports.store.merge import merge_reports
from reports.store.reader import StoredReport
from tests.reports.factories import finding, report

TIMELINE = Timeline("events: audio", (Moment(at=0, who="client", what="x"),))


def test_one_run_stays_as_it_is() -> None:
    run = StoredReport(report(finding()), 1)
    assert merge_reports([run]) is run


def test_runs_of_several_tools_become_one() -> None:
    access = StoredReport(report(finding(), started="2026-11-21T10:00:01.000Z"), 1)
    models = StoredReport(report(finding(Severity.PASS, probe="models"), tool="sherpa-probe models"), 0)
    whole = merge_reports([access, models])
    assert (whole.report.tool, whole.exit_code) == ("sherpa-probe access, models", 1)
    assert whole.report.started == "2026-11-21T10:00:00.000Z"
    assert whole.report.seconds == pytest.approx(0.96)
    assert whole.report.target == access.report.target
    assert [one.probe for one in whole.report.findings] == ["access", "models"]


def test_the_same_probe_and_the_same_session_of_another_run_have_other_names() -> None:
    series = Series(name="gaps", unit="ms", timeline="events: audio", points=((0.0, 1.0),))
    one = StoredReport(report(finding(), finding(probe="probe"), timelines=(TIMELINE,), series=(series,)), 1)
    whole = merge_reports([one, one]).report
    assert [finding.probe for finding in whole.findings] == ["access", "probe", "access (2)", "probe"]
    assert [timeline.name for timeline in whole.timelines] == ["events: audio", "events: audio (2)"]
    assert [found.timeline for found in whole.series] == ["events: audio", "events: audio (2)"]


def test_the_same_table_of_another_run_has_another_name() -> None:
    table = Table(name="how long things took", heading="", columns=("p99_seconds",), rows=(TableRow(name="ready"),))
    one = StoredReport(report(tables=(table,)), 0)
    assert [table.name for table in merge_reports([one, one]).report.tables] == [
        "how long things took", "how long things took (2)",
    ]  # fmt: skip


def test_of_a_metric_in_both_the_last_value_is_kept() -> None:
    first, second = (
        StoredReport(report(metrics=(ReportMetric("a_ms", value), ReportMetric(f"b{value:.0f}", 1))), 0)
        for value in (1, 2)
    )
    assert {metric.name: metric.value for metric in merge_reports([first, second]).report.metrics} == {
        "a_ms": 2, "b1": 1, "b2": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("codes", "worst"), [((0, 0), 0), ((0, 1), 1), ((3, 0), 3), ((130, 3), 3), ((2, 3), 2), ((7, 0), 7), ((1, 130), 1)]
)
def test_the_exit_code_is_the_worst(codes: tuple[int, ...], worst: int) -> None:
    assert merge_reports([StoredReport(report(), code) for code in codes]).exit_code == worst
