"""Problems of `lint`: one for each rule, and what there is to say about files. Values only; see `problems.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.rules.registry import RULES
from reports.model import Severity
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


def _about_files(slug: str, title: str, cause: str, fix: str, severity: Severity) -> Problem:
    return Problem(slug, title, cause, fix, severity=severity, probe="lint")


OK = _about_files(
    "OK",
    "No known mistake was found",
    "Every file was read and parsed whole, and no rule found anything in them. Only known mistakes are known.",
    "Nothing is to be done; see what is looked for: sherpa-probe lint --list",
    Severity.INFO,
)
FIXED = _about_files(
    "FIXED",
    "A mistake was mended in the file",
    "--fix changes what needs no thought, and only in files that parse before and after.",
    "Read the change, then run your tests",
    Severity.INFO,
)
UNUSED_SUPPRESSION = _about_files(
    "UNUSED-SUPPRESSION",
    "A suppression suppresses nothing",
    "What it was written for is gone, it stands in another line, or the rule has another name.",
    "Take it away, or write it as: sherpa-lint: ignore[rule-id] reason",
    Severity.INFO,
)
SKIPPED_FILE = _about_files(
    "FILE-SKIPPED",
    "A file was not looked at: it was made by a tool",
    "It is larger than 2 MB or has a line of more than 20000 characters: a bundle, or data.",
    "Nothing, if so; else name it: sherpa-probe lint FILE",
    Severity.INFO,
)
TOO_LARGE = _about_files(
    "TOO-LARGE",
    "The file is too large to be looked at",
    "More than 2 MB is no source that somebody wrote; it was not read.",
    "Look at what it was made from",
    Severity.ERROR,
)
UNREADABLE = _about_files(
    "UNREADABLE",
    "The file can't be read",
    "Its permissions forbid it, it is a link to nothing, or it is no regular file.",
    "Make it readable, or name other files",
    Severity.ERROR,
)
NOT_TEXT = _about_files(
    "NOT-TEXT",
    "The file is not UTF-8 text",
    "It is in another encoding, or it holds something else than its name says.",
    "Save it as UTF-8",
    Severity.ERROR,
)
NOT_PARSED = _about_files(
    "NOT-PARSED",
    "A part of the file is no syntax of its language",
    "Something is unfinished there, the ending names another language, or the grammar does not know it yet. The rest "
    "was looked at all the same.",
    "Mend the place that is named",
    Severity.ERROR,
)
NOT_WRITTEN = _about_files(
    "NOT-WRITTEN",
    "The mended file could not be written",
    "It is read-only, its folder can't be written to, somebody changed it meanwhile, or the disk is full."
    " The file is as it was.",
    "Make it writable, then run it again",
    Severity.ERROR,
)

#: Every rule's problem, by the rule's id.
BY_RULE: Mapping[str, Problem] = {
    rule.id: Problem(rule.slug, rule.title, rule.cause, rule.fix, severity=rule.severity, probe="lint")
    for rule in RULES.values()
}
