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

from loadtests.cli_options import DEPLOY, USERS, completing, scenario_names, with_target_options
from reports.cli_common import CommandGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtests.run.run import RunRequest
    from reports.first_steps import FirstSteps
    from reports.store.reader import StoredReport
    from reports.usage_errors import CommandFailure

NAME = "sherpa-load"
#: Signals that end a run gracefully, as Ctrl-C does.
_ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
#: Shown on stderr, and never in a report: it may be the very report that the user asked for.
_PLOTS_HINT = "Plots show when it started: add --report html=load.html\n"


def _first_steps() -> FirstSteps:
    from loadtests.first_steps import first_steps

    return first_steps()


@click.group(cls=CommandGroup, first_steps=_first_steps, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sherpa-realtime", prog_name=NAME, message="%(prog)s %(version)s")
def cli() -> None:
    """Load-test a voice bridge with many callers and disrupted connections, and check budgets."""


@cli.command("list")
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=completing(scenario_names))
@click.option("--measures", "of_measures", is_flag=True, help="Show the measurements that budgets can use instead.")
def list_(scenarios: tuple[str, ...], *, of_measures: bool) -> None:
    """Show the scenarios: what each does and what makes it fail. With SCENARIO, show its phases and budgets."""
    from loadtests.scenarios.listing import measures_page, scenarios_page
    from reports.console import terminal_width, wants_colour, write_text

    width, colour = terminal_width(sys.stdout, os.environ), wants_colour(sys.stdout, os.environ)
    page = measures_page(width, colour=colour) if of_measures else scenarios_page(width, colour=colour, names=scenarios)
    write_text(sys.stdout, page)


@cli.command("run", short_help="Run a scenario and check its budgets.")
@click.argument("scenario", shell_complete=completing(scenario_names))
@USERS
@DEPLOY
@click.option("--master", is_flag=True, help="Coordinate workers on other machines.")
@click.option("--worker", is_flag=True, help="Run as a worker.")
@click.option("--master-host", metavar="HOST", help="Address of the master, or to listen on.")
@click.option("--master-port", metavar="PORT", type=click.IntRange(1, 65535), help="[default 5557]")
@click.option("--expect-workers", metavar="N", type=click.IntRange(1), default=1, help="Workers to wait for.")
@with_target_options
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
    with _files(values) as write_reports, show_progress(os.environ) as on_progress:
        stored = run(request, os.environ, on_progress)
        stored = write_reports(stored)
    _leave(stored, values)


@cli.command(short_help="Run every scenario, one after another.")
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=completing(scenario_names))
@click.option("--quick", is_flag=True, help="Short runs with 5 callers, which prove less.")
@USERS
@DEPLOY
@with_target_options
def suite(**values: Any) -> None:
    """Run every SCENARIO, one after another, and make one report with a table of them.

    Without names, all scenarios are run that the target can be put through; the others are skipped. They take
    10 minutes. -v also shows the budgets that passed.

    \b
    sherpa-load suite --simulate --report html=suite.html
    sherpa-load suite --target ws://127.0.0.1:8765 --control http://127.0.0.1:8766/_sim
    sherpa-load suite --simulate --quick conversation soak
    """  # noqa: D301 - the same
    from loadtests.run.progress import show_progress
    from loadtests.run.suite import run_suite, suite_items
    from loadtests.run.suite_report import condensed

    request = _request(values, "", values["users"])
    items = suite_items(request, values["scenarios"], os.environ, quick=values["quick"])
    with _files(values) as write_reports, show_progress(os.environ) as on_progress:
        stored = write_reports(run_suite(items, os.environ, on_progress))
    _leave(stored if values["verbose"] or values["json_"] else condensed(stored), values)


@cli.command(short_help="Find how many callers a target can handle.")
@click.option("--scenario", default="conversation", show_default=True, shell_complete=completing(scenario_names))
@click.option("--start", metavar="N", type=click.IntRange(1), default=10, show_default=True, help="First trial.")
@click.option("--most", metavar="N", type=click.IntRange(1), default=1000, show_default=True, help="Upper limit.")
@click.option("--confirmations", metavar="N", type=click.IntRange(0, 9), default=1, show_default=True, hidden=True)
@with_target_options
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
    with _files(values) as write_reports, show_progress(os.environ) as on_progress:
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


def _files(values: dict[str, Any]) -> Any:
    from loadtests.run.report_files import reserve_report_files
    from reports.store.writer import uses_stdout

    if values["json_"] and uses_stdout(values["reports"]):
        raise click.UsageError("--json and a --report to stdout (-) exclude each other")
    return reserve_report_files(values["reports"])


def _leave(stored: StoredReport, values: dict[str, Any]) -> NoReturn:
    """Print a result and exit with its exit code."""
    from reports.console import write_text
    from reports.dispatch import TERMINAL, TerminalOptions, render_report
    from reports.store.writer import uses_stdout

    stream = sys.stderr if uses_stdout(values["reports"]) else sys.stdout
    terminal_options = TerminalOptions(verbose=values["verbose"], timelines=values["verbose"], stream=stream)
    write_text(
        stream, render_report(stored, "json" if values["json_"] else TERMINAL, terminal_options, None, os.environ)
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
    from reports.console import OutputError

    tool = _tool(arguments)
    for number in _ENDINGS:  # a CI job that is cancelled wants the report as well
        signal.signal(number, signal.default_int_handler)
    try:
        code = cli.main(list(arguments), prog_name=NAME, standalone_mode=False)
    except OutputError:
        raise
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the last place that can turn it into a message
        return _failure(tool, error).show(as_json="--json" in arguments, environment=os.environ)
    return code if isinstance(code, int) else 0


def _failure(tool: str, error: BaseException) -> CommandFailure:
    """Tell interruption, invalid usage and a crash apart. Raises OutputError if click itself couldn't write."""
    from reports.console import discard_output, output_error
    from reports.usage_errors import CommandFailure

    match error:
        case KeyboardInterrupt() | click.exceptions.Abort():
            return CommandFailure(tool=tool, code="LOAD-INTERRUPTED", message="interrupted", exit_code=130)
        case click.ClickException():
            return _usage(tool, error.format_message())
        case OSError() if error.errno == ENOSPC:
            discard_output(sys.stdout)
            raise output_error(error) from None
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


def _usage(tool: str, message: str) -> CommandFailure:
    from reports.usage_errors import CommandFailure

    return CommandFailure(tool=tool, code="LOAD-USAGE", message=message, fix=f"{tool} --help")


def _tool(arguments: Sequence[str]) -> str:
    return f"{NAME} {arguments[0]}" if arguments and arguments[0] in cli.commands else NAME
