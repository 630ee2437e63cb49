"""One run: a bridge, its callers, their links, and a service for each connection, made from a plan.

`simulate` runs a plan under the virtual clock, records what happens (`record.py`), and then checks the invariants.
"""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from random import Random
from typing import TYPE_CHECKING, assert_never

import httpx
import trio

from bridge.core.settings import CoreSettings
from bridge.driver.settings import DriverSettings
from bridge.protocol.audio.tracer import TracerSource
from bridge.protocol.dialects.detection import Dialect
from bridge.server.admission.policy import AdmissionPolicy
from bridge.server.admission.session_counts import ActiveSessions
from bridge.server.admission.tickets import InMemoryUsedTickets
from bridge.server.app import Bridge
from bridge.server.config.settings import ClientRules
from bridge.server.dependencies import Dependencies
from bridge.server.http.health import UpstreamHealth
from bridge.simulation.client import SimulatedCaller
from bridge.simulation.connection import ConnectionRecord
from bridge.simulation.determinism import run_seeded
from bridge.simulation.disruptions import (
    ClientDisconnect,
    ClientStopsReading,
    LinkDisruption,
    LinkSide,
    ServiceDisruption,
)
from bridge.simulation.invariants import find_violations
from bridge.simulation.network import LinkConditions, MemoryLink
from bridge.simulation.record import RunRecord
from bridge.simulation.service import API_KEY, MintTransport, SimulatedService, unix_now
from bridge.simulation.trace import Trace
from bridge.telemetry.log import Log, LogFormat
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.observer import TelemetryObserver
from bridge.telemetry.tracing import SessionTraces
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.rest import make_upstream
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import LogEvent
    from bridge.core.session import SessionStatistics
    from bridge.simulation.disruptions import Disruption
    from bridge.simulation.plan import CallPlan, SimulationPlan
    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.service import UpstreamService

#: How long the bridge's sessions get to end by themselves after the last caller, before they count as leaked.
_CLEANUP_SECONDS = 8.0
#: A run that takes longer, in virtual seconds, hangs.
LONGEST_RUN_SECONDS = 4_000.0

#: The connection that a task of the bridge serves.
_connection: ContextVar[ConnectionRecord] = ContextVar("connection")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """The outcome of one run."""

    seed: int
    digest: str
    """A hash of everything that happened: equal for equal runs."""
    seconds: float
    """How long it took, in virtual seconds."""
    connections: int
    upstream_connections: int
    fault_counts: Mapping[str, int]
    """Faults that took effect, by kind."""
    violations: tuple[str, ...]
    """Each invariant that did not hold: connection, invariant, what happened."""
    lines: tuple[str, ...] = ()
    """The trace, where it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A bug that is built into the bridge, to prove that the invariants find it."""

    change: Callable[[Dependencies], Dependencies] = lambda dependencies: dependencies
    bridge: type[Bridge] = Bridge


