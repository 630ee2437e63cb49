"""Words of the HTML page: text from elsewhere cut to what there is room for, the verdict in a sentence.

Escaping for HTML is the template's business. What draws nothing and can do something (controls, direction marks, half
characters) is written as its number, so that it can neither break the file nor turn its lines around.
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
    """How an outcome is told: by a word, a sign (an icon of the page) and a colour, never by the colour alone."""

    word: str
    sign: str


#: The sign of each severity is also the name of its colours in the style sheet.
#: Their order is that of the verdict's counts and of the cards.
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
    """The answer at a glance: a word, a sentence below it, and its sign."""

    word: str
    sentence: str
    sign: str


#: Exit code -> word, sentence and sign, where nothing in the report says more.
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
    """Give the verdict that stands at the top of the page."""
    known = _VERDICTS.get(exit_code, _VERDICTS[EXIT_FAILED])
    warnings = report.count(Severity.WARNING)
    if exit_code == EXIT_OK and warnings:
        return PageVerdict("Passed, with warnings", "Nothing blocks a deploy, but read the warnings first.", "warning")
    if exit_code == EXIT_OK and not report.findings:
        return PageVerdict("No checks", "This run has no checks. Its recording is below.", "info")
    if warnings and is_strict(report, exit_code):
        return PageVerdict(known.word, "In this run, warnings count as failures.", known.sign)
    return known


def one_line(text: str, limit: int) -> str:
    """Put a text on one line of at most `limit` characters; what was cut is marked by an ellipsis."""
    some = text[: 2 * limit]
    return shorten(" ".join((some if some.isprintable() else sanitize(some)).split()), limit)


def paragraphs(text: str, limit: int) -> tuple[str, ...]:
    """Keep the lines of a longer text, of at most `limit` characters together."""
    kept = shorten(text, limit)
    return tuple(source_line(line.rstrip()) for line in kept.splitlines() if line.strip())


def source_line(text: str) -> str:
    """Keep a line as it stands, a tab as four spaces."""
    return text if text.isprintable() else escape_invisible(text.replace("\t", "    "))


def format_started(started: str) -> str:
    """Write the start for people: `21 November 2026, 03:55:43 UTC`. What is no date stays as it is."""
    try:
        at = datetime.fromisoformat(started).astimezone(UTC)
    except (ValueError, OverflowError):
        return started
    return f"{at.day} {at:%B %Y, %H:%M:%S} UTC" if started.endswith(("Z", "+00:00")) else started
