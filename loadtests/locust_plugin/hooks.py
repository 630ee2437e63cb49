"""What Locust is told to do beside running users: our options, what each process measures, and one end for all.

Every process has a `Part`: a worker measures and tells the master, the master gathers and judges, a process alone does
both. Each run of Locust's page begins anew. The order at the end matters: callers hang up first, then every word is
accounted for, then budgets are judged, and only then does Locust shut down.
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

from loadtests.callers.call import Where
from loadtests.locust_plugin.fault_injector import Director, take_part
from loadtests.locust_plugin.finish import conclude
from loadtests.locust_plugin.options import add_options, wish_of
from loadtests.locust_plugin.staging import opened_control, stage_of
from loadtests.locust_plugin.users import CallUser
from loadtests.metrics.measures import FIRST_PHASE
from loadtests.metrics.recorder import COMPLAINT, Apart, Meter
from loadtests.results.aggregator import Gathering, fails_on_purpose
from loadtests.run.child import dying_with
from loadtests.run.ipc import Home
from loadtests.scenarios.plan import Plan, PlanError, make_plan, turns_of
from reports.model import EXIT_INTERRUPTED, EXIT_USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtests.control.simulator import Control
    from loadtests.metrics.recorder import Notes
    from loadtests.results.audio_audit import Mark
    from loadtests.scenarios.behaviour import Behaviour
    from loadtests.scenarios.table import Group

#: How long callers have to hang up before they are killed: more than their breath and the longest goodbye.
STOP_SECONDS = 6.0
#: Messages between master and workers: hang up; what was measured until the very end.
HANG_UP, FINAL = "load-hang-up", "load-final"
_SECOND = 1.0


@dataclass(slots=True)
class Part:
    """What one process has to do with a run. `environment` and `runner` are Locust's."""

    environment: Any
    runner: Any
    home: Home | None
    meter: Meter
    plan: Plan | None = None
    gathering: Gathering | None = None
    director: Director | None = None
    control: Control | None = None
    live_before: int = 0
    _turns: Iterator[Group] = field(default_factory=lambda: iter(()))
    _began: float = 0.0
    _greenlets: list[Any] = field(default_factory=list)
    _finals: int = 0
    _final_came: Event = field(default_factory=Event)
    _ending: RLock = field(default_factory=RLock)
    """Several may want the end at once: the shape, a signal, Locust. The first brings it about."""
    _over: bool = False
    _concluded: bool = False

    @property
    def leads(self) -> bool:
        """Whether it gathers and judges."""
        return not isinstance(self.runner, WorkerRunner)

    @property
    def calls(self) -> bool:
        """Whether it has callers."""
        return not isinstance(self.runner, MasterRunner)

    @property
    def at(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    @property
    def is_running(self) -> bool:
        """Whether a run has begun that nobody has judged yet."""
        return self.gathering is not None and not self._concluded

    @property
    def is_due(self) -> bool:
        """Whether the run has come to its end: its time is over, or its target is down."""
        gathering = self.gathering
        over = gathering is not None and (gathering.is_down or self.at >= gathering.plan.seconds)
        return self.is_running and over

    def planned(self) -> Plan:
        """Give the plan: of the run that runs, of a command line that can no longer change, or of what is asked now.

        Raises PlanError.
        """
        options = self.environment.parsed_options
        if self.plan is not None and (self.is_running or (options.headless and self.leads)):
            return self.plan
        wish = wish_of(options)
        if not self.leads:  # how many and for how long is the master's business
            wish = replace(wish, url=self.environment.host or "", users=None, spawn_rate=None, duration=None)
        return make_plan(wish, os.environ)

    # ---- beginning

    def listen(self) -> None:
        """Take part in everything that Locust tells."""
        events = self.environment.events
        self.environment.stop_timeout = max(self.environment.stop_timeout or 0.0, STOP_SECONDS)
        events.test_start.add_listener(self._start)
        events.test_stop.add_listener(self._stop)
        events.quitting.add_listener(self._quit)
        if self.calls:
            take_part(self.runner, self.meter)
        if isinstance(self.runner, WorkerRunner):
            events.report_to_master.add_listener(self._report)
            self.runner.register_message(HANG_UP, self._hang_up_here)
        if isinstance(self.runner, MasterRunner):
            events.worker_report.add_listener(self._take_report)
            self.runner.register_message(FINAL, self._take_final)

    def _start(self, **_: Any) -> None:
        """Begin a run, in every process."""
        plan = self.plan = self.planned()
        self._began, self._over, self._concluded = time.monotonic(), False, False
        self.meter.take()
        self.meter.began, self.meter.figures.phase = self._began, FIRST_PHASE
        CallUser.where = Where(plan.url, plan.model, plan.headers)
        if self.calls:
            CallUser.number_from(max(0, self.runner.worker_index))
            self._turns = turns_of(plan)
        if self.leads:
            self._lead(plan)

    def _lead(self, plan: Plan) -> None:
        gathering = self.gathering = Gathering(plan=plan, began=time.time())
        self.control, self.live_before = opened_control(plan, gathering.troubles)
        stage = stage_of(self.runner, self.meter, self.control, plan)
        self.director = Director(plan.scenario.acts, plan.seconds, stage)
        self._greenlets = [gevent.spawn(self.director.run), gevent.spawn(self._watch)]

    # ---- while it runs

    def next_caller(self) -> tuple[Behaviour, Notes]:
        """Say how the next caller behaves, and where it puts what it measures."""
        group = next(self._turns)
        return group.behaviour, Apart(self.meter) if group.apart else self.meter

    def _watch(self) -> None:
        """Gather every second, and tell how far it is."""
        gathering = self.gathering
        while gathering is not None:
            gevent.sleep(_SECOND)
            if self.calls:
                gathering.take(self.meter.take(), self.at)
            meant = fails_on_purpose(gathering.plan.scenario, len(self.director.marks) if self.director else 0)
            gathering.second(self.at, self.runner.user_count, meant=meant)
            if self.home is not None:
                self.home.tell(self._progress(gathering))

    def _progress(self, gathering: Gathering) -> dict[str, Any]:
        acts = self.director.moments if self.director is not None else []
        said = gathering.progress(self.at)
        return {**said, "act": f"{acts[-1].what}: {acts[-1].detail}"} if acts else said

    def _report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Locust's names
        data["load"] = self.meter.take()

    def _take_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:  # noqa: ARG002 - Locust's names
        if self.gathering is not None and "load" in data:
            self.gathering.take(data["load"], self.at)

    # ---- ending

    def hang_up(self) -> None:
        """Let every caller hang up, everywhere, and take what was measured until then. Once; others wait for it."""
        with self._ending:
            if not self._over:
                self._over = True
                self._end_calls()

    def _end_calls(self) -> None:
        if self.director is not None and self.director.doing and self.gathering is not None:
            self.gathering.troubles.append(f"{self.director.doing}: not done when the run ended")
        gevent.killall(self._greenlets)
        if isinstance(self.runner, MasterRunner):
            self._hang_up_there()
        else:
            self._stop_callers()
        if isinstance(self.runner, LocalRunner) and self.gathering is not None:
            self.gathering.take(self.meter.take(), self.at)

    def _stop_callers(self) -> None:
        """Let the callers of this process hang up; no new ones begin."""
        if self.runner.spawning_greenlet is not None:
            self.runner.spawning_greenlet.kill(block=True)
        self.runner.stop_users(self.runner.user_classes_count)

    def _hang_up_there(self) -> None:
        workers, self._finals = len(self.runner.clients.all), 0
        self.runner.send_message(HANG_UP)
        until = time.monotonic() + STOP_SECONDS + 10
        while self._finals < workers and time.monotonic() < until:
            self._final_came.clear()
            self._final_came.wait(timeout=0.5)
        if self._finals < workers and self.gathering is not None:
            self.gathering.troubles.append(
                f"{workers - self._finals} of {workers} workers never told their last figures"
            )

    def _hang_up_here(self, **_: Any) -> None:
        """Hang up and tell the rest, on a worker."""
        gevent.spawn(self._finish)

    def _finish(self) -> None:
        self._stop_callers()
        self.runner.send_message(FINAL, {"load": self.meter.take()})

    def _take_final(self, msg: Any, **_: Any) -> None:
        if self.gathering is not None:
            self.gathering.take(msg.data["load"], self.at)
        self._finals += 1
        self._final_came.set()

    def _stop(self, **_: Any) -> None:
        """Take Locust's own end of a run: of its time, of the page's button, of a signal."""
        if not self.leads:
            self.runner.send_message(FINAL, {"load": self.meter.take()})
        elif self.is_running and self.gathering is not None:
            headless = self.environment.parsed_options.headless  # on the page it is the button that says so
            self.gathering.interrupted |= headless and not self.is_due
            self.hang_up()
            self._conclude()

    def interrupt(self) -> None:
        """Take SIGTERM: hang up, judge what there is, let Locust go home. Before a run there is nothing to judge."""
        if self.gathering is None and self.environment.parsed_options.headless:
            sys.exit(EXIT_INTERRUPTED)
        if self.gathering is None or not self.is_running:
            return
        self.gathering.interrupted = not self.is_due
        self.hang_up()
        self._conclude()
        self.runner.quit()

    def _quit(self, **_: Any) -> None:
        """Judge a run that was interrupted as well: what it measured is shown."""
        if self.leads and self.is_running and self.gathering is not None:
            self.gathering.interrupted = not self.is_due
            self.hang_up()
            self._conclude()

    def _conclude(self) -> None:
        """Judge, once; others wait for it."""
        with self._ending:
            if self.gathering is not None and not self._concluded:
                self._judge(self.gathering)
                self._concluded = True

    def _judge(self, gathering: Gathering) -> None:
        for error in self.environment.stats.errors.values():
            gathering.failed(f"{error.name}: {error.error}", error.occurrences)
        for (name, kind), entry in self.environment.stats.entries.items():
            if kind == COMPLAINT:
                gathering.complained(name, entry.num_requests)
        marks: list[Mark] = self.director.marks if self.director is not None else []
        gathering.begun = frozenset((FIRST_PHASE, *(mark.phase for mark in marks)))
        if self.director is not None:
            gathering.moments += self.director.moments
            gathering.troubles += self.director.troubles
        self.environment.process_exit_code = conclude(
            gathering,
            control=self.control,
            marks=marks,
            live_before=self.live_before,
            home=self.home,
            path=self.environment.parsed_options.report_json,
            seconds=self.at,
        )


def on_init(environment: Any, runner: Any, **_: Any) -> None:
    """Take part in this process's runs."""
    options = environment.parsed_options
    home = Home.of(os.environ) if not isinstance(runner, WorkerRunner) else None
    part = Part(environment=environment, runner=runner, home=home, meter=Meter(environment.events.request.fire))
    if part.leads and options.headless:
        try:
            part.plan = part.planned()
        except PlanError as error:
            sys.stderr.write(f"sherpa-load: {error}\n")
            sys.exit(EXIT_USAGE)
    if part.leads:  # Locust listens for it only when a run in a shape is over
        gevent.signal_handler(signal.SIGTERM, part.interrupt)
    elif options.processes and sys.platform == "linux":
        dying_with(os.getppid(), signal.SIGKILL)()  # a fork of the master's, which may be killed, and nobody else's
    environment.load = part
    part.listen()


def listen(events: Any) -> None:
    """Add our options and our listeners to Locust's events."""
    events.init_command_line_parser.add_listener(add_options)
    events.init.add_listener(on_init)


__all__ = ["Part", "listen", "on_init"]
