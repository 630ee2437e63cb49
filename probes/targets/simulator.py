"""The embedded simulator as a target: needs no key and no network, and shows any scenario of the service."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.config.resolve import Setting
from bridge.simulator.embedded import open_simulator
from bridge.simulator.faults.scenarios import SCENARIOS
from probes.problems.tool import SCENARIO_AFRESH, SCENARIO_LATER
from probes.runner.findings import CheckRow
from probes.targets.service import make_service_target
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from bridge.config.resolve import Config
    from probes.runner.redaction import Secrets
    from probes.targets.service import ServiceTarget
    from reports.model import Finding


@asynccontextmanager
async def open_simulated_target(
    scenario: str, config: Config, *, secrets: Secrets, on_progress: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[ServiceTarget, None]:
    """Run a simulator in the block and yield it as a target. Raises KeyError for an unknown scenario.

    Model, dialect, headers and the Azure mode come from the configuration; URL and key are the simulator's own.
    Connections don't use a proxy.
    """
    async with open_simulator() as running:
        address = running.azure_url if config.azure.value else running.base_url
        yield make_service_target(
            simulator_config(config, scenario, address), {}, secrets=secrets, on_progress=on_progress, scenario=scenario
        )


def simulator_config(config: Config, scenario: str, address: str) -> Config:
    """Return the configuration with the simulator's URL and key. Raises KeyError for an unknown scenario."""
    source = f"--simulate {scenario}"
    key: Setting[Secret | None] = Setting(Secret(SCENARIOS[scenario].key), source)
    return replace(config, base_url=Setting(address, source), api_key=key)


def scenario_notes(name: str) -> Iterator[Finding]:
    """Yield notes on what one run can't show of a scenario: failures that come later, and recoveries."""
    row, scenario = CheckRow("access", "scenario"), SCENARIOS[name]
    if scenario.takes_effect:
        yield row.noted(
            SCENARIO_LATER.slug, f"this scenario takes effect after the checks of access: {scenario.takes_effect}"
        )
    if scenario.recovers:
        restart = "each run starts a new simulator, so this scenario never recovers"
        yield row.noted(SCENARIO_AFRESH.slug, f"{restart}; to keep one running: sherpa-sim serve --scenario {name}")
