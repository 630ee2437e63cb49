"""Workflow commands: one per line, escaped for the runner."""

from __future__ import annotations

import re

from hypothesis import given

from reports.model import Report, Severity
from reports.render.github import render
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report

COMMAND = re.compile(r"::(error|warning|notice) ([a-zA-Z]+=[^:,\r\n]*(?:,[a-zA-Z]+=[^:,\r\n]*)*)::([^\r\n]*)")


def undone(text: str) -> str:
    """Unescape as the runner does."""
    for code, character in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, character)
    return text


def test_a_finding_in_a_file_is_annotated_there() -> None:
    command, last = render(report(placed("src/a,b:c%2C%25.ts", 12)), 1).splitlines()
    found = COMMAND.fullmatch(command)
    assert found is not None
    properties = dict(part.split("=", 1) for part in found[2].split(","))
    assert undone(properties.pop("file")) == "src/a,b:c%2C%25.ts"
    assert undone(properties.pop("title")) == "LINT-PING: The key was refused"
    assert properties == {"line": "12", "endLine": "12", "col": "3", "endColumn": "7"}
    assert undone(found[3]).splitlines()[0] == "cause: It was revoked."
    assert last == "failed: 1 failed in 0.48 s (exit 1) - sherpa-probe access"


def test_the_message_has_evidence_cause_and_fix() -> None:
    command = render(report(finding()), 1).splitlines()[0]
    assert undone(command.partition("ACCESS-KEY-REFUSED%3A The key was refused::")[2]) == (
        "seen: status: 401\ncause: It was revoked.\nnext: make a new key:\nsherpa-probe access\n"
        "more: sherpa-probe explain 401"
    )


def test_the_loudest_come_first_and_what_passed_is_no_annotation() -> None:
    lines = render(report(*(finding(severity) for severity in Severity)), 1).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["::error", "::error", "::warning", "::notice"]


def test_warnings_are_errors_where_the_run_failed_by_them() -> None:
    whole = report(finding(Severity.WARNING))
    assert render(whole, 0).startswith("::warning ")
    assert render(whole, 1).startswith("::error ")


@given(foreign_reports, exit_codes)
def test_no_text_can_write_a_command_of_its_own(whole: Report, code: int) -> None:
    *commands, last, end = re.split(r"\r\n|\r|\n", render(whole, code))
    assert all(COMMAND.fullmatch(line) for line in commands)
    assert len(commands) == sum(one.severity not in (Severity.PASS, Severity.SKIPPED) for one in whole.findings)
    assert not last.startswith(("::", "##"))
    assert end == ""
