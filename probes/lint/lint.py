"""`sherpa-probe lint`: finds known mistakes in source code, and fixes those that need no decision.

It reads files, and writes them with `--fix`; it connects to nothing and runs none of the code that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

import trio

from probes.lint import problems
from probes.lint.files import SourceFile, UnreadableFile, UnreadableReason, find_targets, read_source
from probes.lint.fixes import apply_edits, edits_for
from probes.lint.matcher import find_matches, first_syntax_error, parse
from probes.lint.rules.registry import RULES
from probes.lint.suppressions import Suppression, apply_suppressions, find_suppressions
from probes.lint.writer import write_source
from probes.runner.findings import CheckRow, evidence_of
from probes.runner.usage import UsageError
from reports.model import Finding, Place, Severity
from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
    from pathlib import Path

    from ast_grep_py import SgNode

    from probes.lint.files import LintTarget
    from probes.lint.matcher import RuleMatch
    from probes.lint.rule import Rule
    from probes.runner.findings import ProbeItem
    from reports.problem import Problem

#: How often a file is fixed and checked again; overlapping edits need more than one round.
_MAX_ROUNDS = 5
#: How many characters of a line a finding shows.
_MAX_SHOWN = 200
_FILE = CheckRow("lint", "file")
_GOOD = frozenset({Severity.PASS, Severity.INFO})


async def lint(
    paths: Sequence[Path], *, select: Sequence[str] = (), ignore: Sequence[str] = (), fix: bool = False
) -> AsyncGenerator[ProbeItem, None]:
    """Yield findings by path and line: FAIL and WARNING for mistakes, ERROR for files that could not be checked.

    `select` and `ignore` are rule ids; an empty `select` means all rules. Raises UsageError for unknown rules and for
    paths without source code. Cancelling stops between two files; a file is written completely or not at all.
    """
    rules = _chosen_rules(select, ignore)
    files = await trio.to_thread.run_sync(lambda: list(find_targets(paths)), abandon_on_cancel=True)
    good = True
    for file in files:
        await trio.lowlevel.checkpoint()
        for finding in _check_file(file, rules, fix=fix):
            good = good and finding.severity in _GOOD
            yield finding
    if good:
        yield _FILE.passed(f"{_count(len(files), 'file')}, {_count(len(rules), 'rule')}", slug=problems.OK.slug)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _chosen_rules(select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    for name in (*select, *ignore):
        if name not in RULES:
            close = get_close_matches(name.casefold(), RULES, n=1)
            raise UsageError(f"unknown rule {name}" + (f": did you mean {close[0]}?" if close else ""))
    chosen = tuple(RULES[name] for name in RULES if (not select or name in select) and name not in ignore)
    if not chosen:
        raise UsageError("--select and --ignore leave no rule to check")
    return chosen


@dataclass(frozen=True, slots=True)
class _CheckedText:
    """A parsed text and what the rules found in it."""

    root: SgNode
    matches: list[RuleMatch]
    """Those that are not suppressed."""
    suppressions: list[Suppression]
    syntax_error: SgNode | None
    lines: list[str]


def _check_text(source: SourceFile, rules: tuple[Rule, ...]) -> _CheckedText:
    root = parse(source.text, source.language)
    suppressions = find_suppressions(root, source.text)
    matches = apply_suppressions(
        find_matches(root, source.text, source.language, rules, source.inner_path, source.path), suppressions
    )
    return _CheckedText(root, matches, suppressions, first_syntax_error(root, source.language), source.text.split("\n"))


def _check_file(file: LintTarget, rules: tuple[Rule, ...], *, fix: bool) -> list[Finding]:
    """Check one file and return its findings by line."""
    source = read_source(file)
    if isinstance(source, UnreadableFile):
        return [_unreadable(source, named=file.named)]
    checked = _check_text(source, rules)
    fixed: list[Finding] = []
    if fix:
        source, fixed = _fix(source, checked, rules)
        checked = _check_text(source, rules) if fixed else checked
    return sorted([*fixed, *_findings(source, checked, rules)], key=_position)


def _position(finding: Finding) -> tuple[int, int]:
    return (finding.place.line, finding.place.column) if finding.place else (0, 0)


def _findings(source: SourceFile, checked: _CheckedText, rules: Iterable[Rule]) -> Iterator[Finding]:
    yield from (_match_finding(match, source, checked) for match in checked.matches)
    if checked.syntax_error is not None:
        yield _placed(_FILE.problem(problems.NOT_PARSED), checked.syntax_error, source, checked)
        return
    ids = {rule.id for rule in rules}
    for suppression in checked.suppressions:
        # A rule that was not selected may well have matches here.
        if not suppression.used and (suppression.rule in ids or suppression.rule not in RULES):
            named = evidence_of("rule", suppression.rule or "not understood")
            yield _placed(_FILE.problem(problems.UNUSED_SUPPRESSION, named), suppression.node, source, checked)


def _match_finding(match: RuleMatch, source: SourceFile, checked: _CheckedText) -> Finding:
    word = match.word if match.word in match.rule.replacements else ""
    evidence = (evidence_of("found", word), evidence_of("instead", match.rule.replacements[word])) if word else ()
    finding = CheckRow("lint", match.rule.id).problem(
        problems.BY_RULE[match.rule.id], *evidence, severity=match.severity
    )
    return _placed(finding, match.node, source, checked)


def _placed(finding: Finding, node: SgNode, source: SourceFile, checked: _CheckedText) -> Finding:
    """Add the place, with the line but without credentials in it."""
    place = node.range()
    line = checked.lines[place.start.line].rstrip()
    where = Place(
        path=source.path.as_posix(),
        line=place.start.line + 1,
        column=place.start.column + 1,
        end_line=place.end.line + 1,
        end_column=place.end.column + 1,
        text=hide_credentials(line)[:_MAX_SHOWN],
    )
    return replace(finding, place=where)


def _unreadable(file: UnreadableFile, *, named: bool) -> Finding:
    by_reason: dict[UnreadableReason, Problem] = {
        UnreadableReason.MISSING: problems.UNREADABLE,
        UnreadableReason.NOT_TEXT: problems.NOT_TEXT,
        UnreadableReason.TOO_LARGE: problems.TOO_LARGE if named else problems.SKIPPED_FILE,
    }
    place = Place(path=file.path.as_posix(), line=1, column=1, end_line=1, end_column=1)
    return replace(_FILE.problem(by_reason[file.reason], evidence_of("reason", file.detail)), place=place)


def _fix(source: SourceFile, checked: _CheckedText, rules: tuple[Rule, ...]) -> tuple[SourceFile, list[Finding]]:
    """Fix what can be fixed and write the file. Return the text that is in the file now, and a finding per fix."""
    current, done = source, list[Finding]()
    for _ in range(_MAX_ROUNDS):
        edits = [edits_for(match, checked.root, current.text) for match in checked.matches]
        text, applied = apply_edits(current.text, edits)
        after = replace(current, text=text)
        checked_again = _check_text(after, rules)
        # A change that breaks the syntax, or leaves as many matches, is not a fix.
        if (
            text == current.text
            or checked_again.syntax_error is not None
            or len(checked_again.matches) >= len(checked.matches)
        ):
            break
        done += [_fixed(match, current, checked) for match, was in zip(checked.matches, applied, strict=True) if was]
        current, checked = after, checked_again
    if not done:
        return source, []
    why_not = write_source(source, current)
    return (source, [_not_written(source, why_not)]) if why_not else (current, done)


def _fixed(match: RuleMatch, source: SourceFile, checked: _CheckedText) -> Finding:
    known = _match_finding(match, source, checked)
    row = CheckRow("lint", match.rule.id)
    finding = row.problem(problems.FIXED, *known.evidence, title=f"Fixed: {match.rule.title}")
    return _placed(finding, match.node, source, checked)


def _not_written(source: SourceFile, why: str) -> Finding:
    place = Place(path=source.path.as_posix(), line=1, column=1, end_line=1, end_column=1)
    return replace(_FILE.problem(problems.NOT_WRITTEN, evidence_of("reason", why)), place=place)
