"""The command `sherpa-probe`: options in, exit code out. Everything else is imported when a command runs.

Exit codes: 0 all passed, 1 a check failed, 2 wrong usage or configuration, 3 could not look, 130 interrupted.
"""

from __future__ import annotations

import probes.early  # noqa: F401 - from its import on an interrupt is remembered

# isort: split
import os
import sys
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from probes.interrupts import INTERRUPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from probes.command import Options, Outcome
    from probes.table import Look

NAME = "sherpa-probe"
F = TypeVar("F", bound="Callable[..., Any]")

_PROBE_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--base-url", metavar="URL", help="The API's address [env OPENAI_BASE_URL; default the public API]."),
    click.option("--api-key-env", metavar="NAME", help="The variable that holds the key [default OPENAI_API_KEY]."),
    click.option("--api-key-file", metavar="FILE", type=click.Path(), help="The file that holds the key, alone."),
    click.option("--organization", metavar="ID", help="[env OPENAI_ORG_ID]"),
    click.option("--project", metavar="ID", help="[env OPENAI_PROJECT_ID]"),
    click.option("--azure/--no-azure", default=None, help="Azure OpenAI: api-key header, deployment names."),
    click.option(
        "--dialect", metavar="auto|ga|beta", help="The dialect to ask for [default auto: ga, take what comes]."
    ),
    click.option("--model", metavar="NAME", help="The model, or on Azure the deployment."),
    click.option("--timeout", metavar="SECONDS", type=float, help="Longest wait for each single answer [default 10]."),
    click.option(
        "--simulate",
        metavar="[SCENARIO]",
        is_flag=False,
        flag_value="good",
        help="Look at an embedded simulator instead: no key, no network.",
    ),
    click.option("--report", "reports", metavar="FORMAT=PATH", multiple=True, help="Also write a report file (json)."),
    click.option("--json", "json_", is_flag=True, help="One JSON document on stdout and nothing else."),
    click.option("--strict", is_flag=True, help="Warnings fail."),
    click.option(
        "--config", metavar="FILE", type=click.Path(path_type=Path), help="Settings [default ./sherpa.toml, if there]."
    ),
    click.option("-v", "--verbose", is_flag=True, help="Show what was seen by the checks that passed as well."),
)


def probe_options(command: F) -> F:
    """Give a command the options that every probe has; they arrive as keyword arguments for `options_from`."""
    for option in reversed(_PROBE_OPTIONS):
        command = option(command)
    return command


def options_from(said: dict[str, Any]) -> Options:
    """Sort what click heard into the values that `probes.command` takes."""
    from bridge.config import Flags
    from probes.command import Options

    own = ("simulate", "reports", "strict", "verbose")
    flags = {name: value for name, value in said.items() if name not in (*own, "json_")}
    return Options(flags=Flags(**flags), json=said["json_"], **{name: said[name] for name in own})


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from probes.run import version

        click.echo(f"{NAME} {version()}")
        context.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show it.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Find out why a voice assistant on the Realtime API does not work, before its users do."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


@cli.command()
@probe_options
@click.option(
    "--auth",
    type=click.Choice(["all"]),
    help="Also try every form of auth and address that people use, and say which ones work.",
)
def access(auth: str | None, **said: Any) -> None:
    """Can this key open a session here?

    Looks at name, TCP and TLS, key, model, client secret, upgrade, first frame and configuration, in this order. What
    stands behind a failed check is skipped, never passed.
    """  # noqa: D400 - a question is what it answers
    from functools import partial

    from probes.access import access as look

    finish("access", partial(look, every_form=auth == "all"), options_from(said))


@cli.command()
@click.argument("code")
@click.option("--json", "json_", is_flag=True, help="One JSON document on stdout and nothing else.")
def explain(code: str, json_: bool) -> None:
    """Say what a status, close code, error code or finding means.

    CODE is a number (4000, 401), an error code (insufficient_quota) or the code of a finding (ACCESS-NO-QUOTA).
    """
    from probes.explain import as_json, near, render
    from probes.explain import explain as look_up
    from probes.output import width_of, write

    meanings = look_up(code)
    if not meanings:
        raise click.UsageError(f"nobody here knows '{code}'{near(code)}")
    width = min(100, width_of(sys.stdout, os.environ))
    write(sys.stdout, as_json(code, meanings) if json_ else render(code, meanings, width) + "\n")


