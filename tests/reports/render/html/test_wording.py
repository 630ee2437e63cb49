"""Verdicts and texts of the HTML page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.model import Finding, Report, Severity
from reports.render.html.wording import format_started, one_line, page_verdict, paragraphs, source_line


def test_a_start_is_a_date_for_people() -> None:
    assert format_started("2026-11-21T04:02:28.075Z") == "21 November 2026, 04:02:28 UTC"


@pytest.mark.parametrize("started", ["", "yesterday", "2026-11-21", "0001-01-01T00:00:00+14:00"])
def test_what_is_no_utc_date_stays_as_it_is(started: str) -> None:
    assert format_started(started) == started


def test_what_can_not_be_seen_is_written_as_its_number() -> None:
    assert source_line("a\x1b[2J\u202eb\tc\ud800") == "a\\x1b[2J\\u202eb    c\\ud800"


def test_letters_of_every_script_stay() -> None:
    assert source_line("zażółć 東京 עברית 🎧") == "zażółć 東京 עברית 🎧"


def test_a_text_is_put_on_one_line_and_cut() -> None:
    assert one_line("  one\n two\tthree ", 80) == "one two three"
    assert one_line("x" * 50, 10) == "xxxxxxxxx…"


def test_a_longer_text_keeps_its_lines() -> None:
    assert paragraphs("one\n\n  two  \r\nthree", 80) == ("one", "  two", "three")


@given(st.text(st.characters()), st.integers(2, 30))
def test_no_text_is_longer_than_allowed_and_all_of_it_can_be_seen(text: str, limit: int) -> None:
    assert len(one_line(text, limit)) <= limit
    shown = one_line(text, limit) + "".join(paragraphs(text, limit))
    assert not [c for c in shown if not c.isprintable() and not c.isspace()]
    shown.encode()


def with_(*severities: Severity) -> Report:
    findings = tuple(Finding(code="C", severity=severity, check="c", title="t") for severity in severities)
    return Report(tool="t", version="1", started="s", seconds=0.0, findings=findings)


@pytest.mark.parametrize(
    ("report", "exit_code", "word", "sign"),
    [
        (with_(Severity.PASS), 0, "Passed", "pass"),
        (with_(Severity.PASS, Severity.WARNING), 0, "Passed, with warnings", "warning"),
        (with_(), 0, "No checks", "info"),
        (with_(Severity.FAIL, Severity.WARNING), 1, "Failed", "fail"),
        (with_(Severity.ERROR), 3, "Couldn't run", "error"),
        (with_(Severity.PASS), 130, "Interrupted", "skipped"),
    ],
)
def test_the_verdict_is_a_word_and_a_sign(report: Report, exit_code: int, word: str, sign: str) -> None:
    found = page_verdict(report, exit_code)
    assert (found.word, found.sign) == (word, sign)


def test_warnings_that_count_as_failures_are_said_to() -> None:
    assert page_verdict(with_(Severity.WARNING), 1).sentence == "In this run, warnings count as failures."
    assert (
        page_verdict(with_(Severity.FAIL, Severity.WARNING), 1).sentence == "Fix the problems below before you deploy."
    )


def test_a_run_that_left_something_unchecked_does_not_speak_for_it() -> None:
    unchecked = Finding(code="BRIDGE-ALL-NOT-CHECKED", severity=Severity.SKIPPED, check="all", title="not checked")
    report = with_(Severity.PASS)
    report = replace(report, findings=(*report.findings, unchecked))
    assert page_verdict(report, 0).sentence == "No problems found in what was checked. Some rows were not checked."
