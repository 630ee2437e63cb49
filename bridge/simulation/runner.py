"""One run: a bridge, its callers, their links, a service for each visit; made from a plan, judged at the end."""

from __future__ import annotations

import math
import ssl
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
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
from bridge.server.app import Bridge, Dependencies
from bridge.server.config.settings import ClientRules
from bridge.server.http.health import UpstreamHealth
from bridge.simulation.client import SimulatedCaller
from bridge.simulation.connection import ConnectionRecord
from bridge.simulation.determinism import run_seeded
from bridge.simulation.disruptions import ClientDisconnect, ClientStopsReading, LinkDisruption, LinkSide
from bridge.simulation.disruptions import ServiceDisruption as ServiceDoes
from bridge.simulation.invariants import find_violations
from bridge.simulation.network import LinkConditions, MemoryLink
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
    from bridge.simulation.disruptions import Disruption
    from bridge.simulation.plan import CallPlan, SimulationPlan
    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.service import UpstreamService

#: What a session of the bridge may take to end by itself when the run is over, before it counts as left behind.
_TIDY_SECONDS = 8.0
#: The whole run, in virtual seconds: whatever lasts longer hangs.
LONGEST_RUN_SECONDS = 4_000.0

_visit: ContextVar[ConnectionRecord] = ContextVar("visit")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """What a run came to."""

    seed: int
    digest: str
    seconds: float
    """Virtual ones."""
    connections: int
    upstream_connections: int
    fault_counts: Mapping[str, int]
    violations: tuple[str, ...]
    """Each invariant that did not hold: who, what, how."""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A bridge with a mistake in it, to see that the invariants bite."""

    change: Callable[[Dependencies], Dependencies] = lambda parts: parts
    bridge: type[Bridge] = Bridge


@dataclass(slots=True)
class SimulationRun:
    """Everything of one run. The invariants read it."""

    plan: SimulationPlan
    trace: Trace
    defect: Defect
    callers: list[SimulatedCaller] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    """What the bridge's doors let out: mistakes of its own."""
    drained_at: float | None = None
    ended_at: float = math.inf
    """When whatever still ran was cut off."""
    hung: bool = False

    @property
    def connections(self) -> list[ConnectionRecord]:
        """All of them, caller by caller."""
        return [visit for caller in self.callers for visit in caller.connections]

    async def run(self) -> None:
        """Live through the plan."""
        with trio.move_on_after(LONGEST_RUN_SECONDS) as scope:
            async with trio.open_nursery() as nursery:
                bridge = self._bridge()
                self.callers = [self._caller(call, bridge, nursery) for call in self.plan.calls]
                nursery.start_soon(self._trouble, bridge)
                async with trio.open_nursery() as calling:
                    for caller in self.callers:
                        calling.start_soon(caller.run)
                await trio.sleep(_TIDY_SECONDS)
                self.ended_at = trio.current_time()
                nursery.cancel_scope.cancel()
        self.hung = scope.cancelled_caught

    # The bridge

    def _bridge(self) -> Bridge:
        plan = self.plan
        metrics, present = Metrics(), ActiveSessions()
        log = Log(StringIO(), log_format=LogFormat.JSON, level="error", secrets=())
        health = UpstreamHealth(trio.current_time)
        observer = _Watching(self, log, metrics, health)
        dialect = Dialect.BETA if plan.beta else Dialect.GA
        upstream = make_upstream("http://upstream.test/v1", Secret(API_KEY), dialect=dialect)
        connector = RealtimeConnector(
            upstream,
            mint_secrets=plan.mints,
            ssl_context=_no_tls(),
            open_stream=_open_stream,
            open_rest_client=_open_client,
            unix_time=unix_now,
            environment={},
        )
        rules = ClientRules()
        core = CoreSettings(rollover=plan.rollover)
        parts = Dependencies(
            rules=rules,
            connector=connector,
            driver=DriverSettings(core=core, client_queue_bytes=plan.client_bytes, drain_seconds=5.0),
            admission=AdmissionPolicy(rules, present, InMemoryUsedTickets(), unix_now=unix_now),
            active_sessions=present,
            health=health,
            observer=observer,
            metrics=metrics,
            log=log,
            clock=lambda: datetime.fromtimestamp(unix_now(), UTC),
        )
        return self.defect.bridge(self.defect.change(parts))

    # The callers

    def _caller(self, call: CallPlan, bridge: Bridge, nursery: trio.Nursery) -> SimulatedCaller:
        def visit(name: str) -> ConnectionRecord:
            return self._visit(call, name, bridge, nursery, calm=caller.faults_ended.is_set())

        caller = SimulatedCaller(call, self.plan.seed, self.trace, visit)
        return caller

    def _visit(
        self, call: CallPlan, name: str, bridge: Bridge, nursery: trio.Nursery, *, calm: bool
    ) -> ConnectionRecord:
        seed = f"{self.plan.seed}:{name}"
        weather = LinkConditions() if calm else replace(call.client_conditions)
        link = MemoryLink(weather, Random(f"client:{seed}"), lambda kind: self.trace.fault(name, f"client {kind}"))
        service = SimulatedService(call, seed, self.trace, nursery, without_faults=calm)
        number = 1 + sum(len(caller.connections) for caller in self.callers)
        visit = ConnectionRecord(name=name, link=link, service=service, source=TracerSource(number), native=call.native)
        self.trace.note(name, "connects")
        nursery.start_soon(self._serve, bridge, visit)
        return visit

    async def _serve(self, bridge: Bridge, visit: ConnectionRecord) -> None:
        _visit.set(visit)
        await bridge.serve_stream(visit.link.far)
        visit.served_until = trio.current_time()
        self.trace.note(visit.name, "served")

    def on_log_event(self, note: LogEvent) -> None:
        """Take what the bridge noted about the visit whose task this is."""
        visit = _visit.get()
        visit.log_events.append((trio.current_time(), note.name, note.fields))
        self.trace.note(visit.name, f"# {note.name}")

    # The troubles

    async def _trouble(self, bridge: Bridge) -> None:
        plan = self.plan
        async with trio.open_nursery() as nursery:
            for caller, call in zip(self.callers, plan.calls, strict=True):
                for timed in call.disruptions:
                    nursery.start_soon(self._befall, timed.at, timed.disruption, caller)
            if plan.drain_at is not None:
                nursery.start_soon(self._drain, bridge, plan.drain_at)
            await trio.sleep_until(plan.faults_end_at)
            self._calm()

    def _calm(self) -> None:
        self.trace.note("world", "calm")
        for caller in self.callers:
            caller.faults_ended.set()
            for visit in caller.connections:
                visit.link.conditions.clear()
                visit.service.stop_faults()

    async def _drain(self, bridge: Bridge, at: float) -> None:
        await trio.sleep_until(at)
        self.drained_at = trio.current_time()
        self.trace.fault("world", "drain")
        bridge.drain()

    async def _befall(self, at: float, trouble: Disruption, caller: SimulatedCaller) -> None:
        await trio.sleep_until(at)
        visit = caller.current
        if visit is None:
            return
        match trouble:
            case LinkDisruption(how, side, seconds):
                links = [visit.link] if side is LinkSide.CLIENT else visit.service.links[-1:]
                for link in links:
                    _cut(link, how, seconds)
            case ServiceDoes(act):
                visit.service.inject(act)
            case ClientDisconnect(politely):
                caller.disconnect(with_close_frame=politely)
            case ClientStopsReading(seconds):
                await caller.stop_reading(seconds)
            case _:
                assert_never(trouble)


