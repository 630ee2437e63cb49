"""The command `lint`: its options, and what it prints. What it checks is in `probes/lint/`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from probes.cli_options import OFFLINE_OPTIONS, PROGRAM, complete_from, options_from, show_and_exit, with_options

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from probes.lint.options import LintOptions
    from probes.runner.command import CommandResult
    from reports.model import Report

_FORMATS = ("full", "concise", "github", "gitlab", "sarif", "json")
EXIT_WOULD_CHANGE = 1


def _rules() -> Iterable[str]:
    from probes.lint.rules.registry import RULES

    return RULES


@click.command()
@with_options(OFFLINE_OPTIONS)
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("--fix", is_flag=True, help="Apply the safe fixes: they need no decision.")
@click.option(
    "--unsafe-fixes", is_flag=True, help="With --fix or --diff: also fixes that may change what the code does."
)
@click.option("--diff", is_flag=True, help="Show what the fixes would change, and write nothing.")
@click.option(
    "--select",
    metavar="RULE",
    multiple=True,
    shell_complete=complete_from(_rules),
    help="Check only this rule; repeatable.",
)
@click.option(
    "--ignore", metavar="RULE", multiple=True, shell_complete=complete_from(_rules), help="Skip this rule; repeatable."
)
@click.option(
    "--exclude", metavar="PATTERN", multiple=True, help="Leave out files, by a pattern as in .gitignore; repeatable."
)
@click.option("--output-format", type=click.Choice(_FORMATS), default="full", help="What to print [default full].")
@click.option("--statistics", is_flag=True, help="Also count the findings of each rule.")
@click.option("--baseline", metavar="FILE", help="Don't report the findings that this file knows.")
@click.option("--write-baseline", metavar="FILE", help="Write all findings to this file, for --baseline.")
@click.option("--stdin-filename", metavar="PATH", help="The name of the code on standard input, if PATH is -.")
@click.option("--list", "list_", is_flag=True, help="List all rules, and check nothing.")
def lint(paths: tuple[str, ...], list_: bool, **values: Any) -> None:
    """Does this source code have known mistakes?

    Checks TypeScript, JavaScript and Python files, the scripts of .vue, .svelte and .html, notebooks, and folders
    recursively. To ignore a finding, put a comment `sherpa-lint: ignore[RULE] reason` on its line or on the line above.
    Settings: [lint] in sherpa.toml, or [tool.sherpa.lint] in pyproject.toml.
    """  # noqa: D400 - a question is what it answers
    from pathlib import Path

    from probes.runner.usage import UsageError

    if list_:
        from probes.lint.page import rules_page
        from probes.runner.output import write_text

        write_text(sys.stdout, rules_page())
        return
    if not paths:
        raise UsageError(f"no path given: {PROGRAM} lint PATH...")
    if not all(paths):  # Python reads it as the current folder, but it usually comes from an unset "$DIR"
        raise UsageError("a PATH is empty; write . for the current folder")
    _run(tuple(map(Path, paths)), values)


def _run(paths: tuple[Path, ...], values: dict[str, Any]) -> NoReturn:
    from dataclasses import replace
    from functools import partial
    from pathlib import Path

    from probes.lint.baseline import write_baseline
    from probes.lint.lint import lint as probe
    from probes.runner.command import run_offline
    from probes.runner.output import write_text
    from probes.runner.subject import FileSubject, ignore_subject
    from reports.model import Evidence

    options = _lint_options(paths, values)
    if values.pop("diff"):
        _show_diff(paths, options)
    shown, statistics, baseline = (values.pop(name) for name in ("output_format", "statistics", "write_baseline"))
    probe_options = options_from(values, errors_are_usage=True)
    if shown == "json":
        probe_options = replace(probe_options, json=True)
    elif shown != "full":
        probe_options = replace(probe_options, reports=(*probe_options.reports, f"{shown}=-"))
    files = FileSubject(tuple(Evidence("path", str(path)) for path in paths))
    outcome = run_offline(
        f"{PROGRAM} lint", ignore_subject(partial(probe, paths, options=options)), probe_options, files
    )
    if baseline:
        count = write_baseline(Path(baseline), outcome.report.findings)
        write_text(sys.stderr, f"{baseline}: {count} known findings; use it with --baseline {baseline}\n")
    if statistics:
        write_text(sys.stderr if shown != "full" or probe_options.json else sys.stdout, _counts(outcome.report))
    if shown not in {"full", "json"}:
        _exit(outcome)
    show_and_exit(outcome, probe_options)


def _exit(outcome: CommandResult) -> NoReturn:
    raise click.exceptions.Exit(outcome.exit_code)


def _lint_options(paths: tuple[Path, ...], values: dict[str, Any]) -> LintOptions:
    """Take lint's own options from click's values, and add the settings of the project."""
    from pathlib import Path

    from probes.lint.options import FixLevel, rule_ids, settings_of, with_command_line
    from probes.lint.workers import cores
    from probes.runner.usage import UsageError

    fix, unsafe, stdin = values.pop("fix"), values.pop("unsafe_fixes"), values.pop("stdin_filename")
    if unsafe and not (fix or values["diff"]):
        raise UsageError("--unsafe-fixes changes nothing by itself: add --fix, or --diff to look first")
    level = FixLevel.ALL if unsafe else FixLevel.SAFE if fix or values["diff"] else FixLevel.NONE
    first = paths[0]
    baseline = values.pop("baseline")
    return with_command_line(
        settings_of(first if first.is_dir() else first.absolute().parent),
        select=rule_ids(values.pop("select")),
        ignore=rule_ids(values.pop("ignore")),
        exclude=values.pop("exclude"),
        fix=level,
        baseline=Path(baseline) if baseline else None,
        stdin_filename=Path(stdin) if stdin else None,
        processes=cores(),
    )


def _show_diff(paths: tuple[Path, ...], options: LintOptions) -> NoReturn:
    from probes.lint.lint import diffs
    from probes.runner.output import write_text

    changed = 0
    for diff in diffs(paths, options):
        write_text(sys.stdout, diff)
        changed += 1
    write_text(sys.stderr, f"{changed} {'file' if changed == 1 else 'files'} would change\n")
    raise click.exceptions.Exit(EXIT_WOULD_CHANGE if changed else 0)


def _counts(report: Report) -> str:
    """Return how many findings each rule has, the most frequent first."""
    from collections import Counter

    counts = Counter((finding.check, finding.severity.value) for finding in report.findings if finding.place)
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return "".join(f"{count:6}  {severity:7}  {check}\n" for (check, severity), count in rows)
