"""From settings to a bridge: the upstream, what sessions are, and every part that a process needs."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from bridge.config.resolve import DialectChoice
from bridge.core.settings import CoreSettings
from bridge.driver.settings import DriverSettings
from bridge.protocol.dialects.detection import Dialect
from bridge.server.admission.policy import Admission
from bridge.server.admission.session_counts import Present
from bridge.server.admission.tickets import MemoryUsed
from bridge.server.app import Bridge, Parts
from bridge.server.http.health import Health
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.observer import Observer
from bridge.telemetry.tracing import Traces, installed_tracer
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.pool import Pool, PoolSettings
from bridge.upstream.service import upstream_at
from bridge.upstream.session_config import Asking
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.config.resolve import Config
    from bridge.core.events import Failure
    from bridge.server.admission.session_counts import Slots
    from bridge.server.admission.tickets import Used
    from bridge.server.config.settings import BridgeSettings
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Snapshot
    from bridge.upstream.connector import Connector
    from bridge.upstream.service import Upstream


#: What a log line repeats of a failure; its message may hold an upstream's words.
_WHY = ("refusal", "status", "closeCode", "reason", "requestId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What a worker shares with the others; by default with nobody."""

    slots: Slots | None = None
    used: Used = field(default_factory=MemoryUsed)
    all_workers: Callable[[Snapshot], Snapshot] = lambda own: own
    now: Callable[[], float] = trio.current_time
    """The clock that attempts are judged by; trio's own begins somewhere else in every process."""


def upstream_of(config: Config) -> Upstream:
    """Give the configured upstream. ValueError for a URL that cannot be used."""
    return upstream_at(
        config.base_url.value,
        config.api_key.value or Secret(""),
        organization=config.organization.value,
        project=config.project.value,
        azure=config.azure.value or None,
        dialect=dialect_of(config),
        headers=config.headers.value,
    )


def dialect_of(config: Config) -> Dialect:
    """Give the dialect to begin with; the first frame may correct it."""
    return Dialect.BETA if config.dialect.value is DialectChoice.BETA else Dialect.GA


def asking_of(settings: BridgeSettings) -> Asking:
    """Give the house's part in every session: what it fixes, and what holds when the client says nothing."""
    house, locked = settings.house, settings.clients.locked
    said = {"voice": house.voice, "instructions": house.instructions, "turnDetection": house.turn_detection}
    known = {name: value for name, value in said.items() if value is not None}
    owned = {name: value for name, value in known.items() if name in locked}
    model = settings.upstream.model.value
    return Asking(
        model=model,
        defaults={name: value for name, value in known.items() if name not in locked},
        owned=owned | ({"model": model} if "model" in locked else {}),
    )


def connector_of(settings: BridgeSettings, upstream: Upstream) -> RealtimeConnector:
    """Give what opens sessions. ValueError when the upstream cannot be asked at all."""
    return RealtimeConnector(upstream, asking_of(settings), mints=settings.house.mint)


def pool_of(settings: BridgeSettings, connector: RealtimeConnector, log: Log) -> Pool | None:
    """Give the pool of sessions that wait for clients, where one is wanted; whoever takes it starts it."""

    def failed(failure: Failure) -> None:
        why = {name: failure.detail[name] for name in _WHY if name in failure.detail}
        log.write("warning", "pool.failed", "No OpenAI session could be kept ready", code=failure.code, **why)

    if not settings.house.prewarm:
        return None
    sizes = PoolSettings(size=settings.house.prewarm)
    return Pool(connector, asking=asking_of(settings), settings=sizes, chance=random.random, on_failed=failed)


def make_bridge(settings: BridgeSettings, connector: Connector, log: Log, shared: Shared | None = None) -> Bridge:
    """Put one process's bridge together; only inside trio."""
    shared = shared or Shared()
    metrics, present, health = Metrics(), Present(shared.slots), Health(shared.now)
    observer = Observer(log, metrics, Traces(installed_tracer()), now=trio.current_time, watchers=(health.note,))
    parts = Parts(
        rules=settings.clients,
        connector=connector,
        driver=DriverSettings(
            core=CoreSettings(rollover=settings.house.rollover), drain_seconds=settings.drain_seconds
        ),
        admission=Admission(settings.clients, present, shared.used, unix_now=time.time),
        present=present,
        health=health,
        observer=observer,
        metrics=metrics,
        log=log,
        all_workers=shared.all_workers,
        kept_ready=lambda: connector.ready if isinstance(connector, Pool) else 0,
    )
    return Bridge(parts)


def secrets_of(settings: BridgeSettings) -> Iterable[Secret]:
    """Give everything that no log may show."""
    token = settings.clients.token
    return (*settings.upstream.secrets(), *((token,) if token is not None else ()))
