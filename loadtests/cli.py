"""The command `sherpa-load`: runs scenarios against a bridge, checks budgets, and searches for the bridge's limit.

Exit codes: 0 every budget passed, 1 a budget failed or the target refuses callers, 2 invalid usage, 3 the target could
not be reached, part of the run failed or it can't decide, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from errno import ENOSPC
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from click.shell_completion import CompletionItem

    from loadtests.run.run import RunRequest
    from reports.store.reader import StoredReport

NAME = "sherpa-load"
#: Signals that end a run gracefully, as Ctrl-C does.
_ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PERMISSION = "--i-may-load-this-target"
#: Shown on stderr, and never in a report: it may be the very report that the user asked for.
_PLOTS_HINT = "Plots show when it started: add --report html=load.html\n"


def _completing(arguments: Callable[[], Iterable[str]]) -> Any:
    def complete(_: click.Context, __: click.Parameter, prefix: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in arguments() if word.startswith(prefix)]

    return complete


def _scenarios() -> Iterable[str]:
    from loadtests.scenarios.table import SCENARIOS

    return SCENARIOS


def _watched(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Parse the `NAME=PID` values. Raises click.BadParameter."""
    pairs = [text.partition("=") for text in values]
    for text, (name, _equals, pid) in zip(values, pairs, strict=True):
        if not name or not pid.isdecimal():
            raise click.BadParameter(f"{text!r} is not NAME=PID; for example: bridge=4711", param=parameter)
    return tuple((name, int(pid)) for name, _equals, pid in pairs)


#: Options of both commands; `_request` turns them into a `RunRequest`.
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
    click.option("--report", "reports", metavar="FORMAT=PATH", multiple=True, help="Also write a report: html, ..."),
    click.option("--json", "json_", is_flag=True, help="Print one JSON document on stdout."),
    click.option(_PERMISSION, "permitted", is_flag=True, help="Allow public hosts, many callers, long runs."),
    click.option("-v", "--verbose", is_flag=True, help="Show the actions with their times, and Locust's log."),
)


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_TARGET):
        command = option(command)
    return command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.version_option(package_name="sherpa-realtime", prog_name=NAME, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Load-test a voice bridge with many callers and disrupted connections, and check budgets."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


@cli.command("list")
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=_completing(_scenarios))
@click.option("--measures", "of_measures", is_flag=True, help="Show the measurements that budgets can use instead.")
def list_(scenarios: tuple[str, ...], *, of_measures: bool) -> None:
    """Show the scenarios: what each does and what makes it fail. With SCENARIO, show its phases and budgets."""
    from loadtests.scenarios.listing import measures_page, scenarios_page
    from reports.console import terminal_width, wants_colour, write_text

    width, colour = terminal_width(sys.stdout, os.environ), wants_colour(sys.stdout, os.environ)
    page = measures_page(width, colour=colour) if of_measures else scenarios_page(width, colour=colour, names=scenarios)
    write_text(sys.stdout, page)


@cli.command("run", short_help="Run a scenario and check its budgets.")
@click.argument("scenario", shell_complete=_completing(_scenarios))
@click.option("--users", metavar="N", type=int, help="Number of callers.")
@click.option("--deploy-command", metavar="CMD", help="Command that redeploys the target (scenario `deploy`).")
@click.option("--master", is_flag=True, help="Coordinate workers on other machines.")
@click.option("--worker", is_flag=True, help="Run as a worker.")
@click.option("--master-host", metavar="HOST", help="Address of the master, or to listen on.")
@click.option("--master-port", metavar="PORT", type=click.IntRange(1, 65535), help="[default 5557]")
@click.option("--expect-workers", metavar="N", type=click.IntRange(1), default=1, help="Workers to wait for.")
@_with_options
def run_(**values: Any) -> None:
    """Run SCENARIO and check its budgets.

    \b
    sherpa-load run conversation --simulate --users 5 --duration 10s
    sherpa-load run conversation --target ws://127.0.0.1:8765
    sherpa-load run conversation --simulate --budget 'p99(first_audio) < 800ms'
    sherpa-load run reconnect-storm --simulate --report html=storm.html
    """  # noqa: D301 - click's mark for lines that stay as they are is this very character
    from loadtests.run.progress import show_progress
    from loadtests.run.run import run, run_worker

    request = _request(values, values["scenario"], values["users"])
    if values["worker"]:
        run_worker(request, os.environ)
    with _files(values["reports"]) as write_reports, show_progress(os.environ) as on_progress:
        stored = run(request, os.environ, on_progress)
        stored = write_reports(stored)
    _leave(stored, values)


