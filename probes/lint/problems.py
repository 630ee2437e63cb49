"""Problems of `lint`: one for each rule, and those about the files themselves. Values only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lint.rules.registry import RULES
from reports.model import Severity
from reports.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

OK = Problem(
    "LINT-OK",
    "No known mistake was found",
    "Every file was read and parsed completely, and no rule matched. Lint finds known mistakes only.",
    "Nothing to do; to list what is checked: sherpa-probe lint --list",
    Severity.INFO,
)
FIXED = Problem(
    "LINT-FIXED",
    "A mistake was fixed in the file",
    "--fix makes changes that need no decision, and only if the file parses and defines every name before and after.",
    "Review the change, then run your tests",
    Severity.INFO,
)
UNUSED_SUPPRESSION = Problem(
    "LINT-UNUSED-SUPPRESSION",
    "A suppression suppresses nothing",
    "The mistake has been fixed, the comment is on another line, or the rule has another name.",
    "Remove the comment, or correct it: sherpa-lint: ignore[rule-id] reason",
    Severity.INFO,
)
SKIPPED_FILE = Problem(
    "LINT-FILE-SKIPPED",
    "A file was skipped because it looks generated",
    "It is larger than 2 MB or has a line of more than 20000 characters: a bundle, or data.",
    "Nothing to do if it is generated; otherwise name it: sherpa-probe lint FILE",
    Severity.INFO,
)
TOO_LARGE = Problem(
    "LINT-TOO-LARGE",
    "The file is too large to be checked",
    "Files over 2 MB are not read: they are generated, not written by hand.",
    "Check the source that it is generated from",
    Severity.ERROR,
)
UNREADABLE = Problem(
    "LINT-UNREADABLE",
    "The file can't be read",
    "You lack permission, it is a broken symbolic link, or it isn't a regular file.",
    "Make it readable, or name other files",
    Severity.ERROR,
)
NOT_TEXT = Problem(
    "LINT-NOT-TEXT",
    "The file isn't text in the encoding that it declares",
    "It has another encoding than UTF-8 without saying so, or its contents don't match its name.",
    "Save it as UTF-8, or declare its encoding",
    Severity.ERROR,
)
NOT_PARSED = Problem(
    "LINT-NOT-PARSED",
    "A part of the file has a syntax error",
    "The code is unfinished, the file name belongs to another language, or the grammar doesn't know this syntax yet. "
    "The rest of the file was checked.",
    "Correct the syntax at this place",
    Severity.FAIL,
)
NOT_WRITTEN = Problem(
    "LINT-NOT-WRITTEN",
    "The fixed file couldn't be written",
    "It is read-only, its folder isn't writable, it was changed in the meantime, or the disk is full. The file is "
    "unchanged.",
    "Make it writable, then run it again",
    Severity.ERROR,
)

#: The problem of each rule, by the rule's id.
BY_RULE: Mapping[str, Problem] = {
    rule.id: Problem(f"LINT-{rule.slug}", rule.title, rule.cause, rule.fix, rule.severity) for rule in RULES.values()
}
