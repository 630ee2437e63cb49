"""The embedded simulator as a target: no key, no network, and any behaviour of the service by name."""

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
    """Run a simulator for the length of the block and give it as the target. KeyError for an unknown scenario.

    Model, dialect, headers and Azure's form are taken from the configuration; address and key are the simulator's own,
    and no proxy of the environment stands in between.
    """
    async with open_simulator() as running:
        address = running.azure_url if config.azure.value else running.base_url
        yield make_service_target(
            simulator_config(config, scenario, address), {}, secrets=secrets, on_progress=on_progress, scenario=scenario
        )


def simulator_config(config: Config, scenario: str, address: str) -> Config:
    """Give the configuration with the simulator's address and key in it. KeyError for an unknown scenario."""
    source = f"--simulate {scenario}"
    key: Setting[Secret | None] = Setting(Secret(SCENARIOS[scenario].key), source)
    return replace(config, base_url=Setting(address, source), api_key=key)


def scenario_notes(name: str) -> Iterator[Finding]:
    """Say what a single look at a scenario can't show: what comes later, and what gets better with time."""
    row, scenario = CheckRow("access", "scenario"), SCENARIOS[name]
    if scenario.takes_effect:
        yield row.noted(
            SCENARIO_LATER.slug, f"this scenario shows itself later than access looks: {scenario.takes_effect}"
        )
    if scenario.recovers:
        told = "each run starts a new simulator, so it never gets to succeed here"
        yield row.noted(SCENARIO_AFRESH.slug, f"{told}; keep one running: sherpa-sim serve --scenario {name}")
