"""One run from what was asked for to its report: the stack where there is to be one, a knock, Locust, and what it said.

No click here and no gevent: `cli.py` turns a command line into a `Request` and this into an exit code; `capacity.py`
does many runs against one target.
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

from loadtests.control.simulator import Control, ControlError
from loadtests.results import problems
from loadtests.results.redaction import hider
from loadtests.results.report import without_run
from loadtests.run.locust_process import DEFAULT_PORT, LocustRun, Spread, words_for
from loadtests.run.preflight import KnockError, knock
from loadtests.scenarios.plan import Plan, PlanError, Wish, make_plan, scenario_named
from reports.model import EXIT_INTERRUPTED, EXIT_OK, Evidence
from reports.store.reader import Kept, NotAReportError, read_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from loadtests.results.resources import Source
    from loadtests.run.stack import Stack

    Hears = Callable[[Mapping[str, Any]], None]

#: Beside the run itself: Locust's start, callers that hang up, speech that is accounted for.
_SPARE_SECONDS = 90.0
#: How the bridge and the simulator of `--simulate` are called, whatever their ports.
_OWN_STACK = "our own bridge and simulator"
#: Stand where the stack's own will be: wrong usage is told before anything is started.
_PLACEHOLDER = "ws://127.0.0.1:1"
_CONTROL, _DEPLOY = "http://127.0.0.1:1/_sim", "deploy"
_LAST_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line said."""

    wish: Wish
    simulate: bool = False
    spread: Spread = field(default_factory=Spread)
    bridge_workers: int = 1
    """Processes of our own bridge."""
    watch: tuple[tuple[str, int], ...] = ()
    """Names and ids of processes to look at."""
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What runs are done against: the wish with its addresses filled in, and what can be looked at meanwhile."""

    wish: Wish
    watched: Mapping[str, Source]
    stack: Stack | None = None


def check(request: Request, environment: Mapping[str, str]) -> Plan:
    """Refuse what cannot be run, before anything is started or sent. Raises PlanError."""
    _check_wishes(request)
    wish = request.wish
    if request.simulate:
        wish = replace(wish, url=_PLACEHOLDER, control=_CONTROL, deploy_command=_DEPLOY, watches=True)
    return make_plan(replace(wish, watches=wish.watches or bool(request.watch)), environment)


def _check_wishes(request: Request) -> None:
    """Refuse wishes that do not go together."""
    if request.simulate and request.wish.url:
        raise PlanError("--target and --simulate are two different wishes: name one")
    if request.simulate and request.wish.control:
        raise PlanError("--control and --simulate are two different wishes: the stack's own simulator is asked")
    if request.simulate and request.wish.echo:
        raise PlanError("--echo and --simulate are two different wishes: the stack's own simulator is asked")
    if request.spread.worker and request.simulate:
        raise PlanError("--worker and --simulate are two different wishes: the master says what is called")
    if request.spread.master and request.spread.worker:
        raise PlanError("--master and --worker are two different wishes: one leads, the others call")
    if request.spread.processes is not None and (request.spread.master or request.spread.worker):
        raise PlanError("--processes is one machine's: leave it out beside --master and --worker")
    if request.spread.expect_workers > 1 and not request.spread.master:
        raise PlanError("--expect-workers is for --master")
    for name, pid in request.watch:
        from psutil import pid_exists  # noqa: PLC0415 - only what is used is paid for

        if not pid_exists(pid):
            raise PlanError(f"--watch {name}={pid}: there is no such process")


@contextmanager
def ground(request: Request) -> Iterator[Ground]:
    """Start the stack where one was asked for, and end it with the block. Raises StackError."""
    from loadtests.results.resources import Process, Prometheus  # noqa: PLC0415 - wrong usage goes without it

    given: dict[str, Source] = {name: Process(pid) for name, pid in request.watch}
    if not request.simulate:
        if "bridge" not in given:
            shown = Prometheus.beside(request.wish.url)
            given |= {"bridge": shown} if shown is not None else {}
        yield Ground(replace(request.wish, watches="bridge" in given), given)
        return
    from loadtests.run.stack import open_stack  # noqa: PLC0415 - only what is used is paid for

    scenario = scenario_named(request.wish.scenario)
    with open_stack(workers=request.bridge_workers, bridge=scenario.bridge) as stack:
        wish = replace(
            request.wish,
            url=stack.url,
            control=stack.control,
            deploy_command=shlex.join(stack.deploy_command),
            watches=True,
        )
        sources: dict[str, Source] = {
            "bridge": Process(lambda: stack.bridge.pid),
            "simulator": Process(lambda: stack.simulator.pid),
        }
        yield Ground(wish, {**sources, **given}, stack)


def one_run(on: Ground, spread: Spread, environment: Mapping[str, str], hears: Hears, *, verbose: bool = False) -> Kept:
    """Do one run and give its report, whatever became of it. Raises PlanError; Ctrl-C shows in the report."""
    plan = make_plan(on.wish, environment)
    hears({"doing": f"knocking at {plan.url.partition('?')[0]}"})
    try:
        knock(plan)
        if plan.control is not None:
            Control(plan.control).look()
    except KnockError as shut:
        return without_run(plan, shut.known, shut.seen)
    except ControlError as silent:
        return without_run(plan, problems.CONTROL_DOWN, str(silent))
    except KeyboardInterrupt:
        return without_run(plan, problems.INTERRUPTED, "before it began")
    folder = Path(tempfile.mkdtemp(prefix="sherpa-load-run-"))
    try:
        return _locust(plan, on, spread, environment, hears, folder, verbose=verbose)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _locust(
    plan: Plan,
    on: Ground,
    spread: Spread,
    environment: Mapping[str, str],
    hears: Hears,
    folder: Path,
    *,
    verbose: bool,
) -> Kept:
    from loadtests.results.resources import Machine, Process, Resources  # noqa: PLC0415 - wrong usage goes without it

    report, log = folder / "report.json", folder / "locust.log"
    words = words_for(plan, on.wish, spread, report)
    resources = Resources(dict(on.watched))
    hears({"doing": _waiting(spread)})
    run = LocustRun.started(words, environment, log, {"resources": lambda: resources.points}, hears)
    resources.watched |= {"generator": Process(run.process.pid), "machine": Machine()}
    clock = _SecondByTheClock(resources.look)
    try:
        code = run.wait(clock, plan.seconds + _SPARE_SECONDS)
    finally:
        run.kill()
    if verbose:
        sys.stderr.write(hider(plan)(log.read_text(errors="replace")))
    return _said(plan, report, log, code, run)


def _waiting(spread: Spread) -> str:
    if not spread.master:
        return "starting Locust"
    return f"waiting for {spread.expect_workers} workers at port {spread.master_port or DEFAULT_PORT}"


@dataclass(slots=True)
class _SecondByTheClock:
    """Calls something once a second, however often it is called itself."""

    what: Callable[[float], None]
    began: float = field(default_factory=time.monotonic)
    last: float = -1.0

    def __call__(self) -> None:
        at = time.monotonic() - self.began
        if at - self.last >= 1:
            self.last = at
            self.what(at)


def _said(plan: Plan, report: Path, log: Path, code: int, run: LocustRun) -> Kept:
    try:
        return read_report(report.read_bytes())
    except (OSError, NotAReportError):
        if run.overdue:
            return without_run(
                plan, problems.CRASHED, f"the run did not end within {plan.seconds + _SPARE_SECONDS:.0f} s"
            )
        if run.interrupted or code == EXIT_INTERRUPTED:
            return without_run(plan, problems.INTERRUPTED, "before anything was measured")
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        waited = any("waiting for workers" in line for line in lines)
        known = problems.NO_WORKERS if waited else problems.CRASHED
        return without_run(plan, known, *(lines[-_LAST_LINES:] or [f"Locust ended with {code}"]))


def run(request: Request, environment: Mapping[str, str], hears: Hears) -> Kept:
    """Do everything. Raises PlanError before anything is started."""
    return named(_run(request, environment, hears), request)


def _run(request: Request, environment: Mapping[str, str], hears: Hears) -> Kept:
    from loadtests.run.stack import StackError  # noqa: PLC0415 - only what is used is paid for

    plan = check(request, environment)
    hears({"doing": "starting the bridge and the simulator" if request.simulate else "looking"})
    try:
        with ground(request) as on:
            kept = one_run(on, request.spread, environment, hears, verbose=request.verbose)
            return kept if on.stack is None else _with_logs(kept, on.stack)
    except StackError as error:
        return without_run(plan, problems.STACK_FAILED, str(error))
    except KeyboardInterrupt:
        return without_run(plan, problems.INTERRUPTED, "before it began")


def named(kept: Kept, request: Request) -> Kept:
    """Call a stack of our own by its name: its port is another one in each run, and at first there is none."""
    if not request.simulate:
        return kept
    target = tuple(Evidence("target", _OWN_STACK) if one.label == "target" else one for one in kept.report.target)
    return Kept(replace(kept.report, target=target), kept.exit_code)


def _with_logs(kept: Kept, stack: Stack) -> Kept:
    """Keep what the bridge and the simulator said where a run failed, and name the place."""
    if kept.exit_code in (EXIT_OK, EXIT_INTERRUPTED):
        return kept
    stack.keep_logs = True
    target = (*kept.report.target, Evidence("logs", f"logs in {stack.folder}"))
    return Kept(replace(kept.report, target=target), kept.exit_code)


def work(request: Request, environment: Mapping[str, str]) -> NoReturn:
    """Be a worker of a run until that ends, in the place of this process. Its master judges and reports.

    Raises PlanError for wishes that do not go together.
    """
    _check_wishes(request)
    from loadtests.run.locust_process import worker_words  # noqa: PLC0415 - only what is used is paid for

    sys.stdout.flush()
    words = worker_words(request.spread)
    os.execve(words[0], words, dict(environment))  # noqa: S606 - our own command, in the place of this process


__all__ = ["Ground", "Request", "check", "ground", "named", "one_run", "run", "work"]
