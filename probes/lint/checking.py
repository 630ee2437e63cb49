"""Checking the text of one file: matches, suppressions and syntax errors, as findings with their places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from probes.lint import problems
from probes.lint.languages import Language
from probes.lint.matcher import find_matches, first_syntax_error, parse
from probes.lint.rules.registry import RULES
from probes.lint.sources.files import SourceFile, UnreadableFile, UnreadableReason
from probes.lint.suppressions import Suppression, apply_suppressions, find_suppressions
from probes.runner.findings import CheckRow, evidence_of
from reports.model import Finding, Place, Severity
from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ast_grep_py import SgNode

    from probes.lint.matcher import RuleMatch
    from probes.lint.options import LintOptions
    from probes.lint.rule import Rule
    from reports.problem import Problem

#: How many characters of a line a finding shows.
_MAX_SHOWN = 200
FILE_ROW = CheckRow("lint", "file")


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A parsed text and what the rules found in it."""

    root: SgNode
    matches: list[RuleMatch]
    """Those that are not suppressed."""
    suppressions: list[Suppression]
    syntax_error: SgNode | None
    lines: list[str]
    """Those of the file, or of a notebook's code."""


def check_text(source: SourceFile, rules: Iterable[Rule], options: LintOptions) -> CheckedText:
    """Apply the rules to a file's text."""
    text = source.parsed
    root = parse(text, source.language)
    suppressions = find_suppressions(root, text)
    ignored = options.ignored_in(source.inner_path)
    kept = [rule for rule in rules if rule.id not in ignored]
    found = [
        replace(match, severity=min_severity(match, options))
        for match in find_matches(root, text, source.language, kept, source.inner_path, source.path)
    ]
    matches = apply_suppressions(found, suppressions)
    shown = text if source.cells else source.text
    return CheckedText(root, matches, suppressions, first_syntax_error(root, source.language), shown.split("\n"))


def min_severity(match: RuleMatch, options: LintOptions) -> Severity:
    """Return the severity that the settings give a rule; what is only `info` here stays so."""
    wanted = options.severities.get(match.rule.id)
    return match.severity if wanted is None or match.severity is Severity.INFO else wanted


def findings_of(source: SourceFile, checked: CheckedText, rules: Iterable[Rule]) -> Iterator[Finding]:
    """Yield the findings of a checked file, in no order."""
    yield from (match_finding(match, source, checked) for match in checked.matches)
    if checked.syntax_error is not None:
        # Python's own parser agrees; the grammars of the others may lag behind their languages.
        severity = Severity.FAIL if source.language is Language.PYTHON else Severity.WARNING
        finding = FILE_ROW.problem(problems.NOT_PARSED, severity=severity)
        yield placed(finding, checked.syntax_error, source, checked)
        return
    ids = {rule.id for rule in rules}
    for suppression in checked.suppressions:
        # A rule that was not selected may well have matches here.
        if not suppression.used and (suppression.rule in ids or suppression.rule not in RULES):
            named = evidence_of("rule", suppression.rule or "not understood")
            yield placed(FILE_ROW.problem(problems.UNUSED_SUPPRESSION, named), suppression.node, source, checked)


def match_finding(match: RuleMatch, source: SourceFile, checked: CheckedText) -> Finding:
    """Return the finding of a match."""
    word = match.word if match.word in match.rule.replacements else ""
    evidence = (evidence_of("found", word), evidence_of("instead", match.rule.replacements[word])) if word else ()
    row = CheckRow("lint", match.rule.id)
    finding = row.problem(problems.BY_RULE[match.rule.id], *evidence, severity=match.severity)
    return placed(finding, match.node, source, checked)


def placed(finding: Finding, node: SgNode, source: SourceFile, checked: CheckedText) -> Finding:
    """Add the place, with the line but without credentials in it. In a notebook it is the place in its JSON."""
    span = node.range()
    start, end = (span.start.line, span.start.column), (span.end.line, span.end.column)
    line = checked.lines[start[0]].rstrip()
    if source.cells:
        first, last = (source.cells[min(number, len(source.cells) - 1)] for number in (start[0], end[0]))
        start, end = (first.line, first.column + start[1]), (last.line, last.column + end[1])
    where = Place(
        path=source.path.as_posix(),
        line=start[0] + 1,
        column=start[1] + 1,
        end_line=end[0] + 1,
        end_column=end[1] + 1,
        text=_excerpt(line, span.start.column),
    )
    return replace(finding, place=where)


def _excerpt(line: str, column: int) -> str:
    """Return a line, or of a long one the part around a column, without credentials."""
    if len(line) <= _MAX_SHOWN:
        return hide_credentials(line)
    start = max(0, min(column - _MAX_SHOWN // 4, len(line) - _MAX_SHOWN))
    # A credential that the excerpt would cut is looked for in a wider part.
    wide = max(0, start - _MAX_SHOWN)
    return hide_credentials(line[wide : start + 2 * _MAX_SHOWN])[start - wide :][:_MAX_SHOWN]


def unreadable(file: UnreadableFile, *, named: bool) -> Finding:
    """Return the finding of a file that could not be read."""
    by_reason: dict[UnreadableReason, Problem] = {
        UnreadableReason.MISSING: problems.UNREADABLE,
        UnreadableReason.DANGLING: problems.UNREADABLE,
        UnreadableReason.NOT_TEXT: problems.NOT_TEXT,
        UnreadableReason.TOO_LARGE: problems.TOO_LARGE if named else problems.SKIPPED_FILE,
    }
    # A link to nothing that lies in a folder hides no code; one that the user names does.
    harmless = file.reason is UnreadableReason.DANGLING and not named
    finding = FILE_ROW.problem(
        by_reason[file.reason],
        evidence_of("reason", file.detail),
        severity=Severity.WARNING if harmless else None,
    )
    return at_start(finding, file.path)


def at_start(finding: Finding, path: Path) -> Finding:
    """Place a finding at the start of a file."""
    return replace(finding, place=Place(path=path.as_posix(), line=1, column=1, end_line=1, end_column=1))
