"""Locust's event hooks: our options, what each process measures, and one end for all of them.

Every process has a `LoadPlugin`. A worker measures and reports to the master; the master aggregates and checks the
budgets; a single process does both. Each run from the web UI starts over.

The order at the end matters: callers hang up, then the audio is audited, then budgets are checked, and only then does
Locust shut down. Several sources may start the end at once (the shape, a signal, Locust itself), so both steps hold a
lock and run once.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.lock import RLock
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from loadtests.callers.call import CallTarget
from loadtests.locust_plugin.fault_injector import FaultInjector, listen_for_actions
from loadtests.locust_plugin.finish import finish_run
from loadtests.locust_plugin.options import add_options, parse_options
from loadtests.locust_plugin.staging import connect_control, make_executor
from loadtests.locust_plugin.users import CallUser
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.metrics.recorder import ERROR_TYPE, CountsOnlyRecorder, ProcessRecorder
from loadtests.results.aggregator import RunAggregator, expects_failures
from loadtests.run.child import kill_with_parent
from loadtests.run.ipc import RunChannel
from loadtests.scenarios.plan import PlanError, RunPlan, caller_groups, make_plan
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.control.simulator import ControlClient
    from loadtests.metrics.recorder import CallRecorder
    from loadtests.results.audio_audit import PhaseStart
    from loadtests.scenarios.behaviour import CallerBehaviour
    from loadtests.scenarios.table import CallerGroup

#: How long callers may take to hang up before they are killed: more than their silence and the longest close.
STOP_SECONDS = 6.0
#: Messages between master and workers: hang up; the last measurements.
HANG_UP_MESSAGE, FINAL_MESSAGE = "load-hang-up", "load-final"
_SECOND = 1.0


@dataclass(slots=True)
class LoadPlugin:
    """This process's part in a run. `environment` and `runner` are Locust's."""

    environment: Any
    runner: Any
    channel: RunChannel | None
    recorder: ProcessRecorder
    plan: RunPlan | None = None
    aggregator: RunAggregator | None = None
    fault_injector: FaultInjector | None = None
    control: ControlClient | None = None
    open_before: int = 0
    _turns: Iterator[CallerGroup] = field(default_factory=lambda: iter(()))
    _began: float = 0.0
    _greenlets: list[Any] = field(default_factory=list)
    _finals: int = 0
    _final_came: Event = field(default_factory=Event)
    _ending: RLock = field(default_factory=RLock)
    """The shape, a signal and Locust may all end the run at once. The first one does it, the others wait."""
    _over: bool = False
    _concluded: bool = False

    @property
    def is_leader(self) -> bool:
        """Whether this process aggregates and checks: the master, or the only one."""
        return not isinstance(self.runner, WorkerRunner)

    @property
    def has_callers(self) -> bool:
        """Whether this process has callers."""
        return not isinstance(self.runner, MasterRunner)

    @property
    def elapsed(self) -> float:
        """Seconds since the run started."""
        return time.monotonic() - self._began

    @property
    def is_running(self) -> bool:
        """Whether a run has started and is not finished."""
        return self.aggregator is not None and not self._concluded

    @property
    def is_over(self) -> bool:
        """Whether the run is over: its time is up, or its target is down."""
        gathering = self.aggregator
        over = gathering is not None and (gathering.is_down or self.elapsed >= gathering.plan.seconds)
        return self.is_running and over

    def current_plan(self) -> RunPlan:
        """Return the plan of the running run, or of the current options.

        The plan of a headless run never changes, since its command line can't. Raises PlanError.
        """
        options = self.environment.parsed_options
        if self.plan is not None and (self.is_running or (options.headless and self.is_leader)):
            return self.plan
        wish = parse_options(options)
        if not self.is_leader:  # the master controls these
            wish = replace(wish, url=self.environment.host or "", users=None, spawn_rate=None, duration=None)
        return make_plan(wish, os.environ)

    # ---- starting

    def register(self) -> None:
        """Register for Locust's events and messages."""
        events = self.environment.events
        self.environment.stop_timeout = max(self.environment.stop_timeout or 0.0, STOP_SECONDS)
        events.test_start.add_listener(self._start)
        events.test_stop.add_listener(self._stop)
        events.quitting.add_listener(self._quit)
        if self.has_callers:
            listen_for_actions(self.runner, self.recorder)
        if isinstance(self.runner, WorkerRunner):
            events.report_to_master.add_listener(self._report)
            self.runner.register_message(HANG_UP_MESSAGE, self._hang_up_here)
        if isinstance(self.runner, MasterRunner):
            events.worker_report.add_listener(self._take_report)
            self.runner.register_message(FINAL_MESSAGE, self._take_final)

    def _start(self, **_: Any) -> None:
        """Start a run, in every process."""
        plan = self.plan = self.current_plan()
        self._began, self._over, self._concluded = time.monotonic(), False, False
        self.recorder.export_and_clear()
        self.recorder.started, self.recorder.measurements.phase = self._began, FIRST_PHASE
        CallUser.target = CallTarget(plan.url, plan.model, plan.headers)
        if self.has_callers:
            CallUser.start_caller_ids(max(0, self.runner.worker_index))
            self._turns = caller_groups(plan)
        if self.is_leader:
            self._lead(plan)

    def _lead(self, plan: RunPlan) -> None:
        gathering = self.aggregator = RunAggregator(plan=plan, started_at=time.time())
        self.control, self.open_before = connect_control(plan, gathering.errors)
        stage = make_executor(self.runner, self.recorder, self.control, plan)
        self.fault_injector = FaultInjector(plan.scenario.phases, plan.seconds, stage)
        self._greenlets = [gevent.spawn(self.fault_injector.run), gevent.spawn(self._watch)]

    # ---- running

    def next_caller(self) -> tuple[CallerBehaviour, CallRecorder]:
        """Return the behaviour of the next caller, and the recorder that it uses."""
        group = next(self._turns)
        return group.behaviour, CountsOnlyRecorder(self.recorder) if group.counts_only else self.recorder

    def _watch(self) -> None:
        """Aggregate every second and report progress."""
        gathering = self.aggregator
        while gathering is not None:
            gevent.sleep(_SECOND)
            if self.has_callers:
                gathering.merge(self.recorder.export_and_clear(), self.elapsed)
            meant = expects_failures(
                gathering.plan.scenario, len(self.fault_injector.phase_starts) if self.fault_injector else 0
            )
            gathering.tick(self.elapsed, self.runner.user_count, failures_expected=meant)
            if self.channel is not None:
                self.channel.send_progress(self._progress(gathering))

    def _progress(self, gathering: RunAggregator) -> dict[str, Any]:
        acts = self.fault_injector.moments if self.fault_injector is not None else []
        said = gathering.progress(self.elapsed)
        return {**said, "act": f"{acts[-1].what}: {acts[-1].detail}"} if acts else said

    def _report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Locust's names
        data["load"] = self.recorder.export_and_clear()

    def _take_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Locust's names
        if self.aggregator is not None and "load" in data:
            self.aggregator.merge(data["load"], self.elapsed)

    # ---- ending

    def stop_callers(self) -> None:
        """Let every caller in every process hang up, and collect the last measurements. Runs once; others wait."""
        with self._ending:
            if not self._over:
                self._over = True
                self._end_calls()

    def _end_calls(self) -> None:
        if self.fault_injector is not None and self.fault_injector.current_phase and self.aggregator is not None:
            self.aggregator.errors.append(f"{self.fault_injector.current_phase}: not finished when the run ended")
        gevent.killall(self._greenlets)
        if isinstance(self.runner, MasterRunner):
            self._hang_up_there()
        else:
            self._stop_callers()
        if isinstance(self.runner, LocalRunner) and self.aggregator is not None:
            self.aggregator.merge(self.recorder.export_and_clear(), self.elapsed)

    def _stop_callers(self) -> None:
        """Let the callers of this process hang up, and start no new ones."""
        if self.runner.spawning_greenlet is not None:
            self.runner.spawning_greenlet.kill(block=True)
        self.runner.stop_users(self.runner.user_classes_count)

    def _hang_up_there(self) -> None:
        workers, self._finals = len(self.runner.clients.all), 0
        self.runner.send_message(HANG_UP_MESSAGE)
        until = time.monotonic() + STOP_SECONDS + 10
        while self._finals < workers and time.monotonic() < until:
            self._final_came.clear()
            self._final_came.wait(timeout=0.5)
        if self._finals < workers and self.aggregator is not None:
            self.aggregator.errors.append(
                f"{workers - self._finals} of {workers} workers did not report their last measurements"
            )

    def _hang_up_here(self, **_: Any) -> None:
        """Hang up and send the last measurements, on a worker."""
        gevent.spawn(self._finish)

    def _finish(self) -> None:
        self._stop_callers()
        self.runner.send_message(FINAL_MESSAGE, {"load": self.recorder.export_and_clear()})

    def _take_final(self, msg: Any, **_: Any) -> None:
        if self.aggregator is not None:
            self.aggregator.merge(msg.data["load"], self.elapsed)
        self._finals += 1
        self._final_came.set()

    def _stop(self, **_: Any) -> None:
        """Handle the end of a run by Locust: its time, the stop button, a signal."""
        if not self.is_leader:
            self.runner.send_message(FINAL_MESSAGE, {"load": self.recorder.export_and_clear()})
        elif self.is_running and self.aggregator is not None:
            headless = self.environment.parsed_options.headless  # in the web UI it is the stop button
            self.aggregator.interrupted |= headless and not self.is_over
            self.stop_callers()
            self._conclude()

    def interrupt(self) -> None:
        """Handle SIGTERM: hang up, check what was measured, and quit Locust. Before a run there is nothing to check."""
        if self.aggregator is None and self.environment.parsed_options.headless:
            sys.exit(EXIT_INTERRUPTED)
        if self.aggregator is None or not self.is_running:
            return
        self.aggregator.interrupted = not self.is_over
        self.stop_callers()
        self._conclude()
        self.runner.quit()

    def _quit(self, **_: Any) -> None:
        """Check an interrupted run, too, so that its measurements are shown."""
        if self.is_leader and self.is_running and self.aggregator is not None:
            self.aggregator.interrupted = not self.is_over
            self.stop_callers()
            self._conclude()

    def _conclude(self) -> None:
        """Finish the run once; others wait."""
        with self._ending:
            if self.aggregator is not None and not self._concluded:
                self._judge(self.aggregator)
                self._concluded = True

    def _judge(self, gathering: RunAggregator) -> None:
        for error in self.environment.stats.errors.values():
            gathering.count_failure(f"{error.name}: {error.error}", error.occurrences)
        for (name, kind), entry in self.environment.stats.entries.items():
            if kind == ERROR_TYPE:
                gathering.count_error(name, entry.num_requests)
        marks: list[PhaseStart] = self.fault_injector.phase_starts if self.fault_injector is not None else []
        gathering.started_phases = frozenset((FIRST_PHASE, *(mark.phase for mark in marks)))
        if self.fault_injector is not None:
            gathering.moments += self.fault_injector.moments
            gathering.errors += self.fault_injector.errors
        self.environment.process_exit_code = finish_run(
            gathering,
            control=self.control,
            phase_starts=marks,
            open_before=self.open_before,
            channel=self.channel,
            report_path=self.environment.parsed_options.report_json,
            seconds=self.elapsed,
        )


def on_init(environment: Any, runner: Any, **_: Any) -> None:
    """Set up this process."""
    options = environment.parsed_options
    home = RunChannel.from_environment(os.environ) if not isinstance(runner, WorkerRunner) else None
    part = LoadPlugin(
        environment=environment, runner=runner, channel=home, recorder=ProcessRecorder(environment.events.request.fire)
    )
    if part.is_leader and options.headless:
        try:
            part.plan = part.current_plan()
        except PlanError as error:
            sys.stderr.write(f"sherpa-load: {error}\n")
            sys.exit(EXIT_USAGE)
    if part.is_leader:  # Locust itself handles it only after a run with a shape
        gevent.signal_handler(signal.SIGTERM, part.interrupt)
    elif options.processes and sys.platform == "linux":
        kill_with_parent(os.getppid(), signal.SIGKILL)()  # this process is a fork of the master, which may be killed
    environment.load = part
    part.register()


def register(events: Any) -> None:
    """Register our options and hooks with Locust."""
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(on_init)


__all__ = ["LoadPlugin", "on_init", "register"]
