"""SARIF: valid against the published schema, and acceptable to GitHub code scanning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from reports.model import Evidence, Place, Report, Severity
from reports.render.sarif import render
from reports.render.sarif_locations import artifact_location, physical_location
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "data/sarif-2.1.0.json").read_text()), format_checker=FormatChecker()
)


def run(text: str) -> Any:
    document = json.loads(text)
    SCHEMA.validate(document)
    (only,) = document["runs"]
    return only


def test_a_place_in_a_file_is_written_as_github_shows_it() -> None:
    (result,) = run(render(report(placed("src/my file.ts", 12)), 1))["results"]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("LINT-PING", 0, "error")
    assert result["message"]["text"].startswith("The key was refused")
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "src/my%20file.ts", "uriBaseId": "%SRCROOT%"},
        "region": {
            "startLine": 12, "startColumn": 3, "endLine": 12, "endColumn": 7, "snippet": {"text": "  ping()"},
        },
    }  # fmt: skip


def test_a_rule_explains_its_code_once() -> None:
    found = run(render(report(placed(line=1), placed(line=2), finding()), 1))
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["LINT-PING", "ACCESS-KEY-REFUSED"]
    assert rules[0]["help"]["text"] == (
        "It was revoked.\nNext:\nmake a new key:\nsherpa-probe access\nMore:\nsherpa-probe explain 401"
    )
    assert [result["ruleIndex"] for result in found["results"]] == [0, 0, 1]


def test_what_passed_or_was_skipped_is_no_result_for_each_result_is_an_alert() -> None:
    severities = [*Severity]
    whole = report(*(finding(severity, code=f"X-{severity.upper()}") for severity in severities))
    levels = [(result["ruleId"], result["level"]) for result in run(render(whole, 1))["results"]]
    assert levels == [("X-FAIL", "error"), ("X-ERROR", "error"), ("X-WARNING", "warning"), ("X-INFO", "note")]


def test_what_has_no_place_gets_the_target_without_its_scheme_which_github_would_refuse() -> None:
    (result,) = run(render(report(finding()), 1))["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "api.openai.com/v1"
    assert location["physicalLocation"]["region"] == {"startLine": 1}
    assert location["logicalLocations"] == [{"name": "key", "fullyQualifiedName": "access/key", "kind": "check"}]
    (other,) = run(render(report(finding(), target=(Evidence("port", "127.0.0.1:8766"),)), 1))["results"]
    assert other["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "sherpa-probe-access"


def test_an_alert_is_recognized_when_lines_move_and_similar_ones_differ() -> None:
    def prints(*lines: int) -> list[str]:
        results = run(render(report(*(placed(line=line) for line in lines)), 1))["results"]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]

    assert prints(3, 9) == prints(30, 90)
    assert len(set(prints(3, 9))) == 2


def test_the_invocation_says_how_the_run_ended() -> None:
    (failed,) = run(render(report(finding()), 1))["invocations"]
    assert failed == {
        "executionSuccessful": True, "exitCode": 1, "exitCodeDescription": "failed",
        "startTimeUtc": "2026-11-21T10:00:00.000Z",
    }  # fmt: skip
    (broken,) = run(render(report(started="now"), 3))["invocations"]
    assert (broken["executionSuccessful"], "startTimeUtc" in broken) == (False, False)


@pytest.mark.parametrize(
    ("path", "uri", "base"),
    [
        ("./src/../a.ts", "a.ts", True),
        ("../b.py", "../b.py", True),
        ("a:b.ts", "a%3Ab.ts", True),
        ("東.ts", "%E6%9D%B1.ts", True),
        ("50%#?.ts", "50%25%23%3F.ts", True),
        ("/home/x y/a.ts", "file:///home/x%20y/a.ts", False),
        ("C:/x/a.ts", "file:///C:/x/a.ts", False),
        ("", ".", True),
        ("\ud800.ts", "%ED%A0%80.ts", True),
    ],
)
def test_a_path_becomes_an_address(path: str, uri: str, base: bool) -> None:
    assert artifact_location(path) == {"uri": uri, **({"uriBaseId": "%SRCROOT%"} if base else {})}


@given(st.text(max_size=20), st.integers(1, 25), st.integers(1, 25))
def test_columns_count_utf_16_units(text: str, start: int, end: int) -> None:
    region = physical_location(Place(path="a", line=1, column=start, end_line=1, end_column=end, text=text))["region"]
    before = text[: start - 1]
    assert region["startColumn"] == start + len(before.encode("utf-16-le", "surrogatepass")) // 2 - len(before)
    assert region["endColumn"] >= region["startColumn"]


def test_more_than_github_accepts_is_cut_and_stated() -> None:
    many = run(render(report(*[finding(Severity.INFO)] * 26, finding()), 1, max_results=25))
    assert (len(many["results"]), many["results"][0]["level"]) == (25, "error")
    (notice,) = many["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("2 more results")


@given(foreign_reports, exit_codes)
def test_any_report_is_valid(whole: Report, code: int) -> None:
    for result in run(render(whole, code))["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri
        assert uri.isascii()
        assert uri.startswith("file:///") or ":" not in uri
