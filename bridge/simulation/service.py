"""The service as one visit meets it: a simulator of its own, the links to it, and a witness of what goes over them."""

from __future__ import annotations

import random
import re
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import httpx
import trio

from bridge.protocol.events.groups import SESSION_CREATED, SESSION_UPDATE, SESSION_UPDATED
from bridge.simulation.network import LinkConditions, MemoryLink
from bridge.simulator.faults.actions import CloseFrame, TextFrame
from bridge.simulator.faults.base import Fault
from bridge.simulator.faults.session_faults import ReplyFault, StormFault, TranscriptionFault
from bridge.simulator.faults.wire_faults import DuplicateFault, TruncateFault
from bridge.simulator.service.journal import Journal, ReceivedEvent, SessionRecord
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from bridge.transport.http import HttpRequest, split_target
from bridge.transport.http_server import serve_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulation.plan import CallPlan
    from bridge.simulation.trace import Trace
    from bridge.simulator.faults.actions import TimedAction, WireAction
    from bridge.simulator.faults.base import BadHandshake, ClientAttempt, FaultState, HttpRefusal
    from bridge.simulator.session.behaviour import SessionBehaviour

#: A day on which every model of the tables is served.
START_UNIX_TIME = 1_789_689_600
_EVENT_ID = re.compile(rb'"event_id":"(event_(\w{14})\d+)"')
#: Answers are short and fast: what matters is their order.
PACE = 2.0
#: Faults that would never leave a session by themselves.
_LASTING = (ReplyFault, StormFault, TranscriptionFault, TruncateFault, DuplicateFault)


def unix_now() -> float:
    """Give the virtual clock's idea of the day."""
    return START_UNIX_TIME + trio.current_time()


def event_id(frame: bytes) -> tuple[str, str] | None:
    """Give the id of a native event, and the part of it that names its session."""
    found = _EVENT_ID.search(frame[:400])
    return (found[1].decode(), found[2].decode()) if found else None


@dataclass(frozen=True, slots=True)
class TrafficRecorder(Fault):
    """Changes nothing but the length of the answers; writes down what the service sends, session by session."""

    name: ClassVar[str] = "witness"
    summary: ClassVar[str] = "writes down what goes out"
    sent: dict[str, list[str]] = field(default_factory=dict)
    session_events: set[str] = field(default_factory=set)
    """Events about the session itself: an SDK gets those of the first session only, and answers to its own updates."""
    truncated: set[str] = field(default_factory=set)
    """Events that went out in half: the bridge may pass such a one on or tell of it, as it finds."""

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:  # noqa: ARG002 - every fault has the same abilities
        """Let answers be short."""
        return replace(behaviour, reply_text="Yes.")

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:  # noqa: ARG002 - every fault has the same abilities
        """Write the id down."""
        act = timed.action
        found = event_id(act.data) if isinstance(act, TextFrame) and act.type != "error" else None
        if found is not None and isinstance(act, TextFrame):
            if act.type == "truncated":
                self.truncated.add(found[0])
            else:
                self.sent.setdefault(found[1], []).append(found[0])
                if act.type in (SESSION_CREATED | SESSION_UPDATED):
                    self.session_events.add(found[0])
        return (timed,)


