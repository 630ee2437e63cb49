"""The command `sherpa-probe`. Each command imports the rest of the package when it runs, so that `--help` is fast.

Exit codes: 0 all checks passed, 1 a check failed, 2 wrong usage or configuration, 3 a check couldn't run, 130
interrupted.
"""

from __future__ import annotations

import probes.runner.early_interrupts  # noqa: F401 - holds signals from its import on

# isort: split
import os
import sys
from errno import ENOSPC
from typing import TYPE_CHECKING, NoReturn

import click

from probes import cli_conformance, cli_offline, cli_online, cli_recording
from probes.cli_options import PROGRAM
from probes.runner.interrupts import INTERRUPTS
from reports.cli_common import CommandGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probes.runner.command import CommandResult
    from reports.first_steps import FirstSteps


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from reports.provenance import installed_version

        click.echo(f"{PROGRAM} {installed_version()}")
        context.exit()


def _first_steps() -> FirstSteps:
    from pathlib import Path

    from probes.first_steps import first_steps

    return first_steps(os.environ, Path())


def _short_help(command: click.Command) -> str:
    """Return the first paragraph of a command's help. Click alone cuts it at the end of a line."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


@click.group(cls=CommandGroup, first_steps=_first_steps, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Find out why a voice assistant on the OpenAI Realtime API doesn't work, before your users do."""


_COMMANDS = (*cli_online.COMMANDS, *cli_conformance.COMMANDS, *cli_recording.COMMANDS, *cli_offline.COMMANDS)
for _command in _COMMANDS:
    _command.short_help = _short_help(_command)
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit with its exit code. With `--json` even wrong usage leads to one JSON document."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with INTERRUPTS.holding():
        from probes.runner.output import OutputError  # here, because imports are slow enough to be interrupted

        try:
            code = _run(words)
        except OutputError as error:
            code = _report_no_output(words, str(error))
    sys.exit(code)


def _run(words: Sequence[str]) -> int:
    """Run a command line and return its exit code. Raises OutputError.

    An interrupt before there is a result leads to a report that says so.
    """
    from probes.runner.output import OutputError

    try:
        with INTERRUPTS.raising():
            pass  # raises for a signal that arrived during the imports
        code = cli.main(list(words), prog_name=PROGRAM, standalone_mode=False)
    except OutputError:
        raise
    except (KeyboardInterrupt, click.exceptions.Abort):
        code = _show_and_get_code(words, _interrupted_result(words))
    except Exception as error:  # noqa: BLE001 - the last place that can turn it into a finding
        code = _show_and_get_code(words, _error_result(error, words))
    return code if isinstance(code, int) else 0


def _report_no_output(words: Sequence[str], reason: str) -> int:
    """Say on stderr, if there is one, that stdout can't be written, so the result is lost."""
    from probes.runner.output import print_error
    from reports.model import EXIT_COULD_NOT_RUN

    print_error(_tool(words), reason, "", os.environ)
    return EXIT_COULD_NOT_RUN


def _error_result(error: Exception, words: Sequence[str]) -> CommandResult:
    from probes.runner.command import (
        CONFIG_ERROR,
        USAGE_ERROR,
        CommandResult,
        ConfigError,
        UsageError,
        usage_error_result,
    )
    from probes.runner.output import discard_output, output_error

    tool = _tool(words)
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else tool
            return usage_error_result(path, USAGE_ERROR, error.format_message(), f"{path} --help")
        case click.ClickException():
            return usage_error_result(tool, USAGE_ERROR, error.format_message(), f"{tool} --help")
        case UsageError():
            return usage_error_result(tool, USAGE_ERROR, str(error), error.fix or f"{tool} --help")
        case ConfigError():
            return usage_error_result(tool, CONFIG_ERROR, str(error), _fix_without_file(tool, str(error)))
        case OSError() if error.errno == ENOSPC:  # click itself couldn't write --help or --version
            discard_output(sys.stdout)
            raise output_error(error) from None
    from probes.runner.runner import crash_finding, single_finding_report
    from reports.model import EXIT_COULD_NOT_RUN

    finding = crash_finding(error, verbose="-v" in words or "--verbose" in words)
    return CommandResult(single_finding_report(_tool(words), finding), EXIT_COULD_NOT_RUN)


def _fix_without_file(tool: str, message: str) -> str:
    """Return the fix for a wrong sherpa.toml in the current folder: run without it."""
    from bridge.config.toml_file import FILE_NAME

    return f"To ignore that file: {tool} --config {os.devnull}" if message.startswith(FILE_NAME) else ""


def _interrupted_result(words: Sequence[str]) -> CommandResult:
    """Make the result for an interrupt before the probe ran or while its result was written."""
    from probes.runner.command import CommandResult
    from probes.runner.runner import interrupted_finding, single_finding_report
    from reports.model import EXIT_INTERRUPTED

    return CommandResult(single_finding_report(_tool(words), interrupted_finding()), EXIT_INTERRUPTED)


def _show_and_get_code(words: Sequence[str], outcome: CommandResult) -> int:
    from probes.runner.command import CommandResult, redact_keys
    from probes.runner.output import print_error, show_result

    outcome = CommandResult(redact_keys(outcome.report, os.environ), outcome.exit_code)
    (finding,) = outcome.report.findings
    if "--json" in words or finding.evidence:
        show_result(outcome, json="--json" in words, verbose=False, environment=os.environ)
    else:
        print_error(outcome.report.tool, finding.title, finding.fix, os.environ)
    return outcome.exit_code


def _tool(words: Sequence[str]) -> str:
    return f"{PROGRAM} {words[0]}" if words and words[0] in cli.commands else PROGRAM


INTERRUPTS.release()  # code that imports this module keeps its own signal handlers