@cli.command()
@probe_options
def config(**said: Any) -> None:
    """Show every setting, where its value came from, and nothing that is secret."""
    from probes.command import check_scenario
    from probes.output import width_of, write
    from probes.settings_shown import as_json, render, rows, settings

    options = options_from(said)
    check_scenario(options.simulate)
    found = rows(*settings(options.flags, os.environ, Path(), options.simulate))
    write(sys.stdout, as_json(found) if options.json else render(found, width_of(sys.stdout, os.environ)))


def finish(name: str, look: Look, options: Options) -> NoReturn:
    """Run a probe, show its result, and end with its exit code."""
    from probes.command import run_command
    from probes.output import progress, show

    with progress(os.environ) as doing:
        outcome = run_command(f"{NAME} {name}", look, options, os.environ, doing=doing)
    show(outcome, json=options.json, verbose=options.verbose, environment=os.environ)
    raise click.exceptions.Exit(outcome.exit_code)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code. With `--json` even a wrong usage is one JSON document."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    from probes.output import CannotShowError

    with INTERRUPTS.holding():
        try:
            code = _run(words)
        except CannotShowError as lost:
            code = _unshown(words, str(lost))
    sys.exit(code)


def _run(words: Sequence[str]) -> int:
    """Run the command line and give its exit code. Raises CannotShowError.

    An interrupt that comes before there is a result leads to a report that says so.
    """
    from probes.output import CannotShowError

    try:
        with INTERRUPTS.raising():
            pass  # one that came while this module was imported
        code = cli.main(list(words), prog_name=NAME, standalone_mode=False)
    except CannotShowError:
        raise
    except (KeyboardInterrupt, click.exceptions.Abort):
        code = _shown(words, _stopped(words))
    except Exception as error:  # noqa: BLE001 - the last place that can turn it into a plain line
        code = _shown(words, _what_went_wrong(error, words))
    return code if isinstance(code, int) else 0


def _unshown(words: Sequence[str], why: str) -> int:
    """Say on stderr, if there is one, that there is no stdout: whatever was found, nobody could see it."""
    from probes.output import complain
    from reports.model import EXIT_COULD_NOT_LOOK

    complain(_tool(words), why, "", os.environ)
    return EXIT_COULD_NOT_LOOK


def _what_went_wrong(error: Exception, words: Sequence[str]) -> Outcome:
    from probes.command import CONFIG_ERROR, USAGE_ERROR, ConfigError, Outcome, UsageError, wrong_usage
    from probes.output import cannot_show, silence

    tool = _tool(words)
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else tool
            return wrong_usage(path, USAGE_ERROR, error.format_message(), f"{path} --help")
        case click.ClickException():
            return wrong_usage(tool, USAGE_ERROR, error.format_message(), f"{tool} --help")
        case UsageError():
            return wrong_usage(tool, USAGE_ERROR, str(error), f"{tool} --help")
        case ConfigError():
            return wrong_usage(tool, CONFIG_ERROR, str(error), _without_the_file(tool, str(error)))
        case OSError() if error.errno == ENOSPC:  # click itself could not write: --help, --version
            silence(sys.stdout)
            raise cannot_show(error) from None
    from probes.run import crashed, report_of
    from reports.model import EXIT_COULD_NOT_LOOK

    finding = crashed(error, verbose="-v" in words or "--verbose" in words)
    return Outcome(report_of(_tool(words), finding), EXIT_COULD_NOT_LOOK)


def _without_the_file(tool: str, message: str) -> str:
    """Say how to go on where it is the folder's own sherpa.toml that is wrong."""
    from bridge.settings_file import FILE_NAME

    return f"To go on without that file: {tool} --config {os.devnull}" if message.startswith(FILE_NAME) else ""


def _stopped(words: Sequence[str]) -> Outcome:
    """Report an interrupt that came before the probe could run, or while its result was written."""
    from probes.command import Outcome
    from probes.run import interruption, report_of
    from reports.model import EXIT_INTERRUPTED

    return Outcome(report_of(_tool(words), interruption()), EXIT_INTERRUPTED)


def _shown(words: Sequence[str], outcome: Outcome) -> int:
    from probes.command import Outcome, without_keys
    from probes.output import complain, show

    outcome = Outcome(without_keys(outcome.report, os.environ), outcome.exit_code)
    (finding,) = outcome.report.findings
    if "--json" in words or finding.evidence:
        show(outcome, json="--json" in words, verbose=False, environment=os.environ)
    else:
        complain(outcome.report.tool, finding.title, finding.fix, os.environ)
    return outcome.exit_code


def _tool(words: Sequence[str]) -> str:
    return f"{NAME} {words[0]}" if words and words[0] in cli.commands else NAME


INTERRUPTS.end()  # whoever imports this as a library keeps his own Ctrl-C