class SimulationRun:
    """Runs one plan, and writes what happens into `record`."""

    def __init__(self, record: RunRecord, defect: Defect) -> None:
        self.record = record
        self._plan, self._trace, self._defect = record.plan, record.trace, defect
        self._callers: list[SimulatedCaller] = []
        self._served: dict[str, ConnectionRecord] = {}
        """The connections that the bridge serves, by its id for them."""

    async def run(self) -> None:
        """Run the plan to its end."""
        with trio.move_on_after(LONGEST_RUN_SECONDS) as scope:
            async with trio.open_nursery() as nursery:
                bridge = self._make_bridge()
                self._callers = [self._make_caller(call, bridge, nursery) for call in self._plan.calls]
                nursery.start_soon(self._disrupt, bridge)
                async with trio.open_nursery() as calls:
                    for caller in self._callers:
                        calls.start_soon(caller.run)
                await trio.sleep(_CLEANUP_SECONDS)
                self.record.ended_at = trio.current_time()
                nursery.cancel_scope.cancel()
        self.record.hung = scope.cancelled_caught

    # The bridge

    def _make_bridge(self) -> Bridge:
        plan = self._plan
        metrics, active = Metrics(), ActiveSessions()
        log = Log(StringIO(), log_format=LogFormat.JSON, level="error", secrets=())
        health = UpstreamHealth(trio.current_time)
        rules = ClientRules()
        core = CoreSettings(rollover=plan.rollover, caps=plan.caps)
        dependencies = Dependencies(
            rules=rules,
            connector=_make_connector(plan),
            driver=DriverSettings(core=core, client_queue_bytes=plan.client_bytes, drain_seconds=5.0),
            admission=AdmissionPolicy(rules, active, InMemoryUsedTickets(), unix_now=unix_now),
            active_sessions=active,
            health=health,
            observer=_RecordingObserver(self, log, metrics, health),
            metrics=metrics,
            log=log,
            clock=lambda: datetime.fromtimestamp(unix_now(), UTC),
        )
        return self._defect.bridge(self._defect.change(dependencies))

    def on_session_started(self, client_id: str) -> None:
        """Note that the bridge serves the connection whose task this is, under this id."""
        self._served[client_id] = _connection.get()

    def on_log_event(self, client_id: str, event: LogEvent) -> None:
        """Record what the bridge logs about a connection, from whatever task."""
        connection = self._served[client_id]
        connection.log_events.append((trio.current_time(), event.name, event.fields))
        self._trace.note(connection.name, f"# {event.name}")

    # Callers and their connections

    def _make_caller(self, call: CallPlan, bridge: Bridge, nursery: trio.Nursery) -> SimulatedCaller:
        def open_connection(name: str) -> ConnectionRecord:
            return self._open_connection(call, name, bridge, nursery, without_faults=caller.faults_ended.is_set())

        caller = SimulatedCaller(call, self._plan.seed, self._trace, open_connection)
        return caller

    def _open_connection(
        self, call: CallPlan, name: str, bridge: Bridge, nursery: trio.Nursery, *, without_faults: bool
    ) -> ConnectionRecord:
        seed = f"{self._plan.seed}:{name}"
        conditions = LinkConditions() if without_faults else replace(call.client_conditions)
        rng = Random(f"client:{seed}")
        connection = ConnectionRecord(
            name=name,
            link=MemoryLink(conditions, rng, lambda kind: self._trace.fault(name, f"client {kind}")),
            service=SimulatedService(call, seed, self._trace, nursery, without_faults=without_faults),
            source=TracerSource(1 + len(self.record.connections)),
            native=call.native,
        )
        self.record.connections.append(connection)
        self._trace.note(name, "connects")
        nursery.start_soon(self._serve, bridge, connection)
        return connection

    async def _serve(self, bridge: Bridge, connection: ConnectionRecord) -> None:
        _connection.set(connection)
        await bridge.serve_stream(connection.link.far)
        connection.served_until = trio.current_time()
        self._trace.note(connection.name, "served")

    # Disruptions

    async def _disrupt(self, bridge: Bridge) -> None:
        """Inject every disruption of the plan at its time, and end all faults when the plan says so."""
        plan = self._plan
        async with trio.open_nursery() as nursery:
            for caller, call in zip(self._callers, plan.calls, strict=True):
                for timed in call.disruptions:
                    nursery.start_soon(self._inject, timed.at, timed.disruption, caller)
            if plan.drain_at is not None:
                nursery.start_soon(self._drain, bridge, plan.drain_at)
            await trio.sleep_until(plan.faults_end_at)
            self._end_faults()

    def _end_faults(self) -> None:
        self._trace.note("run", "faults end")
        for caller in self._callers:
            caller.faults_ended.set()
            for connection in caller.connections:
                connection.link.conditions.clear()
                connection.service.stop_faults()

    async def _drain(self, bridge: Bridge, at: float) -> None:
        await trio.sleep_until(at)
        self.record.drained_at = trio.current_time()
        self._trace.fault("run", "drain")
        bridge.drain()

    async def _inject(self, at: float, disruption: Disruption, caller: SimulatedCaller) -> None:
        await trio.sleep_until(at)
        connection = caller.current
        if connection is None:
            return
        match disruption:
            case LinkDisruption(kind, side, seconds):
                links = [connection.link] if side is LinkSide.CLIENT else connection.service.links[-1:]
                for link in links:
                    _disrupt_link(link, kind, seconds)
            case ServiceDisruption(action):
                connection.service.inject(action)
            case ClientDisconnect(with_close_frame):
                caller.disconnect(with_close_frame=with_close_frame)
            case ClientStopsReading(seconds):
                await caller.stop_reading(seconds)
            case _:
                assert_never(disruption)


