"""What a bridge is made of: a frozen value, by `assembly.py` from the settings; simulation and tests make their own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from bridge.server.admission.identities import Identities
from bridge.server.admission.rates import AddressRates
from bridge.server.admission.session_counts import ActiveSessions
from bridge.server.clients.json_client import utc_now
from bridge.server.config.settings import IdentityCaps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bridge.driver.settings import DriverSettings
    from bridge.server.admission.policy import AdmissionPolicy
    from bridge.server.config.settings import ClientRules
    from bridge.server.fallback.other_workers import OtherWorkers
    from bridge.server.http.health import UpstreamHealth
    from bridge.server.page.simulator_panel import SimulatorControl
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics, MetricsSnapshot
    from bridge.telemetry.observer import TelemetryObserver
    from bridge.upstream.dial_limits import DialLimits
    from bridge.upstream.link import Connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """The parts of one process of a bridge."""

    rules: ClientRules
    connector: Connector
    driver: DriverSettings
    admission: AdmissionPolicy
    active_sessions: ActiveSessions
    health: UpstreamHealth
    observer: TelemetryObserver
    metrics: Metrics
    log: Log
    merge_workers: Callable[[MetricsSnapshot], MetricsSnapshot] = lambda own: own
    """Adds the metrics of the other workers, and the outcomes of their attempts, to this worker's."""
    identities: Identities = field(
        default_factory=lambda: Identities(IdentityCaps(), ActiveSessions(), unix_now=time.time)
    )
    """What the subjects of tickets may have and spend."""
    dial_limits: DialLimits | None = None
    """How often sessions are opened; None: as often as clients ask."""
    rates: AddressRates = field(default_factory=lambda: AddressRates(0))
    """How often an address may connect."""
    now: Callable[[], float] = trio.current_time
    """The clock of the rates, which all workers have in common."""
    count_prewarmed: Callable[[], int] = lambda: 0
    """Returns the number of upstream sessions that wait for a client."""
    clock: Callable[[], datetime] = utc_now
    """The time of day, for the timestamp of every message."""
    public_metrics: bool = True
    """Whether the clients' port serves metrics, too; not if there is a listener for them."""
    process_name: str = "bridge-0"
    """The name of this process in the ids of its fallback sessions."""
    others: OtherWorkers | None = None
    """The other workers, which have fallback sessions of their own; None if there are none."""
    page: bool = True
    """Whether the browser page is served."""
    simulator: SimulatorControl | None = None
    """Controls the simulator behind the bridge, for the page's fault panel; None if there is none."""
