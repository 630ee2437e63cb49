"""The file that Locust is given: one kind of caller, one shape of a run, and our listeners. Nothing else stands here.

locust -f loadtests/locustfile.py --scenario conversation -H ws://127.0.0.1:8765
"""

from __future__ import annotations

import logging
from typing import Any

from locust import LoadTestShape, events, tag

from loadtests.locust_plugin.hooks import LoadPlugin, register
from loadtests.locust_plugin.users import CallUser
from loadtests.scenarios.plan import PlanError
from loadtests.scenarios.table import SCENARIOS

register(events)


class ScenarioUser(CallUser):
    """A caller of the scenario that was chosen."""

    abstract = False

    def __init__(self, environment: Any) -> None:
        part: LoadPlugin = environment.load
        kind = type(self)  # where a caller looks, once, when it is made
        kind.behaviour, kind.recorder = part.next_caller()
        super().__init__(environment)


tag(*SCENARIOS)(CallUser.place_calls)  # `--tags NAME`, which chooses the scenario, leaves its task where it is


class ScenarioShape(LoadTestShape):
    """Everybody calls at the rate that was asked for; the run ends when its time is over, or its target is down."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Give how many callers there are to be; None ends the run."""
        part: LoadPlugin = self.runner.environment.load  # type: ignore[union-attr]  # Locust sets the runner before it ticks
        if part.is_over:
            part.stop_callers()
            return None
        try:
            plan = part.current_plan()
        except PlanError as error:  # asked for on Locust's page; a command line was checked before
            logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - plain words, no traceback
            return None
        return plan.users, plan.spawn_rate