def _cut(link: MemoryLink, how: str, seconds: float) -> None:
    if how == "reset":
        link.reset()
    elif how == "half-open":
        link.go_silent()
    else:
        link.stall(seconds)


class _Watching(TelemetryObserver):
    """The bridge's own observer; the world watches over its shoulder."""

    def __init__(self, world: SimulationRun, log: Log, metrics: Metrics, health: UpstreamHealth) -> None:
        watchers = (health.on_log_event, lambda _, note: world.on_log_event(note))
        super().__init__(log, metrics, SessionTraces(None), now=trio.current_time, watchers=watchers)
        self._world = world

    def internal_error(self, client_id: str, error: BaseException) -> None:
        """Keep the bridge's own mistakes."""
        self._world.errors.append(error)
        super().internal_error(client_id, error)


async def _open_stream(_: ParsedUrl) -> trio.abc.Stream:
    await trio.lowlevel.checkpoint()
    return _visit.get().service.open_stream()


def _open_client(upstream: UpstreamService) -> httpx.AsyncClient:
    transport = MintTransport(_visit.get().service)
    return httpx.AsyncClient(transport=transport, headers=list(upstream.rest_headers()), trust_env=False)


@cache
def _no_tls() -> ssl.SSLContext:
    """Nothing here is encrypted; loading certificates would be most of a run."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def simulate(plan: SimulationPlan, *, keep_trace: bool = False, defect: Defect | None = None) -> SimulationResult:
    """Run a plan to its end, and judge it. Whatever the bridge itself raises is one more thing that is broken."""
    trace = Trace(keep=keep_trace)
    world = SimulationRun(plan, trace, defect or Defect())
    ended: list[float] = []

    async def main() -> None:
        try:
            await world.run()
        finally:
            ended.append(trio.current_time())

    escaped: list[str] = []
    try:
        run_seeded(plan.seed, main)
    except Exception as error:  # noqa: BLE001 - it is told, with the seed, as any other broken promise
        escaped = [f"the run raised {error!r}"]
    return SimulationResult(
        seed=plan.seed,
        digest=trace.digest,
        seconds=ended[0],
        connections=len(world.connections),
        upstream_connections=sum(len(visit.service.links) for visit in world.connections),
        fault_counts=dict(trace.fault_counts),
        violations=(*escaped, *find_violations(world)),
        lines=tuple(trace.lines),
    )


__all__ = ["Defect", "SimulationResult", "SimulationRun", "simulate"]
