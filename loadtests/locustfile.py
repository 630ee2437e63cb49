"""The locustfile: the user class, the shape of a run, and the registration of our hooks.

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
    """A caller of the chosen scenario."""

    abstract = False

    def __init__(self, environment: Any) -> None:
        part: LoadPlugin = environment.load
        kind = type(self)  # read from the class when the user is created
        kind.behaviour, kind.recorder = part.next_caller()
        super().__init__(environment)


tag(*SCENARIOS)(CallUser.place_calls)  # `--tags NAME` chooses the scenario and must not filter its task


class ScenarioShape(LoadTestShape):
    """Start callers at the requested rate. Ends when the time is up or the target is down."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Return the number of callers and the spawn rate; None ends the run."""
        part: LoadPlugin = self.runner.environment.load  # type: ignore[union-attr]  # Locust sets the runner before it ticks
        if part.is_over:
            part.stop_callers()
            return None
        try:
            plan = part.current_plan()
        except PlanError as error:  # from Locust's web UI; a command line was checked before
            logging.getLogger(__name__).error("%s", error)  # noqa: TRY400 - plain words, no traceback
            return None
        return plan.users, plan.spawn_rate
