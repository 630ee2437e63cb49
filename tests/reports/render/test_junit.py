"""JUnit XML: valid by the schema that Jenkins uses, and as red as the exit code."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import xmlschema
from hypothesis import given

from reports.model import Report, Severity
from reports.render.junit import render
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[2] / "data/junit-10.xsd")


def suites(text: str) -> ET.Element:
    root = ET.fromstring(text)  # noqa: S314 - our own
    SCHEMA.validate(root)
    return root


def test_there_is_a_suite_a_probe_and_a_case_a_check() -> None:
    whole = report(finding(Severity.PASS), finding(check="session"), finding(Severity.SKIPPED, probe="models"))
    root = suites(render(whole, 1))
    found = [(suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("skipped")) for suite in root]
    assert found == [("access", "2", "1", "0"), ("models", "1", "0", "1")]
    names = [(case.get("classname"), case.get("name"), case.get("time")) for case in root.iter("testcase")]
    assert names[0] == ("sherpa-probe.access", "key", "0.123")
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "0")


def test_a_failure_has_evidence_cause_and_fix() -> None:
    (failure,) = suites(render(report(finding()), 1)).iter("failure")
    assert failure.attrib == {"message": "The key was refused", "type": "ACCESS-KEY-REFUSED"}
    assert (failure.text or "").splitlines() == [
        "seen   status: 401",
        "cause  It was revoked.",
        "next   make a new key:",
        "       sherpa-probe access",
        "more   sherpa-probe explain 401",
    ]


def test_time_and_host_are_written_as_the_format_wants_them() -> None:
    suite = suites(render(report(finding()), 1))[0]
    assert (suite.get("timestamp"), suite.get("hostname"), suite.get("time")) == (
        "2026-11-21T10:00:00", "localhost", "0.123",
    )  # fmt: skip
    assert suites(render(report(finding(), started="yesterday"), 1))[0].get("timestamp") is None


def test_warnings_pass_unless_the_run_failed_by_them() -> None:
    whole = report(finding(Severity.WARNING), finding(Severity.INFO))
    lenient, strict = suites(render(whole, 0)), suites(render(whole, 1))
    assert lenient.get("failures") == "0"
    assert "warning: ACCESS-KEY-REFUSED" in (lenient.findtext(".//system-out") or "")
    assert strict.get("failures") == "1"
    failed = suites(render(report(finding(Severity.WARNING), finding()), 1))
    assert failed.get("failures") == "1"


@pytest.mark.parametrize(
    ("found", "code"), [((), 130), ((finding(Severity.PASS),), 3), ((finding(Severity.WARNING),), 2)]
)
def test_no_run_that_ended_badly_is_green(found: tuple[object, ...], code: int) -> None:
    root = suites(render(report(*found), code))  # type: ignore[arg-type] # findings all
    assert root.get("errors") == "1"
    (error,) = root.iter("error")
    assert error.attrib["message"].endswith(f"exit code {code}")


def test_a_run_with_checks_that_could_not_run_has_no_second_error_for_its_exit_code() -> None:
    assert suites(render(report(finding(Severity.ERROR)), 3)).get("errors") == "1"
    assert suites(render(report(finding()), 1)).get("errors") == "0"


def test_findings_of_one_rule_are_cases_of_their_own_with_names_of_their_own() -> None:
    whole = report(placed(line=3), placed(line=9), placed(line=9), placed(line=9))
    names = [case.get("name") for case in suites(render(whole, 1)).iter("testcase")]
    assert names[:2] == ["ping src/a.ts:3:3", "ping src/a.ts:9:3"]
    assert len(set(names)) == 4


@given(foreign_reports, exit_codes)
def test_any_report_is_valid(whole: Report, code: int) -> None:
    root = suites(render(whole, code))
    assert len(list(root.iter("testcase"))) >= len(whole.findings)
    assert not code or any(element.tag in ("failure", "error") for element in root.iter())
