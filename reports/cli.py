"""The command `sherpa-report`: converts and compares stored JSON reports.

Exit codes: 0 success (with --fail-on-worse: nothing is worse), 1 something is worse, 2 invalid usage or not a report,
3 the result can't be shown, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from errno import ENOSPC
from typing import TYPE_CHECKING, NoReturn

import click

from reports.cli_common import CommandGroup
from reports.render.registry import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.usage_errors import CommandFailure

NAME = "sherpa-report"


def _share(_: click.Context, parameter: click.Parameter, value: str) -> float:
    """Parse `20%` or `0.2`. Raises click.BadParameter."""
    text = value.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share < float("inf"):
        raise click.BadParameter(f"{value!r} is not a share; for example: 20% or 0.2", param=parameter)
    return share


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sherpa-realtime", prog_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """Convert and compare the JSON reports that --report json=FILE and --json write."""


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(allow_dash=True))
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice(["terminal", *FORMATS]),
    help="Output format [default terminal].",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(allow_dash=True), help="Output file [default stdout].")
@click.option("--json", "json_", is_flag=True, help="Same as --format json; errors are JSON, too.")
@click.option("--timelines", is_flag=True, help="Terminal: also show timelines and measurements.")
@click.option("-v", "--verbose", is_flag=True, help="Terminal: show all evidence and every place.")
def render(
    files: tuple[str, ...], format_: str | None, output: str | None, json_: bool, timelines: bool, verbose: bool
) -> None:
    """Convert stored reports to another format. Several are merged into one; - is stdin.

    The exit code is 0 whatever the reports say.
    """
    from reports.dispatch import TerminalOptions, render_report
    from reports.store.merge import merge_reports
    from reports.store.named_files import read_reports, write_result

    if json_ and format_ not in (None, "json"):
        raise click.UsageError(f"--json and --format {format_} exclude each other")
    stored = merge_reports(read_reports(files))
    terminal_options = TerminalOptions(verbose=verbose, timelines=timelines)
    write_result(
        render_report(stored, "json" if json_ else format_ or "terminal", terminal_options, output, os.environ), output
    )


@cli.command(short_help="Compare two stored reports.")
@click.argument("before", type=click.Path(allow_dash=True))
@click.argument("after", type=click.Path(allow_dash=True))
@click.option("--fail-on-worse", is_flag=True, help="Exit with code 1 if anything is new or worse.")
@click.option(
    "--tolerance",
    default="20%",
    show_default=True,
    metavar="SHARE",
    callback=_share,
    help="How much a metric may change and still count as the same.",
)
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice(["terminal", "markdown", "json"]),
    help="Output format [default terminal].",
)
@click.option("--json", "json_", is_flag=True, help="Same as --format json; errors are JSON, too.")
def compare(before: str, after: str, fail_on_worse: bool, tolerance: float, format_: str | None, json_: bool) -> None:
    """Compare two stored reports and list what is new, gone, worse and better.

    A problem is recognized by its probe, code, check and file. For a metric, lower is better unless its name says
    otherwise.
    """
    from reports.compare.compare import compare as compared_with
    from reports.dispatch import render_comparison
    from reports.store.named_files import read_reports, write_result

    if json_ and format_ not in (None, "json"):
        raise click.UsageError(f"--json and --format {format_} exclude each other")
    first, second = read_reports((before, after))
    comparison = compared_with(first, second, tolerance=tolerance)
    code = int(fail_on_worse and comparison.is_worse)
    write_result(render_comparison(comparison, code, "json" if json_ else format_ or "terminal", os.environ), None)
    raise click.exceptions.Exit(code)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. With `--json`, errors are printed as a JSON document, too."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    from reports.console import OutputError, print_error

    try:
        code = _run(arguments)
    except OutputError as error:
        print_error(_tool(arguments), str(error), "", os.environ)
        code = 3
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code. Raises OutputError."""
    from reports.console import OutputError

    try:
        code = cli.main(list(arguments), prog_name=NAME, standalone_mode=False)
    except OutputError:
        raise
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last place that can turn it into a plain line
        failure = _failure(error, _tool(arguments))
        return failure.show(as_json=_wants_json(arguments), environment=os.environ)
    return code if isinstance(code, int) else 0


def _failure(error: BaseException, tool: str) -> CommandFailure:
    """Tell interruption, invalid input and a crash apart. Raises OutputError if click itself couldn't write."""
    from reports.console import discard_output, output_error
    from reports.usage_errors import InputError, crash_failure, input_failure, interrupted_failure

    match error:
        case KeyboardInterrupt() | click.exceptions.Abort():
            return interrupted_failure(tool)
        case InputError():
            return input_failure(error, tool)
        case click.ClickException():
            context = getattr(error, "ctx", None)
            return input_failure(InputError(error.format_message()), context.command_path if context else tool)
        case OSError() if error.errno == ENOSPC:  # click itself failed to write: --help, --version
            discard_output(sys.stdout)
            raise output_error(error) from None
    return crash_failure(tool, error)


def _wants_json(arguments: Sequence[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(word in ("--json", "--format=json", "-fjson") for word in arguments) or any(
        word in ("-f", "--format") and value == "json" for word, value in pairs
    )


def _tool(arguments: Sequence[str]) -> str:
    return f"{NAME} {arguments[0]}" if arguments and arguments[0] in cli.commands else NAME
