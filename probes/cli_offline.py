"""The commands of `sherpa-probe` that open no connection: explain, config, lint."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from probes.cli_options import (
    OFFLINE_OPTIONS,
    PROGRAM,
    SETTINGS_OPTIONS,
    complete_from,
    options_from,
    run_offline_and_exit,
    with_options,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def _codes() -> Iterable[str]:
    from probes.explain import known_codes

    return known_codes()


@click.command()
@click.argument("code", shell_complete=complete_from(_codes))
@click.option("--json", "json_", is_flag=True, help="Print one JSON document and nothing else.")
def explain(code: str, json_: bool) -> None:
    """Explain an HTTP status, close code, error code or finding code.

    CODE is a number (4000, 401), an error code (insufficient_quota) or the code of a finding (ACCESS-NO-QUOTA).
    """
    from probes.explain import explain as look_up
    from probes.explain import render_json, render_text, suggest
    from probes.runner.output import terminal_width, write_text

    meanings = look_up(code)
    if not meanings:
        raise click.UsageError(f"Unknown code '{code}'{suggest(code)}")
    width = min(100, terminal_width(sys.stdout, os.environ))
    write_text(sys.stdout, render_json(code, meanings) if json_ else render_text(code, meanings, width) + "\n")


@click.command()
@with_options(SETTINGS_OPTIONS)
def config(**values: Any) -> None:
    """Show every setting with its source; secrets are hidden."""
    from pathlib import Path

    from probes.runner.command import check_simulation
    from probes.runner.output import terminal_width, write_text
    from probes.targets.config_view import as_json, read_settings, render, setting_rows

    options = options_from(values)
    check_simulation(options.simulate, options.flags)
    found = setting_rows(*read_settings(options.flags, os.environ, Path(), options.simulate))
    write_text(sys.stdout, as_json(found) if options.json else render(found, terminal_width(sys.stdout, os.environ)))


def _rules() -> Iterable[str]:
    from probes.lint.rules.registry import RULES

    return RULES


@click.command()
@with_options(OFFLINE_OPTIONS)
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option("--fix", is_flag=True, help="Apply the fixes that need no decision.")
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
@click.option("--list", "list_", is_flag=True, help="List all rules, and check nothing.")
def lint(
    paths: tuple[str, ...],
    fix: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    list_: bool,
    **values: Any,
) -> None:
    """Does this source code have known mistakes?

    Checks TypeScript, JavaScript and Python files, and folders recursively. To ignore a finding, put a comment
    `sherpa-lint: ignore[RULE] reason` on its line or on the line above.
    """  # noqa: D400 - a question is what it answers
    from functools import partial
    from pathlib import Path

    from probes.runner.subject import FileSubject, ignore_subject
    from probes.runner.usage import UsageError
    from reports.model import Evidence

    if list_:
        from probes.lint.page import rules_page
        from probes.runner.output import write_text

        write_text(sys.stdout, rules_page())
        return
    if not paths:
        raise UsageError(f"no path given: {PROGRAM} lint PATH...")
    if not all(paths):  # Python reads it as the current folder, but it usually comes from an unset "$DIR"
        raise UsageError("a PATH is empty; write . for the current folder")
    from probes.lint.lint import lint as probe

    options = options_from(values, errors_are_usage=True)
    files = FileSubject(tuple(Evidence("path", path) for path in paths))
    probe_files = partial(probe, tuple(map(Path, paths)), select=select, ignore=ignore, fix=fix)
    run_offline_and_exit("lint", ignore_subject(probe_files), options, files)


COMMANDS = (explain, config, lint)