@dataclass(frozen=True, slots=True)
class _Noticed(Fault):
    """Another fault, and whoever is told of it each time that it makes a difference."""

    fault: Fault
    happened: Callable[[str], None]

    def refuse(self, visit: ClientAttempt) -> HttpRefusal | BadHandshake | None:
        """Refuse a visit as it does."""
        answer = self.fault.refuse(visit)
        if answer is not None:
            self.happened(self.fault.name)
        return answer

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Change how the session behaves as it does."""
        changed = self.fault.change_behaviour(behaviour, attempt)
        if changed != behaviour:
            self.happened(self.fault.name)
        return changed

    def on_action(self, timed: TimedAction, life: FaultState) -> Iterable[TimedAction]:
        """Change what goes out as it does."""
        acts = tuple(self.fault.on_action(timed, life))
        if acts != (timed,):
            self.happened(self.fault.name)
        return acts

    def on_moment(self, name: str, now: float, life: FaultState) -> Iterable[TimedAction]:
        """Act behind a moment of the session as it does."""
        acts = tuple(self.fault.on_moment(name, now, life))
        if acts:
            self.happened(self.fault.name)
        return acts


class _Watched(deque[ReceivedEvent]):
    """The events of one session as they arrive; notes what came before the session was confirmed."""

    def __init__(self, record: SessionRecord, service: SimulatedService) -> None:
        super().__init__(maxlen=500)
        self._record, self._service = record, service

    def append(self, arrived: ReceivedEvent) -> None:
        """One more has come."""
        super().append(arrived)
        self._service.on_client_event(self._record, arrived.type)


class _WatchedArrivals(Journal):
    def __init__(self, service: SimulatedService) -> None:
        super().__init__()
        self._service = service

    def add_session(self, record: SessionRecord) -> None:
        """A session begins."""
        record.events = _Watched(record, self._service)
        super().add_session(record)


class SimulatedService:
    """What one visit's upstream sessions meet."""

    def __init__(self, plan: CallPlan, seed: str, trace: Trace, nursery: trio.Nursery, *, without_faults: bool) -> None:
        self._name, self._trace, self._nursery = f"service-{seed}", trace, nursery
        self._chance = random.Random(f"service:{seed}")
        self.conditions = LinkConditions() if without_faults else replace(plan.upstream_conditions)
        self.recorder = TrafficRecorder()
        settings = Settings(
            seed=self._chance.getrandbits(32),
            unix_time=unix_now,
            faults=(self.recorder,),
            pace=PACE,
            dialect="beta" if plan.beta else "ga",
        )
        self.simulator = Simulator(settings)
        self.simulator.journal = _WatchedArrivals(self)
        self._faults = () if without_faults else plan.faults
        self.simulator.choose(faults=[_Noticed(fault, self._happened) for fault in self._faults])
        self.links: list[MemoryLink] = []
        self.early_events: list[str] = []
        """What arrived before the session it came to was confirmed."""
        self.errors: list[Exception] = []
        self.counts: Counter[str] = Counter()

    def _happened(self, kind: str) -> None:
        self._trace.fault(self._name, f"service {kind}")

    def on_client_event(self, record: SessionRecord, event_type: str) -> None:
        """Take note of a client event that reached a session."""
        self._trace.note(self._name, f"< {event_type}")
        if event_type not in SESSION_UPDATE and not any(record.sent[name] for name in SESSION_UPDATED):
            self.early_events.append(event_type)

    def open_stream(self) -> trio.abc.Stream:
        """Open a link to it."""
        chance = random.Random(self._chance.getrandbits(64))
        link = MemoryLink(self.conditions, chance, lambda kind: self._trace.fault(self._name, f"upstream {kind}"))
        self.links.append(link)
        self._trace.note(self._name, "link opened")
        self._nursery.start_soon(self._serve, link)
        return link.near

    async def _serve(self, link: MemoryLink) -> None:
        await serve_connection(
            link.far,
            http=self.simulator.http,
            websocket=self.simulator.websocket,
            on_error=self.errors.append,
        )
        self._trace.note(self._name, "link closed")

    @property
    def tracer_account(self) -> TracerReceiver:
        """What it heard of the visit's speech."""
        return self.simulator.journal.tracer_account(API_KEY)

    def inject(self, act: WireAction) -> None:
        """Do this to every running session."""
        for connection in list(self.simulator.connections.values()):
            self._happened(type(act).__name__)
            connection.perform(act)

    def stop_faults(self) -> None:
        """From now on nothing goes wrong: sessions with lasting faults are ended as for a restart of the service."""
        self.conditions.clear()
        self.simulator.choose()
        if any(isinstance(fault, _LASTING) for fault in self._faults):
            self.inject(CloseFrame(1012, "restart"))


#: The bridge's key at the service.
API_KEY = "sk-simulated-0000000000000000"


class MintTransport(httpx.AsyncBaseTransport):
    """REST calls that go straight to the simulator's handlers."""

    def __init__(self, service: SimulatedService) -> None:
        self._service = service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one call."""
        await trio.sleep(self._service.conditions.latency_ms / 1000)
        path, query = split_target(request.url.raw_path.decode())
        asked = HttpRequest(
            method=request.method,
            path=path,
            query=query,
            target=request.url.raw_path.decode(),
            headers=tuple((name.lower(), value) for name, value in request.headers.multi_items()),
            body=await request.aread(),
            peer="memory",
        )
        answer = await self._service.simulator.http(asked)
        return httpx.Response(answer.status, headers=list(answer.headers), stream=httpx.ByteStream(answer.body))
