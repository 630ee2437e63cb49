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
from loadtests.metrics.recorder import (
    ERROR_TYPE,
    FAILED_ANSWER_TYPE,
    UNPRICED_TYPE,
    CountsOnlyRecorder,
    ProcessRecorder,
)
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
_TICK_SECONDS = 1.0


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
    _groups: Iterator[CallerGroup] = field(default_factory=lambda: iter(()))
    _started: float = 0.0
    _greenlets: list[Any] = field(default_factory=list)
    _final_reports: int = 0
    _final_received: Event = field(default_factory=Event)
    _end_lock: RLock = field(default_factory=RLock)
    """The shape, a signal and Locust may all end the run at once. The first one does it, the others wait."""
    _callers_stopped: bool = False
    _is_finished: bool = False

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
        return time.monotonic() - self._started

    @property
    def is_running(self) -> bool:
        """Whether a run has started and is not finished."""
        return self.aggregator is not None and not self._is_finished

    @property
    def is_over(self) -> bool:
        """Whether the run is over: its time is up, or its target is down."""
        aggregator = self.aggregator
        is_over = aggregator is not None and (aggregator.is_down or self.elapsed >= aggregator.plan.seconds)
        return self.is_running and is_over

    def current_plan(self) -> RunPlan:
        """Return the plan of the running run, or of the current options.

        The plan of a headless run never changes, since its command line can't. Raises PlanError.
        """
        parsed = self.environment.parsed_options
        if self.plan is not None and (self.is_running or (parsed.headless and self.is_leader)):
            return self.plan
        options = parse_options(parsed)
        if not self.is_leader:  # the master controls these
            options = replace(options, url=self.environment.host or "", users=None, spawn_rate=None, duration=None)
        return make_plan(options, os.environ)

    # ---- starting

    def register(self) -> None:
        """Register for Locust's events and messages."""
        events = self.environment.events
        self.environment.stop_timeout = max(self.environment.stop_timeout or 0.0, STOP_SECONDS)
        events.test_start.add_listener(self._on_start)
        events.test_stop.add_listener(self._on_stop)
        events.quitting.add_listener(self._on_quit)
        if self.has_callers:
            listen_for_actions(self.runner, self.recorder)
        if isinstance(self.runner, WorkerRunner):
            events.report_to_master.add_listener(self._on_report_to_master)
            self.runner.register_message(HANG_UP_MESSAGE, self._on_hang_up)
        if isinstance(self.runner, MasterRunner):
            events.worker_report.add_listener(self._on_worker_report)
            self.runner.register_message(FINAL_MESSAGE, self._on_final)

    def _on_start(self, **_: Any) -> None:
        """Start a run, in every process."""
        plan = self.plan = self.current_plan()
        self._started, self._callers_stopped, self._is_finished = time.monotonic(), False, False
        self.recorder.export_and_clear()
        self.recorder.started, self.recorder.measurements.phase = self._started, FIRST_PHASE
        CallUser.target = CallTarget(plan.url, plan.model, plan.headers)
        if self.has_callers:
            CallUser.start_caller_ids(max(0, self.runner.worker_index))
            self._groups = caller_groups(plan)
        if self.is_leader:
            self._start_leading(plan)

    def _start_leading(self, plan: RunPlan) -> None:
        aggregator = self.aggregator = RunAggregator(plan=plan, started_at=time.time())
        self.control, self.open_before = connect_control(plan, aggregator.errors)
        executor = make_executor(self.runner, self.recorder, self.control, plan)
        self.fault_injector = FaultInjector(plan.phases, plan.seconds, executor)
        self._greenlets = [gevent.spawn(self.fault_injector.run), gevent.spawn(self._aggregate)]

    # ---- running

    def next_caller(self) -> tuple[CallerBehaviour, CallRecorder]:
        """Return the behaviour of the next caller, and the recorder that it uses."""
        group = next(self._groups)
        return group.behaviour, CountsOnlyRecorder(self.recorder) if group.counts_only else self.recorder

    def _aggregate(self) -> None:
        """Aggregate every second and report progress."""
        aggregator = self.aggregator
        while aggregator is not None:
            gevent.sleep(_TICK_SECONDS)
            if self.has_callers:
                aggregator.merge(self.recorder.export_and_clear(), self.elapsed)
            failures_expected = expects_failures(
                aggregator.plan.phases, len(self.fault_injector.phase_starts) if self.fault_injector else 0
            )
            aggregator.tick(self.elapsed, self.runner.user_count, failures_expected=failures_expected)
            if self.channel is not None:
                self.channel.send_progress(self._progress(aggregator))

    def _progress(self, aggregator: RunAggregator) -> dict[str, Any]:
        moments = self.fault_injector.moments if self.fault_injector is not None else []
        report = aggregator.progress(self.elapsed)
        return {**report, "act": f"{moments[-1].what}: {moments[-1].detail}"} if moments else report

    def _on_report_to_master(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Locust's names
        data["load"] = self.recorder.export_and_clear()

    def _on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Locust's names
        if self.aggregator is not None and "load" in data:
            self.aggregator.merge(data["load"], self.elapsed)

    # ---- ending

    def stop_callers(self) -> None:
        """Let every caller in every process hang up, and collect the last measurements. Runs once; others wait."""
        with self._end_lock:
            if not self._callers_stopped:
                self._callers_stopped = True
                self._end_run()

    def _end_run(self) -> None:
        if self.fault_injector is not None and self.fault_injector.current_phase and self.aggregator is not None:
            self.aggregator.errors.append(f"{self.fault_injector.current_phase}: not finished when the run ended")
        gevent.killall(self._greenlets)
        if isinstance(self.runner, MasterRunner):
            self._stop_remote_callers()
        else:
            self._stop_local_callers()
        if isinstance(self.runner, LocalRunner) and self.aggregator is not None:
            self.aggregator.merge(self.recorder.export_and_clear(), self.elapsed)

    def _stop_local_callers(self) -> None:
        """Let the callers of this process hang up, and start no new ones."""
        if self.runner.spawning_greenlet is not None:
            self.runner.spawning_greenlet.kill(block=True)
        self.runner.stop_users(self.runner.user_classes_count)

    def _stop_remote_callers(self) -> None:
        workers, self._final_reports = len(self.runner.clients.all), 0
        self.runner.send_message(HANG_UP_MESSAGE)
        until = time.monotonic() + STOP_SECONDS + 10
        while self._final_reports < workers and time.monotonic() < until:
            self._final_received.clear()
            self._final_received.wait(timeout=0.5)
        if self._final_reports < workers and self.aggregator is not None:
            self.aggregator.errors.append(
                f"{workers - self._final_reports} of {workers} workers did not report their last measurements"
            )

    def _on_hang_up(self, **_: Any) -> None:
        """Hang up and send the last measurements, on a worker."""
        gevent.spawn(self._send_final)

    def _send_final(self) -> None:
        self._stop_local_callers()
        self.runner.send_message(FINAL_MESSAGE, {"load": self.recorder.export_and_clear()})

    def _on_final(self, msg: Any, **_: Any) -> None:
        if self.aggregator is not None:
            self.aggregator.merge(msg.data["load"], self.elapsed)
        self._final_reports += 1
        self._final_received.set()

    def _on_stop(self, **_: Any) -> None:
        """Handle the end of a run by Locust: its time, the stop button, a signal."""
        if not self.is_leader:
            self.runner.send_message(FINAL_MESSAGE, {"load": self.recorder.export_and_clear()})
        elif self.is_running and self.aggregator is not None:
            headless = self.environment.parsed_options.headless  # in the web UI it is the stop button
            self.aggregator.interrupted |= headless and not self.is_over
            self.stop_callers()
            self._finish_once()

    def interrupt(self) -> None:
        """Handle SIGTERM: hang up, check what was measured, and quit Locust. Before a run there is nothing to check."""
        if self.aggregator is None and self.environment.parsed_options.headless:
            sys.exit(EXIT_INTERRUPTED)
        if self.aggregator is None or not self.is_running:
            return
        self.aggregator.interrupted = not self.is_over
        self.stop_callers()
        self._finish_once()
        self.runner.quit()

    def _on_quit(self, **_: Any) -> None:
        """Check an interrupted run, too, so that its measurements are shown."""
        if self.is_leader and self.is_running and self.aggregator is not None:
            self.aggregator.interrupted = not self.is_over
            self.stop_callers()
            self._finish_once()

    def _finish_once(self) -> None:
        """Finish the run once; others wait."""
        with self._end_lock:
            if self.aggregator is not None and not self._is_finished:
                self._finish_run(self.aggregator)
                self._is_finished = True

    def _finish_run(self, aggregator: RunAggregator) -> None:
        for error in self.environment.stats.errors.values():
            aggregator.count_failure(f"{error.name}: {error.error}", error.occurrences)
        for (name, kind), entry in self.environment.stats.entries.items():
            if kind == ERROR_TYPE:
                aggregator.count_error(name, entry.num_requests)
            elif kind == FAILED_ANSWER_TYPE:
                aggregator.count_failed_answers(name, entry.num_requests)
            elif kind == UNPRICED_TYPE:
                aggregator.count_unpriced(name, entry.num_requests)
        phase_starts: list[PhaseStart] = self.fault_injector.phase_starts if self.fault_injector is not None else []
        aggregator.started_phases = frozenset((FIRST_PHASE, *(start.phase for start in phase_starts)))
        if self.fault_injector is not None:
            aggregator.moments += self.fault_injector.moments
            aggregator.errors += self.fault_injector.errors
        self.environment.process_exit_code = finish_run(
            aggregator,
            control=self.control,
            phase_starts=phase_starts,
            open_before=self.open_before,
            channel=self.channel,
            report_path=self.environment.parsed_options.report_json,
            seconds=self.elapsed,
        )


def on_init(environment: Any, runner: Any, **_: Any) -> None:
    """Attach a `LoadPlugin` to Locust's environment; exit with EXIT_USAGE if the options make no plan."""
    options = environment.parsed_options
    channel = RunChannel.from_environment(os.environ) if not isinstance(runner, WorkerRunner) else None
    plugin = LoadPlugin(
        environment=environment,
        runner=runner,
        channel=channel,
        recorder=ProcessRecorder(environment.events.request.fire),
    )
    if plugin.is_leader and options.headless:
        try:
            plugin.plan = plugin.current_plan()
        except PlanError as error:
            sys.stderr.write(f"sherpa-load: {error}\n")
            sys.exit(EXIT_USAGE)
    if plugin.is_leader:  # Locust itself handles it only after a run with a shape
        gevent.signal_handler(signal.SIGTERM, plugin.interrupt)
    elif options.processes and sys.platform == "linux":
        kill_with_parent(os.getppid(), signal.SIGKILL)()  # this process is a fork of the master, which may be killed
    environment.load = plugin
    plugin.register()


def register(events: Any) -> None:
    """Register our options and hooks with Locust."""
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(on_init)


__all__ = ["LoadPlugin", "on_init", "register"]