@cli.command(short_help="Find how many callers a target can handle.")
@click.option("--scenario", default="conversation", show_default=True, shell_complete=_completing(_scenarios))
@click.option("--start", metavar="N", type=click.IntRange(1), default=10, show_default=True, help="First trial.")
@click.option("--most", metavar="N", type=click.IntRange(1), default=1000, show_default=True, help="Upper limit.")
@click.option("--confirmations", metavar="N", type=click.IntRange(0, 9), default=1, show_default=True, hidden=True)
@_with_options
def capacity(**values: Any) -> None:
    """Find the largest number of callers that the target handles within the budgets.

    The search doubles the callers, bisects and confirms. Each trial lasts for --duration. The report shows where
    answers start to take longer, and what ran out.

    \b
    sherpa-load capacity --simulate --duration 20s
    sherpa-load capacity --target ws://bridge:8765 --start 50 --most 900
    """  # noqa: D301 - the same
    from loadtests.capacity.search_runs import find_capacity
    from loadtests.run.progress import show_progress

    request = _request(values, values["scenario"], None)
    with _files(values["reports"]) as write_reports, show_progress(os.environ) as on_progress:
        stored = find_capacity(
            request,
            os.environ,
            on_progress,
            start=values["start"],
            maximum=values["most"],
            confirmations=values["confirmations"],
        )
        stored = write_reports(stored)
    _leave(stored, values)


def _request(values: dict[str, Any], scenario: str, users: int | None) -> RunRequest:
    """Turn click's values into a request."""
    from loadtests.run.locust_process import Distribution
    from loadtests.run.run import RunRequest
    from loadtests.scenarios.plan import RunOptions

    options = RunOptions(
        scenario=scenario,
        url=values["target"],
        users=users,
        spawn_rate=values["spawn_rate"],
        duration=values["duration"],
        budgets=values["budgets"],
        default_budgets=not values["no_default_budgets"],
        endpoint=values["endpoint"] or values["former_endpoint"],
        chunk_ms=values["chunk_ms"],
        token_env=values["client_token_env"],
        origin=values["origin"],
        control_url=values["control"],
        echo=values["echo"],
        deploy_command=values.get("deploy_command"),
        permitted=values["permitted"],
        **({"model": values["model"]} if values["model"] else {}),
    )
    names = ("processes", "master", "worker", "master_host", "master_port", "expect_workers")
    distribution = Distribution(**{name: values[name] for name in names if name in values})
    return RunRequest(
        options=options,
        simulate=values["simulate"],
        distribution=distribution,
        bridge_workers=values["bridge_workers"],
        watch=values["watch"],
        verbose=values["verbose"],
    )


def _files(reports: Sequence[str]) -> Any:
    from loadtests.run.report_files import reserve_report_files

    return reserve_report_files(reports)


def _leave(stored: StoredReport, values: dict[str, Any]) -> NoReturn:
    """Print a result and exit with its exit code."""
    from reports.console import write_text
    from reports.dispatch import TERMINAL, TerminalOptions, render_report

    terminal_options = TerminalOptions(verbose=values["verbose"], timelines=values["verbose"])
    write_text(
        sys.stdout, render_report(stored, "json" if values["json_"] else TERMINAL, terminal_options, None, os.environ)
    )
    exceeded = any(finding.code == "LOAD-BUDGET-BROKEN" for finding in stored.report.findings)
    if exceeded and not values["json_"] and not any(text.startswith("html=") for text in values["reports"]):
        write_text(sys.stderr, _PLOTS_HINT)
    raise click.exceptions.Exit(stored.exit_code)


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
    from reports.console import OutputError, discard_output, output_error
    from reports.usage_errors import CommandFailure

    tool = _tool(arguments)
    for number in _ENDINGS:  # a CI job that is cancelled wants the report as well
        signal.signal(number, signal.default_int_handler)
    try:
        code = cli.main(list(arguments), prog_name=NAME, standalone_mode=False)
    except OutputError:
        raise
    except (KeyboardInterrupt, click.exceptions.Abort):
        failure = CommandFailure(tool=tool, code="LOAD-INTERRUPTED", message="interrupted", exit_code=130)
    except click.ClickException as error:
        failure = _usage(tool, error.format_message())
    except Exception as error:  # noqa: BLE001 - the last place that can turn it into a message
        if isinstance(error, OSError) and error.errno == ENOSPC:
            discard_output(sys.stdout)
            raise output_error(error) from None
        failure = _explained(tool, error)
    else:
        return code if isinstance(code, int) else 0
    return failure.show(as_json="--json" in arguments, environment=os.environ)


def _explained(tool: str, error: Exception) -> Any:
    """Tell invalid usage from a crash."""
    from reports.usage_errors import CommandFailure

    if isinstance(error, ModuleNotFoundError) and error.name in ("locust", "gevent", "psutil", "websocket", "hdrh"):
        fix = "pip install 'sherpa-realtime[load]', or '.[load]' in a checkout"
        return CommandFailure(tool=tool, code="LOAD-USAGE", message="load tests need the extra [load]", fix=fix)
    from loadtests.run.report_files import ReportFileError
    from loadtests.scenarios.plan import PlanError

    if isinstance(error, PlanError | ReportFileError):
        return _usage(tool, str(error))
    line = (str(error).splitlines() or [""])[0][:300]
    message = f"internal error, which says nothing about the target: {type(error).__name__}: {line}"
    return CommandFailure(tool=tool, code="LOAD-CRASHED", message=message, exit_code=3)


def _usage(tool: str, message: str) -> Any:
    from reports.usage_errors import CommandFailure

    return CommandFailure(tool=tool, code="LOAD-USAGE", message=message, fix=f"{tool} --help")


def _tool(arguments: Sequence[str]) -> str:
    return f"{NAME} {arguments[0]}" if arguments and arguments[0] in cli.commands else NAME
