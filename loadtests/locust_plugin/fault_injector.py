"""Executes the actions of a scenario on time: cuts, faults, a deploy. Runs on the master, or in the only process.

Workers learn about phases and cuts through Locust's messages, which `listen_for_actions` handles in every process that
has callers. An action that fails is reported and does not stop the run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, assert_never

import gevent

from loadtests.results.audio_audit import PhaseStart
from loadtests.run.ipc import WORKING_DIRECTORY_VARIABLE
from loadtests.scenarios.table import Action, CutClients, CutUpstream, Deploy, ScenarioPhase, SetFaults
from reports.model import Moment
from reports.redaction import hide_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from loadtests.control.simulator import ControlClient
    from loadtests.metrics.recorder import ProcessRecorder

PHASE_MESSAGE, CUT_MESSAGE = "load-phase", "load-cut"
#: A drain and a start. A deploy that takes longer has failed.
_DEPLOY_SECONDS = 90.0


class ActionError(Exception):
    """An action failed; the message says why."""


class ActionExecutor(Protocol):
    """Executes actions. Every method but `begin_phase` raises ActionError or ControlError."""

    def begin_phase(self, phase: str) -> None:
        """Count all measurements from here on towards this phase."""
        ...

    def execute(self, action: Action) -> None:
        """Execute an action. Returns when it is done."""
        ...


@dataclass(slots=True)
class FaultInjector:
    """The phases of one run. `run` executes them; kill its greenlet to stop."""

    phases: Sequence[ScenarioPhase]
    seconds: float
    """Duration of the run."""
    executor: ActionExecutor
    sleep: Callable[[float], object] = gevent.sleep
    now: Callable[[], float] = time.time
    """Unix seconds, as the simulator's times are."""
    phase_starts: list[PhaseStart] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    """For the timeline of the report."""
    errors: list[str] = field(default_factory=list)
    """What failed, in plain words."""
    current_phase: str = ""
    """The phase whose action is running."""

    def run(self) -> None:
        """Execute each phase when it is due. A phase that is delayed by the one before follows at once."""
        started = self.now()
        for phase in sorted(self.phases, key=lambda phase: phase.at):
            self.sleep(max(0.0, started + phase.at * self.seconds - self.now()))
            self._execute_phase(phase, started)

    def _execute_phase(self, phase: ScenarioPhase, started: float) -> None:
        self.executor.begin_phase(phase.name)
        self.phase_starts.append(PhaseStart(phase.name, self.now()))
        self._add_moment(started, phase.name, phase.description)
        for action in phase.actions:
            self.current_phase = phase.name
            try:
                self.executor.execute(action)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on and the report tells
                self.errors.append(f"{phase.name}: {error}")
                self._add_moment(started, phase.name, "failed")
            self.current_phase = ""
        if any(isinstance(action, Deploy) for action in phase.actions):
            self._add_moment(started, phase.name, "is up again")

    def _add_moment(self, started: float, phase: str, what: str) -> None:
        self.moments.append(Moment(at=self.now() - started, who="load", what=phase, detail=what))


@dataclass(frozen=True, slots=True)
class RunExecutor:
    """Executes actions in the run that Locust controls."""

    runner: Any
    """Locust's runner: the master's, or the only one."""
    recorder: ProcessRecorder
    control: ControlClient | None = None
    service_faults: tuple[str, ...] = ()
    """Faults that the service has during the whole run."""
    deploy_command: tuple[str, ...] = ()

    def begin_phase(self, phase: str) -> None:
        """Announce the phase to every process."""
        self.recorder.measurements.phase = phase
        self.runner.send_message(PHASE_MESSAGE, phase)

    def execute(self, action: Action) -> None:
        """Perform an action; a deploy takes until its command has ended. Raises ActionError or ControlError."""
        match action:
            case SetFaults(faults):
                self._control_client().set_faults((*self.service_faults, *faults))
            case CutUpstream(how):
                self._control_client().cut(how)
            case CutClients():
                self.runner.send_message(CUT_MESSAGE, None)
            case Deploy():
                self._deploy()
            case _:
                assert_never(action)

    def _control_client(self) -> ControlClient:
        if self.control is None:
            raise ActionError("no simulator to control: pass the URL of its control API with --control")
        return self.control

    def _deploy(self) -> None:
        if not self.deploy_command:
            raise ActionError("no deploy command: pass one with --deploy-command")
        try:
            deploy = subprocess.Popen(  # noqa: S603 - the user's own command
                self.deploy_command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
                cwd=os.environ.get(WORKING_DIRECTORY_VARIABLE),
            )
        except OSError as error:
            raise ActionError(f"the deploy command can't be run: {error}") from None
        try:
            _, stderr = deploy.communicate(timeout=_DEPLOY_SECONDS)
        except subprocess.TimeoutExpired:
            raise ActionError(f"the deploy command did not finish within {_DEPLOY_SECONDS:.0f} s") from None
        finally:
            if deploy.returncode is None:  # kill its children, too
                os.killpg(deploy.pid, signal.SIGKILL)
                deploy.wait()
        if deploy.returncode:
            lines = hide_credentials(stderr.decode(errors="replace")).strip().splitlines()
            raise ActionError(
                f"the deploy command exited with code {deploy.returncode}: {lines[-1] if lines else 'no output'}"
            )


class _Caller(Protocol):
    def cut(self) -> None: ...


def listen_for_actions(
    runner: Any, recorder: ProcessRecorder, callers: Callable[[], Iterable[_Caller]] | None = None
) -> None:
    """Handle the messages of the fault injector in a process that has callers.

    `runner` is this process's own: a worker's, or the only one. `callers` returns those that can be cut; by default the
    runner's own users.
    """
    callers_now = callers or (lambda: running_users(runner))

    def begin(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust calls listeners by these names
        recorder.measurements.phase = msg.data

    def cut(environment: Any, msg: Any, **_: Any) -> None:  # noqa: ARG001 - Locust calls listeners by these names
        for caller in list(callers_now()):
            caller.cut()

    runner.register_message(PHASE_MESSAGE, begin)
    runner.register_message(CUT_MESSAGE, cut)


def running_users(runner: Any) -> list[Any]:
    """Return the users that run in this process. In Locust 2, each is the argument of a greenlet of the runner."""
    return [greenlet.args[0] for greenlet in runner.user_greenlets if greenlet.args]
