"""The reference bridge in front of the embedded simulator as a target: needs no key and no network.

Both listen on loopback in this process and end with the block. The probe can ask the simulator which tracer audio it
received, so it can account for the speech even if the response doesn't echo it.
"""

from __future__ import annotations

import io
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from bridge.client_protocol.endpoints import CLIENT_PATH
from bridge.config.resolve import DialectChoice
from bridge.server.assembly import make_bridge, make_connector, upstream_from_config
from bridge.server.config.settings import BridgeSettings, SessionDefaults
from bridge.simulator.embedded import open_simulator
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.settings import Settings
from bridge.telemetry.log import Log
from probes.targets.bridge import make_bridge_target
from probes.targets.simulator import simulator_config

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from bridge.config.resolve import Config
    from probes.runner.redaction import Secrets
    from probes.targets.bridge import BridgeTarget


@asynccontextmanager
async def open_simulated_bridge(
    scenario: str,
    config: Config,
    *,
    secrets: Secrets,
    on_progress: Callable[[str], None] = lambda _: None,
    path: str = CLIENT_PATH,
) -> AsyncGenerator[BridgeTarget, None]:
    """Run bridge and simulator in the block and yield the bridge. Raises KeyError for an unknown scenario.

    The bridge mints a client secret for every session, because some scenarios fail there. Model, dialect and the
    Azure mode come from the configuration. An exception of the block is raised as it is, not in an exception group.
    """
    known = SCENARIOS[scenario]
    try:
        async with open_simulator(_simulated(config)) as running, trio.open_nursery() as nursery:
            address = running.azure_url if config.azure.value else running.base_url
            settings = BridgeSettings(
                upstream=simulator_config(config, scenario, address), session_defaults=SessionDefaults(mint=True)
            )
            connector = make_connector(settings, upstream_from_config(settings.upstream))
            bridge = make_bridge(settings, connector, Log(_Nowhere(), level="error"))
            serve = partial(trio.serve_tcp, bridge.serve_stream, 0, host="127.0.0.1")
            (listener, *_) = await nursery.start(serve)
            url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}{path}"
            target = make_bridge_target(
                url, None, config, secrets=secrets, on_progress=on_progress, scenario=scenario, environment={}
            )
            yield replace(target, upstream_tracer=partial(running.journal.tracer_account, known.key))
            nursery.cancel_scope.cancel()
            return
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        alone = group.exceptions[0]
    raise alone


def _simulated(config: Config) -> Settings:
    """Return the simulator's settings: GA only, or both dialects if the configuration requests beta."""
    return Settings(dialect="both" if config.dialect.value is DialectChoice.BETA else "ga")


class _Nowhere(io.StringIO):
    """Discards the log of the embedded bridge; its messages to clients show everything that matters."""

    def write(self, text: str, /) -> int:
        """Discard the text."""
        return len(text)
