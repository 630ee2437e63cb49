"""Wording of the HTML page: the verdict in a sentence, marks for outcomes, and texts cut to size.

The templates escape HTML. Invisible characters with an effect (controls, direction marks, lone surrogates) are replaced
by their number, so that they can neither break the file nor reverse its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reports.model import (
    EXIT_COULD_NOT_RUN,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    Severity,
)
from reports.render.terminal_text import escape_invisible, sanitize, shorten
from reports.render.wording import is_strict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reports.model import Report


@dataclass(frozen=True, slots=True)
class OutcomeMark:
    """How an outcome is shown: a word, an icon and a colour, never the colour alone."""

    word: str
    sign: str


#: Each icon's name is also the name of its colours in the style sheet. The order is that of the counts and the
#: cards.
OUTCOME_MARKS: Mapping[Severity, OutcomeMark] = {
    Severity.FAIL: OutcomeMark("failed", "fail"),
    Severity.ERROR: OutcomeMark("couldn't run", "error"),
    Severity.WARNING: OutcomeMark("warning", "warning"),
    Severity.PASS: OutcomeMark("passed", "pass"),
    Severity.INFO: OutcomeMark("note", "info"),
    Severity.SKIPPED: OutcomeMark("skipped", "skipped"),
}


@dataclass(frozen=True, slots=True)
class PageVerdict:
    """The verdict: a word, a sentence below it, and an icon."""

    word: str
    sentence: str
    sign: str


#: Exit code -> verdict, unless the findings say more.
_VERDICTS: Mapping[int, PageVerdict] = {
    EXIT_OK: PageVerdict("Passed", "No problems found.", "pass"),
    EXIT_FAILED: PageVerdict("Failed", "Fix the problems below before you deploy.", "fail"),
    EXIT_USAGE: PageVerdict(
        "Couldn't start", "The command line or the configuration is invalid. Nothing was checked.", "error"
    ),
    EXIT_COULD_NOT_RUN: PageVerdict("Couldn't run", "Nothing could be checked, so the result is unknown.", "error"),
    EXIT_INTERRUPTED: PageVerdict("Interrupted", "The run stopped early. The results so far are below.", "skipped"),
}


def page_verdict(report: Report, exit_code: int) -> PageVerdict:
    """Return the verdict at the top of the page."""
    verdict = _VERDICTS.get(exit_code, _VERDICTS[EXIT_FAILED])
    warnings = report.count(Severity.WARNING)
    if exit_code == EXIT_OK and warnings:
        return PageVerdict("Passed, with warnings", "Nothing blocks a deploy, but read the warnings first.", "warning")
    if exit_code == EXIT_OK and any(finding.code.endswith("-NOT-CHECKED") for finding in report.findings):
        return PageVerdict("Passed", "No problems found in what was checked. Some rows were not checked.", "pass")
    if exit_code == EXIT_OK and not report.findings:
        return PageVerdict("No checks", "This run has no checks. Its recording is below.", "info")
    if warnings and is_strict(report, exit_code):
        return PageVerdict(verdict.word, "In this run, warnings count as failures.", verdict.sign)
    return verdict


def one_line(text: str, limit: int) -> str:
    """Put a text on one line of at most `limit` characters, with an ellipsis if anything was cut."""
    text_ = text[: 2 * limit]
    return shorten(" ".join((text_ if text_.isprintable() else sanitize(text_)).split()), limit)


def paragraphs(text: str, limit: int) -> tuple[str, ...]:
    """Keep the line breaks of a text of at most `limit` characters."""
    shown = shorten(text, limit)
    return tuple(source_line(line.rstrip()) for line in shown.splitlines() if line.strip())


def source_line(text: str) -> str:
    """Keep a line as it is, with tabs as four spaces."""
    return text if text.isprintable() else escape_invisible(text.replace("\t", "    "))


def format_started(started: str) -> str:
    """Format the start for people: `21 November 2026, 03:55:43 UTC`. Anything that is not a date stays as it is."""
    try:
        at = datetime.fromisoformat(started).astimezone(UTC)
    except (ValueError, OverflowError):
        return started
    return f"{at.day} {at:%B %Y, %H:%M:%S} UTC" if started.endswith(("Z", "+00:00")) else started
