"""The embedded simulator as a target: no key, no network, and any behaviour of the service by name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge.config import Setting
from bridge.secret import Secret
from bridge.simulator.embedded import open_simulator
from probes.target import make_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bridge.config import Config
    from probes.redact import Secrets
    from probes.target import Target


@asynccontextmanager
async def open_simulated_target(
    scenario: str, config: Config, *, secrets: Secrets, doing: Callable[[str], None] = lambda _: None
) -> AsyncGenerator[Target, None]:
    """Run a simulator for the length of the block and give it as the target. KeyError for an unknown scenario.

    Model, dialect, headers and Azure's form are taken from the configuration; address and key are the simulator's own,
    and no proxy of the environment stands in between.
    """
    async with open_simulator() as running:
        source = f"--simulate {scenario}"
        address = running.azure_url if config.azure.value else running.base_url
        key: Setting[Secret | None] = Setting(Secret(running.key_for(scenario)), source)
        simulated = replace(config, base_url=Setting(address, source), api_key=key)
        yield make_target(simulated, {}, secrets=secrets, doing=doing, scenario=scenario)
