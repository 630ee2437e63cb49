"""Connects a run to its target: the simulator's control API, and the deploy command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from loadtests.control.simulator import ControlClient, ControlError
from loadtests.locust_plugin.fault_injector import ActionExecutor, RunExecutor

if TYPE_CHECKING:
    from loadtests.metrics.recorder import ProcessRecorder
    from loadtests.scenarios.plan import RunPlan


def make_executor(
    runner: Any, recorder: ProcessRecorder, control: ControlClient | None, plan: RunPlan
) -> ActionExecutor:
    """Make the executor of a run. `runner` is Locust's."""
    command = tuple(shlex.split(plan.deploy_command or ""))
    return RunExecutor(runner, recorder, control, plan.scenario.service_faults, command)


def connect_control(plan: RunPlan, errors: list[str]) -> tuple[ControlClient | None, int]:
    """Reset the simulator and apply the scenario's service faults. Returns its client and the number of open sockets.

    If it does not respond, the error is added to `errors`, and the client is None.
    """
    if plan.control_url is None:
        return None, 0
    control = ControlClient(plan.control_url)
    try:
        control.reset()
        control.set_faults(plan.scenario.service_faults)
        return control, control.snapshot().open_sockets
    except ControlError as error:
        errors.append(str(error))
        return None, 0
