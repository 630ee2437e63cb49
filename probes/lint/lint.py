"""`sherpa-probe lint`: finds known mistakes in source code, and fixes those that need no decision.

It reads files, and writes them with `--fix`; it connects to nothing and runs none of the code that it reads.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio

from probes.lint import problems
from probes.lint.baseline import Baseline
from probes.lint.checking import FILE_ROW, at_start, check_text, findings_of, unreadable
from probes.lint.fixing.fixed_file import fix_file
from probes.lint.fixing.writer import write_source
from probes.lint.options import FixLevel, LintOptions, rule_ids
from probes.lint.sources.discovery import find_targets
from probes.lint.sources.files import UnreadableFile, read_source
from probes.lint.workers import run_in_processes
from probes.runner.findings import evidence_of
from reports.model import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence
    from pathlib import Path

    from probes.lint.rule import Rule
    from probes.lint.sources.discovery import Discovery, LintTarget
    from probes.runner.findings import ProbeItem

_GOOD = frozenset({Severity.PASS, Severity.INFO})


async def lint(
    paths: Sequence[Path],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    fix: bool = False,
    options: LintOptions | None = None,
) -> AsyncGenerator[ProbeItem, None]:
    """Yield findings by path and line: FAIL and WARNING for mistakes, ERROR for files that could not be checked.

    `select`, `ignore` and `fix` are short for `options`. Raises UsageError for unknown rules and for paths without
    source code. Cancelling stops between two files; a file is written completely or not at all.
    """
    if options is None:
        level = FixLevel.SAFE if fix else FixLevel.NONE
        options = LintOptions(select=rule_ids(select), ignore=rule_ids(ignore), fix=level)
    rules = options.rules()
    find = partial(find_targets, paths, exclude=options.exclude, stdin_filename=options.stdin_filename)
    found = await trio.to_thread.run_sync(find, abandon_on_cancel=True)
    known = Baseline.read(options.baseline)
    good = True
    for finding in _unreadable_folders(found):
        good = False
        yield finding
    async for finding in _check_all(found, rules, options):
        if known.has(finding):
            continue
        good = good and finding.severity in _GOOD
        yield finding
    if good:
        yield FILE_ROW.passed(_summary(found, rules, known), slug=problems.OK.slug)


def _summary(found: Discovery, rules: Sequence[Rule], known: Baseline) -> str:
    left_out = f", {_count(found.ignored, 'file')} left out by .gitignore or exclude" if found.ignored else ""
    old = f", {_count(known.used, 'known finding')} in the baseline" if known.used else ""
    return f"{_count(len(found.targets), 'file')}, {_count(len(rules), 'rule')}{left_out}{old}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _unreadable_folders(found: Discovery) -> Iterator[Finding]:
    for folder in found.unreadable:
        yield at_start(FILE_ROW.problem(problems.UNREADABLE, evidence_of("reason", folder.detail)), folder.path)


async def _check_all(found: Discovery, rules: tuple[Rule, ...], options: LintOptions) -> AsyncGenerator[Finding, None]:
    if options.fix is FixLevel.NONE:
        async for finding in run_in_processes(found.targets, options, check_file):
            yield finding
        return
    for file in found.targets:
        await trio.lowlevel.checkpoint()
        for finding in _fix_file(file, rules, options):
            yield finding


def check_file(file: LintTarget, options: LintOptions) -> list[Finding]:
    """Check one file and return its findings by line."""
    source = read_source(file)
    if isinstance(source, UnreadableFile):
        return [unreadable(source, named=file.named)]
    rules = options.rules()
    return sorted(findings_of(source, check_text(source, rules, options), rules), key=_position)


def _fix_file(file: LintTarget, rules: tuple[Rule, ...], options: LintOptions) -> list[Finding]:
    """Fix one file, write it, and return what was fixed and what is left, by line."""
    source = read_source(file)
    if isinstance(source, UnreadableFile):
        return [unreadable(source, named=file.named)]
    checked = check_text(source, rules, options)
    fixed = fix_file(source, checked, rules, options)
    why_not = write_source(source, fixed.source) if fixed.done and file.data is None else ""
    if why_not:
        not_written = at_start(FILE_ROW.problem(problems.NOT_WRITTEN, evidence_of("reason", why_not)), source.path)
        return sorted([not_written, *findings_of(source, checked, rules)], key=_position)
    return sorted([*fixed.done, *findings_of(fixed.source, fixed.checked, rules)], key=_position)


def _position(finding: Finding) -> tuple[int, int]:
    return (finding.place.line, finding.place.column) if finding.place else (0, 0)


def diffs(paths: Sequence[Path], options: LintOptions) -> Iterator[str]:
    """Yield what the fixes would change, as a unified diff for each file. Writes nothing."""
    rules = options.rules()
    for file in find_targets(paths, exclude=options.exclude, stdin_filename=options.stdin_filename).targets:
        source = read_source(file)
        if not isinstance(source, UnreadableFile):
            fixed = fix_file(source, check_text(source, rules, options), rules, options)
            if fixed.done:
                yield fixed.diff(source)
