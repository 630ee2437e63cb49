"""The options that many commands of `sherpa-probe` share, and the end that all of them come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from click.shell_completion import CompletionItem

    from probes.runner.command import CommandResult, ProbeOptions
    from probes.runner.findings import ProbeItem
    from probes.runner.subject import FileSubject, S, SubjectOpener

PROGRAM = "sherpa-probe"
F = TypeVar("F", bound="Callable[..., Any]")


def complete_from(words: Callable[[], Iterable[str]]) -> Any:
    """Make a shell completion out of words that are only looked up when a shell asks."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in words() if word.startswith(begun)]

    return complete


def scenario_names() -> Iterable[str]:
    """Name the simulator's scenarios."""
    from bridge.simulator.faults.scenarios import SCENARIOS

    return SCENARIOS


def model_names() -> Iterable[str]:
    """Name the models that there are."""
    from bridge.protocol.models import MODELS

    return MODELS


def _formats() -> Iterable[str]:
    from reports.render.registry import FORMATS

    return (f"{name}=" for name in FORMATS)


_UPSTREAM: tuple[Callable[[Any], Any], ...] = (
    click.option("--base-url", metavar="URL", help="The API's address [env OPENAI_BASE_URL; default the public API]."),
    click.option("--api-key-env", metavar="NAME", help="The variable that holds the key [default OPENAI_API_KEY]."),
    click.option("--api-key-file", metavar="FILE", type=click.Path(), help="The file that holds the key, alone."),
    click.option("--organization", metavar="ID", help="[env OPENAI_ORG_ID]"),
    click.option("--project", metavar="ID", help="[env OPENAI_PROJECT_ID]"),
    click.option("--azure/--no-azure", default=None, help="Azure OpenAI: api-key header, deployment names."),
    click.option(
        "--dialect",
        metavar="auto|ga|beta",
        shell_complete=complete_from(lambda: ("auto", "ga", "beta")),
        help="The dialect to ask for [default auto: ga, take what comes].",
    ),
    click.option(
        "--model",
        metavar="NAME",
        shell_complete=complete_from(model_names),
        help="The model, or on Azure the deployment.",
    ),
    click.option("--timeout", metavar="SECONDS", type=float, help="Longest wait for each single answer [default 10]."),
    click.option(
        "--simulate",
        metavar="[SCENARIO]",
        is_flag=False,
        flag_value="good",
        shell_complete=complete_from(scenario_names),
        help="Look at an embedded simulator instead: no key, no network.",
    ),
)
_JSON = click.option("--json", "json_", is_flag=True, help="One JSON document on stdout and nothing else.")
_STRICT = click.option("--strict", is_flag=True, help="Warnings fail.")
_RESULT: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--report",
        "reports",
        metavar="FORMAT=PATH",
        multiple=True,
        shell_complete=complete_from(_formats),
        help="Also write a report: json, junit, sarif, markdown, html, github or prom.",
    ),
    _JSON,
    _STRICT,
)
_CONFIG = click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="Settings [default ./sherpa.toml, if there]."
)
_VERBOSE = click.option("-v", "--verbose", is_flag=True, help="Show what was seen by the checks that passed as well.")

#: For every probe that talks to somebody.
PROBE_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_UPSTREAM, *_RESULT, _CONFIG, _VERBOSE)
#: For the watch, which shows lines and no report.
WATCH_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_UPSTREAM, _JSON, _STRICT, _CONFIG, _VERBOSE)
#: For showing the settings, which is no report.
SETTINGS_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_UPSTREAM, _JSON, _CONFIG)
#: For commands that only look at files.
OFFLINE_OPTIONS: tuple[Callable[[Any], Any], ...] = (*_RESULT, _VERBOSE)
#: For what looks at a bridge.
TOKEN_OPTION = click.option(
    "--client-token-env", metavar="NAME", help="The variable that holds the token the bridge wants of its clients."
)
SHOW_CONTENT_OPTION = click.option(
    "--show-content", is_flag=True, help="Show what was said and answered; otherwise only how much it was."
)


def with_options(options: Iterable[Callable[[Any], Any]]) -> Callable[[F], F]:
    """Give a command these options; they arrive as keyword arguments for `options_from`."""

    def decorate(command: F) -> F:
        for option in reversed(tuple(options)):
            command = option(command)
        return command

    return decorate


def options_from(said: dict[str, Any], **more: Any) -> ProbeOptions:
    """Sort what click heard into the values that `probes.runner.command` takes."""
    from bridge.config.resolve import Flags
    from probes.runner.command import ProbeOptions

    own = ("simulate", "reports", "strict", "verbose")
    flags = {name: value for name, value in said.items() if name not in (*own, "json_")}
    kept = {name: said[name] for name in own if name in said}
    return ProbeOptions(flags=Flags(**flags), json=said["json_"], **kept, **more)


def run_and_exit(
    name: str, look: Callable[[S], AsyncGenerator[ProbeItem, None]], options: ProbeOptions, opening: SubjectOpener[S]
) -> NoReturn:
    """Run a probe, show its result, and end with its exit code."""
    from probes.runner.command import run_command
    from probes.runner.output import progress

    with progress(os.environ) as doing:
        outcome = run_command(f"{PROGRAM} {name}", look, options, os.environ, opener=opening, on_progress=doing)
    show_and_exit(outcome, options)


def run_offline_and_exit(
    name: str, look: Callable[[FileSubject], AsyncGenerator[ProbeItem, None]], options: ProbeOptions, files: FileSubject
) -> NoReturn:
    """Run a look at files, show its result, and end with its exit code."""
    from probes.runner.command import run_offline

    show_and_exit(run_offline(f"{PROGRAM} {name}", look, options, files), options)


def show_and_exit(outcome: CommandResult, options: ProbeOptions) -> NoReturn:
    """Show a result and end with its exit code."""
    from probes.runner.output import show_result

    show_result(
        outcome,
        json=options.json,
        verbose=options.verbose,
        timelines=options.timelines,
        environment=os.environ,
    )
    raise click.exceptions.Exit(outcome.exit_code)
