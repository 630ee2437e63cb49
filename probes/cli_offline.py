"""The commands of `sherpa-probe` that open no connection: explain, config, lint."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from probes.cli_lint import lint
from probes.cli_options import SETTINGS_OPTIONS, complete_from, options_from, with_options

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


COMMANDS = (explain, config, lint)
