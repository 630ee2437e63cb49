"""Makes a bridge from its settings: the upstream, the session defaults, and every part that a process needs."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from bridge.config.resolve import DialectChoice
from bridge.core.settings import CoreSettings
from bridge.driver.settings import DriverSettings
from bridge.protocol.dialects.detection import Dialect
from bridge.server.admission.identities import Identities
from bridge.server.admission.policy import AdmissionPolicy
from bridge.server.admission.rates import AddressRates
from bridge.server.admission.session_counts import ActiveSessions
from bridge.server.admission.tickets import FolderUsedTickets, InMemoryUsedTickets
from bridge.server.app import Bridge
from bridge.server.dependencies import Dependencies
from bridge.server.fallback.sessions import process_name
from bridge.server.http.health import UpstreamHealth
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.observer import TelemetryObserver
from bridge.telemetry.tracing import SessionTraces, find_tracer
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.dial_limits import DialLimits
from bridge.upstream.pool import PoolSettings, SessionPool
from bridge.upstream.service import make_upstream
from bridge.upstream.session_config import SessionConfig
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.config.resolve import Config
    from bridge.core.events import Failure
    from bridge.server.admission.identities import DayLedger
    from bridge.server.admission.session_counts import WorkerCounts
    from bridge.server.admission.tickets import UsedTickets
    from bridge.server.config.settings import BridgeSettings
    from bridge.server.fallback.other_workers import OtherWorkers
    from bridge.server.page.simulator_panel import SimulatorControl
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import MetricsSnapshot
    from bridge.transport.token_buckets import BucketTable
    from bridge.upstream.dial_limits import DialState
    from bridge.upstream.link import Connector
    from bridge.upstream.service import UpstreamService


#: Fields of a failure that are logged. Its message isn't: it may quote the upstream.
_LOGGED_DETAIL = ("refusal", "status", "closeCode", "reason", "requestId")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedState:
    """What a worker shares with the other workers; the defaults are for a single process."""

    worker_counts: WorkerCounts | None = None
    identity_counts: WorkerCounts | None = None
    ledger: DayLedger | None = None
    """What the subjects of tickets have, and spend."""
    used_tickets: UsedTickets = field(default_factory=InMemoryUsedTickets)
    merge_workers: Callable[[MetricsSnapshot], MetricsSnapshot] = lambda own: own
    others: OtherWorkers | None = None
    """The other workers, which have fallback sessions of their own."""
    dials: DialState | None = None
    """What the limits of dialling remember."""
    connections: BucketTable | None = None
    wrong_credentials: BucketTable | None = None
    """What the rates of addresses remember."""
    now: Callable[[], float] = trio.current_time
    """The clock for rates and for outcomes of attempts, shared by all workers: trio's own starts differently in each
    process."""


def upstream_from_config(config: Config) -> UpstreamService:
    """Return the configured upstream. Raises ValueError for an invalid URL."""
    return make_upstream(
        config.base_url.value,
        config.api_key.value or Secret(""),
        organization=config.organization.value,
        project=config.project.value,
        azure=config.azure.value or None,
        dialect=initial_dialect(config),
        headers=config.headers.value,
    )


def initial_dialect(config: Config) -> Dialect:
    """Return the dialect to start with; the upstream's first event may correct it."""
    return Dialect.BETA if config.dialect.value is DialectChoice.BETA else Dialect.GA


def make_session_config(settings: BridgeSettings) -> SessionConfig:
    """Return the server's part in every session: the options it enforces, and the defaults for the others."""
    server, locked = settings.session_defaults, settings.clients.locked
    options = {"voice": server.voice, "instructions": server.instructions, "turnDetection": server.turn_detection}
    known = {name: value for name, value in options.items() if value is not None}
    enforced = {name: value for name, value in known.items() if name in locked}
    model = settings.upstream.model.value
    return SessionConfig(
        model=model,
        defaults={name: value for name, value in known.items() if name not in locked},
        enforced=enforced | ({"model": model} if "model" in locked else {}),
    )


