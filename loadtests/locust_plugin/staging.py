"""What a run can do to its target: through the simulator's control API, and through a command that deploys it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from loadtests.control.simulator import Control, ControlError
from loadtests.locust_plugin.fault_injector import RunStage, Stage

if TYPE_CHECKING:
    from loadtests.metrics.recorder import Meter
    from loadtests.scenarios.plan import Plan


def stage_of(runner: Any, meter: Meter, control: Control | None, plan: Plan) -> Stage:
    """Make the stage of a run; `runner` is Locust's."""
    command = tuple(shlex.split(plan.deploy_command or ""))
    return RunStage(runner, meter, control, plan.scenario.service, command)


def opened_control(plan: Plan, troubles: list[str]) -> tuple[Control | None, int]:
    """Let the simulator forget what was before and behave as the scenario wants it; count what is open there.

    Where it cannot be asked that is a trouble.
    """
    if plan.control is None:
        return None, 0
    control = Control(plan.control)
    try:
        control.forget()
        control.set_faults(plan.scenario.service)
        return control, control.look().live
    except ControlError as error:
        troubles.append(str(error))
        return None, 0
