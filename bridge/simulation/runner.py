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
from bridge.server.admission.policy import Admission
from bridge.server.admission.session_counts import Present
from bridge.server.admission.tickets import MemoryUsed
from bridge.server.app import Bridge, Parts
from bridge.server.config.settings import ClientRules
from bridge.server.http.health import Health
from bridge.simulation.client import Caller
from bridge.simulation.connection import Visit
from bridge.simulation.determinism import run_seeded
from bridge.simulation.disruptions import Cut, Leave, Side, StopReading
from bridge.simulation.disruptions import Service as ServiceDoes
from bridge.simulation.invariants import broken
from bridge.simulation.network import MemoryLink, Weather
from bridge.simulation.service import KEY, Mint, Service, unix_now
from bridge.simulation.trace import Trace
from bridge.telemetry.log import Log, LogFormat
from bridge.telemetry.metrics import Metrics
from bridge.telemetry.observer import Observer
from bridge.telemetry.tracing import Traces
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.rest import upstream_at
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.core.commands import Note
    from bridge.simulation.disruptions import Trouble
    from bridge.simulation.plan import CallPlan, Plan
    from bridge.upstream.dial.url import Endpoint
    from bridge.upstream.service import Upstream

#: What a session of the bridge may take to end by itself when the run is over, before it counts as left behind.
_TIDY_SECONDS = 8.0
#: The whole run, in virtual seconds: whatever lasts longer hangs.
LONGEST_RUN_SECONDS = 4_000.0

