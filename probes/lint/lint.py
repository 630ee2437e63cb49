"""`sherpa-probe lint`: looks for known mistakes in source code, and mends those that need no thought.

It reads files and, where it is told to, writes them; it connects to nothing and runs nothing of what it reads.
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

#: So often a file is mended and looked at again; edits that touched one another need a second time.
_ROUNDS = 5
#: So much of a line is shown.
_LONGEST_SHOWN = 200
_FILE = CheckRow("lint", "file")
_GOOD = frozenset({Severity.PASS, Severity.INFO})


async def lint(
    paths: Sequence[Path], *, select: Sequence[str] = (), ignore: Sequence[str] = (), fix: bool = False
) -> AsyncGenerator[ProbeItem, None]:
    """Tell what is found, by path and line: FAIL and WARNING for mistakes, ERROR for files that could not be looked at.

    `select` and `ignore` are ids of rules; an empty `select` is all. Raises UsageError for rules that do not exist and
    for paths that hold no source. Cancelling stops between two files; a file is written whole or not at all.
    """
    rules = _chosen(select, ignore)
    files = await trio.to_thread.run_sync(lambda: list(find_targets(paths)), abandon_on_cancel=True)
    good = True
    for file in files:
        await trio.lowlevel.checkpoint()
        for finding in _of_file(file, rules, fix=fix):
            good = good and finding.severity in _GOOD
            yield finding
    if good:
        yield _FILE.passed(f"{_count(len(files), 'file')}, {_count(len(rules), 'rule')}", slug=problems.OK.slug)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _chosen(select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    for name in (*select, *ignore):
        if name not in RULES:
            close = get_close_matches(name.casefold(), RULES, n=1)
            raise UsageError(f"there is no rule {name}" + (f": did you mean {close[0]}?" if close else ""))
    chosen = tuple(RULES[name] for name in RULES if (not select or name in select) and name not in ignore)
    if not chosen:
        raise UsageError("no rule is left to look for")
    return chosen


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one look at a text found."""

    root: SgNode
    hits: list[RuleMatch]
    """Those that are not suppressed."""
    silencers: list[Suppression]
    broken: SgNode | None
    lines: list[str]


def _look(source: SourceFile, rules: tuple[Rule, ...]) -> _Looked:
    root = parse(source.text, source.language)
    silencers = find_suppressions(root, source.text)
    found = apply_suppressions(find_matches(root, source.text, source.language, rules), silencers)
    return _Looked(root, found, silencers, first_syntax_error(root), source.text.split("\n"))


def _of_file(file: LintTarget, rules: tuple[Rule, ...], *, fix: bool) -> list[Finding]:
    """Look at one file: what was found in it, by line."""
    source = read_source(file)
    if isinstance(source, UnreadableFile):
        return [_not_read(source, named=file.named)]
    looked = _look(source, rules)
    fixed: list[Finding] = []
    if fix:
        source, fixed = _fixed(source, looked, rules)
        looked = _look(source, rules) if fixed else looked
    return sorted([*fixed, *_told(source, looked, rules)], key=_by_line)


def _by_line(finding: Finding) -> tuple[int, int]:
    return (finding.place.line, finding.place.column) if finding.place else (0, 0)


def _told(source: SourceFile, looked: _Looked, rules: Iterable[Rule]) -> Iterator[Finding]:
    yield from (_of_hit(hit, source, looked) for hit in looked.hits)
    if looked.broken is not None:
        yield _placed(_FILE.problem(problems.NOT_PARSED), looked.broken, source, looked)
        return
    ids = {rule.id for rule in rules}
    for silencer in looked.silencers:
        # A rule that was not looked for may well be silenced for good reason.
        if not silencer.used and (silencer.rule in ids or silencer.rule not in RULES):
            named = evidence_of("rule", silencer.rule or "not understood")
            yield _placed(_FILE.problem(problems.UNUSED_SUPPRESSION, named), silencer.node, source, looked)


def _of_hit(hit: RuleMatch, source: SourceFile, looked: _Looked) -> Finding:
    word = hit.rule.replaced_word_in(hit.node.text())
    evidence = (evidence_of("found", word), evidence_of("instead", hit.rule.replacements[word])) if word else ()
    return _placed(
        CheckRow("lint", hit.rule.id).problem(problems.BY_RULE[hit.rule.id], *evidence), hit.node, source, looked
    )


def _placed(finding: Finding, node: SgNode, source: SourceFile, looked: _Looked) -> Finding:
    """Say where it is. No credential that stands in the line is shown."""
    place = node.range()
    line = looked.lines[place.start.line].rstrip()
    where = Place(
        path=source.path.as_posix(),
        line=place.start.line + 1,
        column=place.start.column + 1,
        end_line=place.end.line + 1,
        end_column=place.end.column + 1,
        text=hide_credentials(line)[:_LONGEST_SHOWN],
    )
    return replace(finding, place=where)


def _not_read(file: UnreadableFile, *, named: bool) -> Finding:
    known: dict[UnreadableReason, Problem] = {
        UnreadableReason.MISSING: problems.UNREADABLE,
        UnreadableReason.NOT_TEXT: problems.NOT_TEXT,
        UnreadableReason.TOO_LARGE: problems.TOO_LARGE if named else problems.SKIPPED_FILE,
    }
    place = Place(path=file.path.as_posix(), line=1, column=1, end_line=1, end_column=1)
    return replace(_FILE.problem(known[file.reason], evidence_of("seen", file.detail)), place=place)


def _fixed(source: SourceFile, looked: _Looked, rules: tuple[Rule, ...]) -> tuple[SourceFile, list[Finding]]:
    """Mend what can be mended, and write it. Gives the text as it is in the file now, and what was done."""
    now, done = source, list[Finding]()
    for _ in range(_ROUNDS):
        text, made = apply_edits(now.text, [edits_for(hit, looked.root, now.text) for hit in looked.hits])
        after = replace(now, text=text)
        looked_again = _look(after, rules)
        # What breaks the syntax, or mends nothing, is no mending.
        if text == now.text or looked_again.broken is not None or len(looked_again.hits) >= len(looked.hits):
            break
        done += [_mended(hit, now, looked) for hit, was in zip(looked.hits, made, strict=True) if was]
        now, looked = after, looked_again
    if not done:
        return source, []
    why_not = write_source(source, now)
    return (source, [_not_written(source, why_not)]) if why_not else (now, done)


def _mended(hit: RuleMatch, source: SourceFile, looked: _Looked) -> Finding:
    known = _of_hit(hit, source, looked)
    row = CheckRow("lint", hit.rule.id)
    return _placed(
        row.problem(problems.FIXED, *known.evidence, title=f"Mended: {hit.rule.title}"), hit.node, source, looked
    )


def _not_written(source: SourceFile, why: str) -> Finding:
    place = Place(path=source.path.as_posix(), line=1, column=1, end_line=1, end_column=1)
    return replace(_FILE.problem(problems.NOT_WRITTEN, evidence_of("seen", why)), place=place)
