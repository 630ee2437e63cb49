"""One run from request to report: bridge and simulator if requested, preflight check, Locust, its report.

Free of click and gevent: `cli.py` makes the `RunRequest` from a command line, and `capacity/search_runs.py` makes many
runs against one target.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from loadtests.control.simulator import ControlClient, ControlError
from loadtests.results import problems
from loadtests.results.redaction import make_redactor
from loadtests.results.report import report_without_run
from loadtests.run.ipc import RESOURCES
from loadtests.run.locust_process import DEFAULT_PORT, Distribution, LocustProcess, locust_command
from loadtests.run.preflight import PreflightError, check_target
from loadtests.scenarios.plan import PlanError, RunOptions, RunPlan, find_scenario, make_plan
from reports.model import EXIT_INTERRUPTED, EXIT_OK, Evidence
from reports.store.reader import InvalidReportError, StoredReport, read_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from loadtests.results.resources import ResourceSource
    from loadtests.run.stack import Stack

    OnProgress = Callable[[Mapping[str, Any]], None]

#: Time besides the run itself: Locust's start, callers that hang up, the audio audit.
_SPARE_SECONDS = 90.0
#: The target's name with --simulate, since its ports change.
_STACK_NAME = "the simulated bridge and simulator"
#: Placeholders for the addresses of --simulate, so that the options are checked before anything is started.
_PLACEHOLDER = "ws://127.0.0.1:1"
_PLACEHOLDER_CONTROL, _PLACEHOLDER_DEPLOY = "http://127.0.0.1:1/_sim", "deploy"
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """The command line of `sherpa-load run`, parsed but not checked: `check_request` does that."""

    options: RunOptions
    simulate: bool = False
    distribution: Distribution = field(default_factory=Distribution)
    bridge_workers: int = 1
    """Worker processes of the simulated bridge."""
    watch: tuple[tuple[str, int], ...] = ()
    """Names and IDs of processes to monitor."""
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """What a run uses: the options with all addresses filled in, and the processes to monitor."""

    options: RunOptions
    sources: Mapping[str, ResourceSource]
    stack: Stack | None = None


def check_request(request: RunRequest, environment: Mapping[str, str]) -> RunPlan:
    """Check a request before anything is started or sent. Raises PlanError."""
    _check_combinations(request)
    options = request.options
    if request.simulate:
        options = replace(
            options,
            url=_PLACEHOLDER,
            control_url=_PLACEHOLDER_CONTROL,
            deploy_command=_PLACEHOLDER_DEPLOY,
            memory_known=True,
        )
    return make_plan(replace(options, memory_known=options.memory_known or bool(request.watch)), environment)


def _check_combinations(request: RunRequest) -> None:
    """Check for options that exclude each other."""
    if request.simulate and request.options.url:
        raise PlanError("--target and --simulate exclude each other")
    if request.simulate and request.options.control_url:
        raise PlanError("--control and --simulate exclude each other: --simulate uses its own simulator")
    if request.simulate and request.options.echo:
        raise PlanError("--echo and --simulate exclude each other: --simulate uses its own simulator")
    if request.distribution.worker and request.simulate:
        raise PlanError("--worker and --simulate exclude each other: the master chooses the target")
    if request.distribution.master and request.distribution.worker:
        raise PlanError("--master and --worker exclude each other")
    if request.distribution.processes is not None and (request.distribution.master or request.distribution.worker):
        raise PlanError("--processes can't be combined with --master or --worker")
    if request.distribution.expect_workers > 1 and not request.distribution.master:
        raise PlanError("--expect-workers requires --master")
    for name, pid in request.watch:
        from psutil import pid_exists  # noqa: PLC0415 - only what is used is paid for

        if not pid_exists(pid):
            raise PlanError(f"--watch {name}={pid}: no process has this ID")


@contextmanager
def open_environment(request: RunRequest) -> Iterator[RunEnvironment]:
    """Start bridge and simulator if requested; stop them after the block. Raises StackError."""
    from loadtests.results.resources import ProcessSource, PrometheusSource  # noqa: PLC0415 - wrong usage goes without it

    watched: dict[str, ResourceSource] = {name: ProcessSource(pid) for name, pid in request.watch}
    if not request.simulate:
        if "bridge" not in watched:
            metrics_page = PrometheusSource.for_target(request.options.url)
            watched |= {"bridge": metrics_page} if metrics_page is not None else {}
        yield RunEnvironment(replace(request.options, memory_known="bridge" in watched), watched)
        return
    from loadtests.run.stack import open_stack  # noqa: PLC0415 - only what is used is paid for

    scenario = find_scenario(request.options.scenario)
    with open_stack(workers=request.bridge_workers, bridge=scenario.bridge_settings) as stack:
        options = replace(
            request.options,
            url=stack.url,
            control_url=stack.control,
            deploy_command=shlex.join(stack.deploy_command),
            memory_known=True,
        )
        sources: dict[str, ResourceSource] = {
            "bridge": ProcessSource(lambda: stack.bridge.pid),
            "simulator": ProcessSource(lambda: stack.simulator.pid),
        }
        yield RunEnvironment(options, {**sources, **watched}, stack)


def run_once(
    bench: RunEnvironment,
    distribution: Distribution,
    environment: Mapping[str, str],
    on_progress: OnProgress,
    *,
    verbose: bool = False,
) -> StoredReport:
    """Make one run and return its report, whatever happens. Raises PlanError. Ctrl-C ends it with a report."""
    plan = make_plan(bench.options, environment)
    on_progress({"doing": f"connecting to {plan.url.partition('?')[0]}"})
    try:
        check_target(plan)
        if plan.control_url is not None:
            ControlClient(plan.control_url).snapshot()
    except PreflightError as error:
        return report_without_run(plan, error.problem, error.observed)
    except ControlError as error:
        return report_without_run(plan, problems.CONTROL_DOWN, str(error))
    except KeyboardInterrupt:
        return report_without_run(plan, problems.INTERRUPTED, "before it started")
    folder = Path(tempfile.mkdtemp(prefix="sherpa-load-run-"))
    try:
        return _run_locust(plan, bench, distribution, environment, on_progress, folder, verbose=verbose)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run_locust(
    plan: RunPlan,
    bench: RunEnvironment,
    distribution: Distribution,
    environment: Mapping[str, str],
    on_progress: OnProgress,
    folder: Path,
    *,
    verbose: bool,
) -> StoredReport:
    from loadtests.results.resources import MachineSource, ProcessSource, ResourceMonitor  # noqa: PLC0415 - wrong usage goes without it

    report, log = folder / "report.json", folder / "locust.log"
    command = locust_command(plan, bench.options, distribution, report)
    monitor = ResourceMonitor(dict(bench.sources))
    on_progress({"doing": _waiting(distribution)})
    run = LocustProcess.start(command, environment, log, {RESOURCES: monitor.export}, on_progress)
    monitor.sources |= {"generator": ProcessSource(run.process.pid), "machine": MachineSource()}
    clock = _OnceASecond(monitor.sample)
    monitor.began = time.time()
    try:
        code = run.wait(clock, plan.seconds + _SPARE_SECONDS)
    finally:
        run.kill()
    if verbose:
        sys.stderr.write(make_redactor(plan)(log.read_text(errors="replace")))
    return _read_result(plan, report, log, code, run)


def _waiting(distribution: Distribution) -> str:
    if not distribution.master:
        return "starting Locust"
    return f"waiting for {distribution.expect_workers} workers on port {distribution.master_port or DEFAULT_PORT}"


@dataclass(slots=True)
class _OnceASecond:
    """Calls a function at most once a second."""

    function: Callable[[float], None]
    began: float = field(default_factory=time.monotonic)
    last: float = -1.0

    def __call__(self) -> None:
        at = time.monotonic() - self.began
        if at - self.last >= 1:
            self.last = at
            self.function(at)


def _read_result(plan: RunPlan, report: Path, log: Path, code: int, run: LocustProcess) -> StoredReport:
    try:
        return read_report(report.read_bytes())
    except (OSError, InvalidReportError):
        if run.overdue:
            return report_without_run(
                plan, problems.CRASHED, f"the run did not end within {plan.seconds + _SPARE_SECONDS:.0f} s"
            )
        if run.interrupted or code == EXIT_INTERRUPTED:
            return report_without_run(plan, problems.INTERRUPTED, "before anything was measured")
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        waiting = any("waiting for workers" in line for line in lines)
        problem = problems.NO_WORKERS if waiting else problems.CRASHED
        return report_without_run(plan, problem, *(lines[-_LAST_LINES:] or [f"Locust exited with code {code}"]))


def run(request: RunRequest, environment: Mapping[str, str], on_progress: OnProgress) -> StoredReport:
    """Make a complete run. Raises PlanError before anything is started."""
    return with_stack_name(_run(request, environment, on_progress), request)


def _run(request: RunRequest, environment: Mapping[str, str], on_progress: OnProgress) -> StoredReport:
    from loadtests.run.stack import StackError  # noqa: PLC0415 - only what is used is paid for

    plan = check_request(request, environment)
    on_progress({"doing": "starting the bridge and the simulator" if request.simulate else "looking"})
    try:
        with open_environment(request) as bench:
            stored = run_once(bench, request.distribution, environment, on_progress, verbose=request.verbose)
            return stored if bench.stack is None else _with_logs(stored, bench.stack)
    except StackError as error:
        return report_without_run(plan, problems.STACK_FAILED, str(error))
    except KeyboardInterrupt:
        return report_without_run(plan, problems.INTERRUPTED, "before it started")


def with_stack_name(stored: StoredReport, request: RunRequest) -> StoredReport:
    """Replace the target's URL by a fixed name with --simulate, since its port changes with each run."""
    if not request.simulate:
        return stored
    target = tuple(
        Evidence("target", _STACK_NAME) if evidence.label == "target" else evidence for evidence in stored.report.target
    )
    return StoredReport(replace(stored.report, target=target), stored.exit_code)


def _with_logs(stored: StoredReport, stack: Stack) -> StoredReport:
    """Keep the logs of bridge and simulator if the run failed, and name their folder."""
    if stored.exit_code in (EXIT_OK, EXIT_INTERRUPTED):
        return stored
    stack.keep_logs = True
    target = (*stored.report.target, Evidence("logs", f"logs in {stack.folder}"))
    return StoredReport(replace(stored.report, target=target), stored.exit_code)


def run_worker(request: RunRequest, environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by a worker, which exits with the run. Its master checks and reports.

    Raises PlanError for options that exclude each other.
    """
    _check_combinations(request)
    from loadtests.run.locust_process import worker_command  # noqa: PLC0415 - only what is used is paid for

    sys.stdout.flush()
    command = worker_command(request.distribution)
    os.execve(command[0], command, dict(environment))  # noqa: S606 - our own command, in the place of this process


__all__ = [
    "RunEnvironment",
    "RunRequest",
    "check_request",
    "open_environment",
    "run",
    "run_once",
    "run_worker",
    "with_stack_name",
]