def make_connector(settings: BridgeSettings, upstream: UpstreamService) -> RealtimeConnector:
    """Return the connector that opens sessions. Raises ValueError if the upstream's URL can't be used."""
    return RealtimeConnector(upstream, make_session_config(settings), mint_secrets=settings.session_defaults.mint)


def make_pool(settings: BridgeSettings, connector: RealtimeConnector, log: Log) -> SessionPool | None:
    """Return the pool of prewarmed sessions, None if the settings ask for none. The caller starts it."""

    def on_failure(failure: Failure) -> None:
        detail = {name: failure.detail[name] for name in _LOGGED_DETAIL if name in failure.detail}
        log.write("warning", "pool.failed", "No OpenAI session could be prewarmed", code=failure.code, **detail)

    if not settings.session_defaults.prewarm:
        return None
    sizes = PoolSettings(size=settings.session_defaults.prewarm)
    return SessionPool(
        connector,
        session_config=make_session_config(settings),
        settings=sizes,
        rng=random.random,
        on_failure=on_failure,
    )


def make_driver_settings(settings: BridgeSettings) -> DriverSettings:
    """Return the limits and times of each session."""
    core = CoreSettings(
        caps=settings.clients.caps,
        prices=settings.clients.prices,
        rollover=settings.session_defaults.rollover,
        no_session_seconds=settings.clients.no_session_seconds or math.inf,
    )
    return DriverSettings(core=core, drain_seconds=settings.drain_seconds)


def make_bridge(
    settings: BridgeSettings,
    connector: Connector,
    log: Log,
    shared: SharedState | None = None,
    *,
    simulator: SimulatorControl | None = None,
) -> Bridge:
    """Return the bridge of one process, with the control of its simulator if it has one. Call it inside `trio.run`."""
    shared = shared or SharedState()
    metrics, active = Metrics(), ActiveSessions(shared.worker_counts)
    kept = settings.clients.used_tickets_dir
    used_tickets = shared.used_tickets if kept is None else FolderUsedTickets(Path(kept))
    rates = AddressRates(settings.clients.connections_per_ip, shared.connections, shared.wrong_credentials)
    dial_limits = DialLimits(
        per_address=settings.clients.dials_per_ip, in_all=settings.clients.dials, state=shared.dials, now=shared.now
    )
    health = UpstreamHealth(shared.now, settings.upstream.model.value)
    observer = TelemetryObserver(
        log, metrics, SessionTraces(find_tracer()), now=trio.current_time, watchers=(health.on_log_event,)
    )
    dependencies = Dependencies(
        rules=settings.clients,
        connector=connector,
        driver=make_driver_settings(settings),
        admission=AdmissionPolicy(
            settings.clients, active, used_tickets, unix_now=time.time, now=shared.now, rates=rates
        ),
        rates=rates,
        now=shared.now,
        dial_limits=dial_limits,
        active_sessions=active,
        identities=Identities(
            settings.clients.identity_caps,
            ActiveSessions(shared.identity_counts),
            shared.ledger,
            unix_now=time.time,
        ),
        health=health,
        observer=observer,
        metrics=metrics,
        log=log,
        merge_workers=shared.merge_workers,
        process_name=process_name(settings.node, 0) if shared.others is None else shared.others.own_name,
        others=shared.others,
        count_prewarmed=lambda: connector.ready_count if isinstance(connector, SessionPool) else 0,
        public_metrics=settings.admin is None,
        page=settings.page,
        simulator=simulator,
    )
    return Bridge(dependencies)


def configured_secrets(settings: BridgeSettings) -> Iterable[Secret]:
    """Return every secret that logs must not contain."""
    tokens = (settings.clients.token, settings.admin.token if settings.admin else None)
    return (*settings.upstream.secrets(), *(token for token in tokens if token is not None))
