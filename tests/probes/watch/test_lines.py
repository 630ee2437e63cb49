"""The lines of a watch: one for each run; as JSON, each line is one document."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from probes.runner.findings import CheckRow
from probes.watch.lines import end_document, end_line, run_document, run_line
from probes.watch.loop import WatchResult, WatchTally
from reports.model import Finding, Report, ReportMetric
from reports.problem import Problem

REPORT = Report(tool="t", version="1", started="2026-11-21T04:00:35.123Z", seconds=0.4821)
BAD = CheckRow("access", "session").problem(Problem("ACCESS-NO-QUOTA", "no credit left", "billing", "Pay"))


def done(*findings: Finding, exit_code: int = 0, missed: int = 0) -> WatchResult:
    return WatchResult(number=7, report=replace(REPORT, findings=findings), exit_code=exit_code, missed=missed)


def test_a_good_run_is_a_short_line() -> None:
    assert run_line(done(CheckRow("access", "key").passed("fine"))) == "2026-11-21T04:00:35.123Z  ok      482 ms"


def test_a_failed_run_names_its_codes_once_each() -> None:
    assert run_line(done(BAD, BAD, exit_code=1)) == "2026-11-21T04:00:35.123Z  FAIL    482 ms  ACCESS-NO-QUOTA"


def test_many_codes_are_counted() -> None:
    many = [replace(BAD, code=f"C-{number}") for number in range(6)]
    assert run_line(done(*many, exit_code=1)).endswith("C-0 C-1 C-2 C-3 and 2 more")


def test_missed_runs_are_shown() -> None:
    assert run_line(done(missed=1)).endswith("(1 time missed)")
    assert run_line(done(missed=3)).endswith("(3 times missed)")


def test_the_document_holds_what_a_script_needs() -> None:
    round_ = done(BAD, exit_code=1)
    document = json.loads(
        run_document(replace(round_, report=replace(round_.report, metrics=(ReportMetric("a_seconds", 1.5),))))
    )
    assert document["schema_version"] == 1
    assert (document["kind"], document["run"], document["verdict"], document["exit_code"]) == ("run", 7, "fail", 1)
    assert (document["seconds"], document["missed"], document["metrics"]) == (0.4821, 0, {"a_seconds": 1.5})
    assert [finding["code"] for finding in document["findings"]] == ["ACCESS-NO-QUOTA"]


def test_the_last_line_counts_all_runs() -> None:
    tally = WatchTally()
    for exit_code in (0, 0, 1, 3):
        tally.add(done(exit_code=exit_code, missed=exit_code))
    assert end_line(tally, "T") == "T  end   4 runs: 2 passed, 1 failed, 1 couldn't run; 4 times missed"
    document = json.loads(end_document(tally, "T"))
    assert document["runs"] == {"pass": 2, "warning": 0, "fail": 1, "error": 1}
    assert (document["kind"], document["ended"], document["missed"], document["exit_code"]) == ("end", "T", 4, 1)


def test_an_end_before_the_first_run_is_reported_too() -> None:
    assert end_line(WatchTally(), "T") == "T  end   0 runs"


@given(st.text(), st.text())
def test_whatever_was_found_it_stays_one_line(code: str, title: str) -> None:
    hostile = done(replace(BAD, code=code, title=title), exit_code=1)
    assert "\n" not in run_line(hostile)
    assert "\x1b" not in run_line(hostile)
    document = run_document(hostile)
    assert document.count("\n") == 0
    assert json.loads(document)["findings"][0]["title"] == title
