"""The options that commands of `sherpa-probe` share, and the functions that run a command and exit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from reports.cli_common import FilePath

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from click.shell_completion import CompletionItem

    from probes.runner.command import CommandResult, ProbeOptions
    from probes.runner.findings import ProbeItem
    from probes.runner.subject import FileSubject, S, SubjectOpener

PROGRAM = "sherpa-probe"
F = TypeVar("F", bound="Callable[..., Any]")


def complete_from(words: Callable[[], Iterable[str]]) -> Any:
    """Make a shell completion from a function that returns the words, called only when a shell asks for them."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in words() if word.startswith(begun)]

    return complete


def scenario_names() -> Iterable[str]:
    """Return the names of the simulator's scenarios."""
    from bridge.simulator.faults.scenarios import SCENARIOS

    return SCENARIOS


def model_names() -> Iterable[str]:
    """Return the names of the models in the catalogue."""
    from bridge.protocol.models import MODELS

    return MODELS


def _formats() -> Iterable[str]:
    from reports.render.registry import FORMATS

    return (f"{name}=" for name in FORMATS)


_UPSTREAM: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--base-url", metavar="URL", help="Base URL of the API [env OPENAI_BASE_URL; default the public API]."
    ),
    click.option(
        "--api-key-env", metavar="NAME", help="Environment variable that holds the key [default OPENAI_API_KEY]."
    ),
    click.option("--api-key-file", metavar="FILE", type=click.Path(), help="File that holds only the key."),
    click.option("--organization", metavar="ID", help="Organization to use [env OPENAI_ORG_ID]."),
    click.option("--project", metavar="ID", help="Project to use [env OPENAI_PROJECT_ID]."),
    click.option("--azure/--no-azure", default=None, help="Use Azure OpenAI: api-key header, deployment names."),
    click.option(
        "--dialect",
        metavar="auto|ga|beta",
        shell_complete=complete_from(lambda: ("auto", "ga", "beta")),
        help="Protocol version to request: ga, or beta for old servers [default auto: ga, but accept beta].",
    ),
    click.option(
        "--model",
        metavar="NAME",
        shell_complete=complete_from(model_names),
        help="Model or, on Azure, deployment.",
    ),
    click.option("--timeout", metavar="SECONDS", type=float, help="Longest wait for each response [default 10]."),
    click.option(
        "--simulate",
        metavar="[SCENARIO]",
        is_flag=False,
        flag_value="good",
        shell_complete=complete_from(scenario_names),
        help="Check an embedded simulator instead; needs no key and no network.",
    ),
)
_JSON = click.option("--json", "json_", is_flag=True, help="Print one JSON document and nothing else.")
_STRICT = click.option("--strict", is_flag=True, help="Treat warnings as failures.")
_RESULT: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--report",
        "reports",
        metavar="FORMAT=PATH",
        multiple=True,
        shell_complete=complete_from(_formats),
        help="Also write a report: json, junit, sarif, markdown, html, github, gitlab, concise or prom; PATH - is "
        "stdout; repeatable.",
    ),
    _JSON,
    _STRICT,
)
_CONFIG = click.option(
    "--config",
    metavar="FILE",
    type=FilePath(),
    help="Settings file [default ./sherpa.toml, if it exists].",
)
_VERBOSE = click.option(
    "-v", "--verbose", is_flag=True, help="Also show the evidence of checks that passed, and log messages."
)

#: For probes that connect to a service or a bridge.
PROBE_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_UPSTREAM, *_RESULT, _CONFIG, _VERBOSE)
#: For `watch`, which prints lines and writes no report files.
WATCH_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_UPSTREAM, _JSON, _STRICT, _CONFIG, _VERBOSE)
#: For `config`, which shows settings and makes no report.
SETTINGS_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_UPSTREAM, _JSON, _CONFIG)
#: For commands that only read files.
OFFLINE_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_RESULT, _VERBOSE)
#: For commands that connect to a bridge.
TOKEN_OPTION = click.option(
    "--client-token-env", metavar="NAME", help="Environment variable that holds the bridge's client token."
)
SHOW_CONTENT_OPTION = click.option(
    "--show-content", is_flag=True, help="Show transcripts and text; by default only their length is shown."
)


def with_options(options: Iterable[Callable[[Any], Any]]) -> Callable[[F], F]:
    """Decorate a command with these options; `options_from` takes their values from the keyword arguments."""

    def decorate(command: F) -> F:
        for option in reversed(tuple(options)):
            command = option(command)
        return command

    return decorate


def options_from(values: dict[str, Any], **more: Any) -> ProbeOptions:
    """Make ProbeOptions from click's keyword arguments; `more` are further fields."""
    from bridge.config.resolve import Flags
    from probes.runner.command import ProbeOptions

    own = ("simulate", "reports", "strict", "verbose")
    flags = {name: value for name, value in values.items() if name not in (*own, "json_")}
    kept = {name: values[name] for name in own if name in values}
    return ProbeOptions(flags=Flags(**flags), json=values["json_"], **kept, **more)


def run_and_exit(
    name: str, probe: Callable[[S], AsyncGenerator[ProbeItem, None]], options: ProbeOptions, opening: SubjectOpener[S]
) -> NoReturn:
    """Run a probe, show its result, and exit with its exit code."""
    from probes.runner.command import run_command
    from probes.runner.output import progress

    with progress(os.environ) as doing:
        outcome = run_command(f"{PROGRAM} {name}", probe, options, os.environ, opener=opening, on_progress=doing)
    show_and_exit(outcome, options)


def run_offline_and_exit(
    name: str,
    probe: Callable[[FileSubject], AsyncGenerator[ProbeItem, None]],
    options: ProbeOptions,
    files: FileSubject,
) -> NoReturn:
    """Run a probe of files, show its result, and exit with its exit code."""
    from probes.runner.command import run_offline

    show_and_exit(run_offline(f"{PROGRAM} {name}", probe, options, files), options)


def show_and_exit(outcome: CommandResult, options: ProbeOptions) -> NoReturn:
    """Show a result and exit with its exit code."""
    from probes.runner.output import show_result
    from reports.store.writer import uses_stdout

    show_result(
        outcome,
        to_stderr=uses_stdout(options.reports),
        json=options.json,
        verbose=options.verbose,
        timelines=options.timelines,
        environment=os.environ,
    )
    raise click.exceptions.Exit(outcome.exit_code)