_visit: ContextVar[Visit] = ContextVar("visit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to."""

    seed: int
    digest: str
    seconds: float
    """Virtual ones."""
    visits: int
    upstreams: int
    happened: Mapping[str, int]
    broken: tuple[str, ...]
    """Each invariant that did not hold: who, what, how."""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A bridge with a mistake in it, to see that the invariants bite."""

    change: Callable[[Parts], Parts] = lambda parts: parts
    bridge: type[Bridge] = Bridge


@dataclass(slots=True)
class World:
    """Everything of one run. The invariants read it."""

    plan: Plan
    trace: Trace
    defect: Defect
    callers: list[Caller] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    """What the bridge's doors let out: mistakes of its own."""
    drained_at: float | None = None
    ended_at: float = math.inf
    """When whatever still ran was cut off."""
    hung: bool = False

    @property
    def visits(self) -> list[Visit]:
        """All of them, caller by caller."""
        return [visit for caller in self.callers for visit in caller.visits]

    async def run(self) -> None:
        """Live through the plan."""
        with trio.move_on_after(LONGEST_RUN_SECONDS) as scope:
            async with trio.open_nursery() as nursery:
                bridge = self._bridge()
                self.callers = [self._caller(call, bridge, nursery) for call in self.plan.calls]
                nursery.start_soon(self._trouble, bridge)
                async with trio.open_nursery() as calling:
                    for caller in self.callers:
                        calling.start_soon(caller.call)
                await trio.sleep(_TIDY_SECONDS)
                self.ended_at = trio.current_time()
                nursery.cancel_scope.cancel()
        self.hung = scope.cancelled_caught

    # The bridge

    def _bridge(self) -> Bridge:
        plan = self.plan
        metrics, present = Metrics(), Present()
        log = Log(StringIO(), log_format=LogFormat.JSON, level="error", secrets=())
        health = Health(trio.current_time)
        observer = _Watching(self, log, metrics, health)
        dialect = Dialect.BETA if plan.beta else Dialect.GA
        upstream = upstream_at("http://upstream.test/v1", Secret(KEY), dialect=dialect)
        connector = RealtimeConnector(
            upstream,
            mints=plan.mints,
            ssl_context=_no_tls(),
            open_stream=_open_stream,
            open_client=_open_client,
            unix_now=unix_now,
            environment={},
        )
        rules = ClientRules()
        core = CoreSettings(rollover=plan.rollover)
        parts = Parts(
            rules=rules,
            connector=connector,
            driver=DriverSettings(core=core, client_bytes=plan.client_bytes, drain_seconds=5.0),
            admission=Admission(rules, present, MemoryUsed(), unix_now=unix_now),
            present=present,
            health=health,
            observer=observer,
            metrics=metrics,
            log=log,
            clock=lambda: datetime.fromtimestamp(unix_now(), UTC),
        )
        return self.defect.bridge(self.defect.change(parts))

    # The callers

    def _caller(self, call: CallPlan, bridge: Bridge, nursery: trio.Nursery) -> Caller:
        def visit(name: str) -> Visit:
            return self._visit(call, name, bridge, nursery, calm=caller.calmed.is_set())

        caller = Caller(call, self.plan.seed, self.trace, visit)
        return caller

    def _visit(self, call: CallPlan, name: str, bridge: Bridge, nursery: trio.Nursery, *, calm: bool) -> Visit:
        seed = f"{self.plan.seed}:{name}"
        weather = Weather() if calm else replace(call.client_weather)
        link = MemoryLink(weather, Random(f"client:{seed}"), lambda kind: self.trace.fault(name, f"client {kind}"))
        service = Service(call, seed, self.trace, nursery, calm=calm)
        number = 1 + sum(len(caller.visits) for caller in self.callers)
        visit = Visit(name=name, link=link, service=service, source=TracerSource(number), native=call.native)
        self.trace.note(name, "connects")
        nursery.start_soon(self._serve, bridge, visit)
        return visit

    async def _serve(self, bridge: Bridge, visit: Visit) -> None:
        _visit.set(visit)
        await bridge.serve_stream(visit.link.far)
        visit.served_until = trio.current_time()
        self.trace.note(visit.name, "served")

    def noted(self, note: Note) -> None:
        """Take what the bridge noted about the visit whose task this is."""
        visit = _visit.get()
        visit.notes.append((trio.current_time(), note.name, note.fields))
        self.trace.note(visit.name, f"# {note.name}")

    # The troubles

    async def _trouble(self, bridge: Bridge) -> None:
        plan = self.plan
        async with trio.open_nursery() as nursery:
            for caller, call in zip(self.callers, plan.calls, strict=True):
                for timed in call.troubles:
                    nursery.start_soon(self._befall, timed.at, timed.trouble, caller)
            if plan.drain_at is not None:
                nursery.start_soon(self._drain, bridge, plan.drain_at)
            await trio.sleep_until(plan.calm_at)
            self._calm()

    def _calm(self) -> None:
        self.trace.note("world", "calm")
        for caller in self.callers:
            caller.calmed.set()
            for visit in caller.visits:
                visit.link.weather.clear()
                visit.service.calm()

    async def _drain(self, bridge: Bridge, at: float) -> None:
        await trio.sleep_until(at)
        self.drained_at = trio.current_time()
        self.trace.fault("world", "drain")
        bridge.drain()

    async def _befall(self, at: float, trouble: Trouble, caller: Caller) -> None:
        await trio.sleep_until(at)
        visit = caller.here
        if visit is None:
            return
        match trouble:
            case Cut(how, side, seconds):
                links = [visit.link] if side is Side.CLIENT else visit.service.links[-1:]
                for link in links:
                    _cut(link, how, seconds)
            case ServiceDoes(act):
                visit.service.act(act)
            case Leave(politely):
                caller.leave(politely=politely)
            case StopReading(seconds):
                await caller.stop_reading(seconds)
            case _:
                assert_never(trouble)


def _cut(link: MemoryLink, how: str, seconds: float) -> None:
    if how == "reset":
        link.reset()
    elif how == "half-open":
        link.fall_silent()
    else:
        link.stall(seconds)


class _Watching(Observer):
    """The bridge's own observer; the world watches over its shoulder."""

    def __init__(self, world: World, log: Log, metrics: Metrics, health: Health) -> None:
        watchers = (health.note, lambda _, note: world.noted(note))
        super().__init__(log, metrics, Traces(None), now=trio.current_time, watchers=watchers)
        self._world = world

    def trouble(self, client_id: str, error: BaseException) -> None:
        """Keep the bridge's own mistakes."""
        self._world.errors.append(error)
        super().trouble(client_id, error)


async def _open_stream(_: Endpoint) -> trio.abc.Stream:
    await trio.lowlevel.checkpoint()
    return _visit.get().service.open_stream()


def _open_client(upstream: Upstream) -> httpx.AsyncClient:
    transport = Mint(_visit.get().service)
    return httpx.AsyncClient(transport=transport, headers=list(upstream.rest_headers()), trust_env=False)


@cache
def _no_tls() -> ssl.SSLContext:
    """Nothing here is encrypted; loading certificates would be most of a run."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def live_through(plan: Plan, *, keep: bool = False, defect: Defect | None = None) -> Outcome:
    """Run a plan to its end, and judge it. Whatever the bridge itself raises is one more thing that is broken."""
    trace = Trace(keep=keep)
    world = World(plan, trace, defect or Defect())
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
    return Outcome(
        seed=plan.seed,
        digest=trace.digest,
        seconds=ended[0],
        visits=len(world.visits),
        upstreams=sum(len(visit.service.links) for visit in world.visits),
        happened=dict(trace.happened),
        broken=(*escaped, *broken(world)),
        lines=tuple(trace.lines),
    )


__all__ = ["Defect", "Outcome", "World", "live_through"]