def _disrupt_link(link: MemoryLink, kind: str, seconds: float) -> None:
    if kind == "reset":
        link.reset()
    elif kind == "half-open":
        link.go_silent()
    else:
        link.stall(seconds)


class _RecordingObserver(TelemetryObserver):
    """The bridge's own observer; log events and internal errors go into the record as well."""

    def __init__(self, run: SimulationRun, log: Log, metrics: Metrics, health: UpstreamHealth) -> None:
        watchers = (health.on_log_event, run.on_log_event)
        super().__init__(log, metrics, SessionTraces(None), now=trio.current_time, watchers=watchers)
        self._run = run

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        """Note which connection the session is for."""
        self._run.on_session_started(client_id)
        super().session_started(client_id, statistics)

    def internal_error(self, client_id: str, error: BaseException) -> None:
        """Record a bug of the bridge."""
        self._run.record.errors.append(error)
        super().internal_error(client_id, error)


# Connections to the service: each goes to the simulator of the connection whose task opens it.


def _make_connector(plan: SimulationPlan) -> RealtimeConnector:
    dialect = Dialect.BETA if plan.beta else Dialect.GA
    return RealtimeConnector(
        make_upstream("http://upstream.test/v1", Secret(API_KEY), dialect=dialect),
        mint_secrets=plan.mints,
        ssl_context=_no_tls(),
        open_stream=_open_stream,
        open_rest_client=_open_rest_client,
        unix_time=unix_now,
        environment={},
    )


async def _open_stream(_: ParsedUrl) -> trio.abc.Stream:
    await trio.lowlevel.checkpoint()
    return _connection.get().service.open_stream()


def _open_rest_client(upstream: UpstreamService) -> httpx.AsyncClient:
    transport = MintTransport(_connection.get().service)
    return httpx.AsyncClient(transport=transport, headers=list(upstream.rest_headers()), trust_env=False)


@cache
def _no_tls() -> ssl.SSLContext:
    """Give an empty context: nothing here is encrypted, and loading certificates would dominate a run."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def run_plan(plan: SimulationPlan, *, keep_trace: bool = False, defect: Defect | None = None) -> RunRecord:
    """Run a plan to its end and give the record of it. Raises what escapes from the run."""
    record = RunRecord(plan, Trace(keep=keep_trace))
    _run(record, defect or Defect())
    return record


def simulate(plan: SimulationPlan, *, keep_trace: bool = False, defect: Defect | None = None) -> SimulationResult:
    """Run a plan to its end and check the invariants. An exception that escapes from the run is one more violation."""
    record = RunRecord(plan, Trace(keep=keep_trace))
    escaped: list[str] = []
    try:
        _run(record, defect or Defect())
    except Exception as error:  # noqa: BLE001 - reported with the seed, as every violation is
        escaped = [f"the run raised {error!r}"]
    trace = record.trace
    return SimulationResult(
        seed=plan.seed,
        digest=trace.digest,
        seconds=record.seconds,
        connections=len(record.connections),
        upstream_connections=sum(len(connection.service.links) for connection in record.connections),
        fault_counts=dict(trace.fault_counts),
        violations=(*escaped, *find_violations(record)),
        lines=tuple(trace.lines),
    )


def _run(record: RunRecord, defect: Defect) -> None:
    async def main() -> None:
        try:
            await SimulationRun(record, defect).run()
        finally:
            record.seconds = trio.current_time()

    run_seeded(record.plan.seed, main)
