"""The options that the commands of `sherpa-load` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem

_PERMISSION = "--i-may-load-this-target"


def completing(arguments: Callable[[], Iterable[str]]) -> Any:
    """Return a shell completion from these words, which are computed when they are asked for."""

    def complete(_: click.Context, __: click.Parameter, prefix: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in arguments() if word.startswith(prefix)]

    return complete


def scenario_names() -> Iterable[str]:
    """Return the names of all scenarios."""
    from loadtests.scenarios.table import SCENARIOS

    return SCENARIOS


def _watched(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Parse the `NAME=PID` values. Raises click.BadParameter."""
    pairs = [text.partition("=") for text in values]
    for text, (name, _equals, pid) in zip(values, pairs, strict=True):
        if not name or not pid.isdecimal():
            raise click.BadParameter(f"{text!r} is not NAME=PID; for example: bridge=4711", param=parameter)
    return tuple((name, int(pid)) for name, _equals, pid in pairs)


#: The options of every command that calls a target.
_TARGET: tuple[Callable[[Any], Any], ...] = (
    click.option("--target", metavar="URL", default="", help="The bridge to test: ws://HOST:PORT."),
    click.option("--simulate", is_flag=True, help="Start a bridge and a simulator, and test those."),
    click.option(
        "--bridge-workers", metavar="N", type=click.IntRange(1, 64), default=1, help="Processes of that bridge."
    ),
    click.option("--endpoint", metavar="client|native", help="WebSocket endpoint of the bridge [default client]."),
    click.option("--door", "former_endpoint", hidden=True),  # the former name of --endpoint
    click.option("--chunk-ms", metavar="20|100", type=int, help="Length of a chunk of audio in ms."),
    click.option("--model", metavar="NAME", help="The model that callers request."),
    click.option("--spawn-rate", metavar="R", type=float, help="New callers per second."),
    click.option("--duration", metavar="SPAN", help="Length of the run: 30s, 5m, 1h30m."),
    click.option("--budget", "budgets", metavar="TEXT", multiple=True, help="A limit to check: 'lost_ms == 0'."),
    click.option("--no-default-budgets", is_flag=True, help="Check only the budgets from --budget."),
    click.option("--processes", metavar="N", type=click.IntRange(1, 256), help="Spread the callers over processes."),
    click.option("--client-token-env", metavar="NAME", help="Variable with the bridge's client token."),
    click.option("--origin", metavar="URL", help="Origin header to send [default none]."),
    click.option("--control", metavar="URL", help="Control API of the simulator behind the target."),
    click.option("--echo", is_flag=True, help="The service echoes: measure lost audio by its answers."),
    click.option("--watch", metavar="NAME=PID", multiple=True, callback=_watched, help="A process to monitor."),
    click.option(
        "--report",
        "reports",
        metavar="FORMAT=PATH",
        multiple=True,
        help="Also write a report: html, ...; PATH - is stdout.",
    ),
    click.option("--json", "json_", is_flag=True, help="Print one JSON document on stdout."),
    click.option(_PERMISSION, "permitted", is_flag=True, help="Allow public hosts, many callers, long runs."),
    click.option("-v", "--verbose", is_flag=True, help="Show the actions with their times, and Locust's log."),
)


def with_target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add them to a command."""
    for option in reversed(_TARGET):
        command = option(command)
    return command


USERS = click.option("--users", metavar="N", type=int, help="Number of callers.")
DEPLOY = click.option("--deploy-command", metavar="CMD", help="Command that redeploys the target (scenario `deploy`).")
