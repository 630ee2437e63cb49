"""The service behind one connection: a simulator of its own, the links to it, and a recorder of its traffic."""

from __future__ import annotations

import random
import re
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import msgspec
import trio

from bridge.core.client_items import ANNOUNCEMENTS
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
    from collections.abc import Callable, Iterable, Mapping

    from bridge.protocol.audio.tracer import TracerReceiver
    from bridge.simulation.plan import CallPlan
    from bridge.simulation.trace import Trace
    from bridge.simulator.faults.actions import TimedAction, WireAction
    from bridge.simulator.faults.base import BadHandshake, ClientAttempt, FaultState, HttpRefusal
    from bridge.simulator.session.behaviour import SessionBehaviour

#: A date on which every model of the tables is available (2026-09-18).
START_UNIX_TIME = 1_789_689_600
_EVENT_ID = re.compile(rb'"event_id":"(event_(\w{14})\d+)"')
#: Answers are short and twice as fast as recorded: only their order matters.
PACE = 2.0
#: Faults that last until their session ends.
_LASTING = (ReplyFault, StormFault, TranscriptionFault, TruncateFault, DuplicateFault)


def unix_now() -> float:
    """Give the virtual clock's time as Unix seconds."""
    return START_UNIX_TIME + trio.current_time()


def event_id(frame: bytes) -> tuple[str, str] | None:
    """Find the id of a native event, and the part of it that names its session; None where it has none."""
    found = _EVENT_ID.search(frame[:400])
    return (found[1].decode(), found[2].decode()) if found else None


Announcement = tuple[str, str]
"""How the service announces an item: the event's type, and the item's id."""


def announcement_of(event_type: str, body: Mapping[str, Any]) -> Announcement:
    """Give the announcement in an event of `ANNOUNCEMENTS`."""
    item = body.get("item")
    return event_type, str(item.get("id")) if isinstance(item, dict) else ""


@dataclass(frozen=True, slots=True)
class TrafficRecorder(Fault):
    """Records the events that the service sends, session by session. It also shortens the answers."""

    name: ClassVar[str] = "recorder"
    summary: ClassVar[str] = "records what is sent"
    sent: dict[str, list[str]] = field(default_factory=dict)
    """Event ids in order, by session."""
    session_events: set[str] = field(default_factory=set)
    """Ids of `session.created` and `session.updated`: an SDK gets the first session's and its own updates'."""
    announcements: dict[str, Announcement] = field(default_factory=dict)
    """Event ids of announced items: an SDK gets no second announcement of an item that was restored."""
    responses_begun: list[tuple[float, str]] = field(default_factory=list)
    """When the service began each response, and the id of the event that said so."""
    truncated: set[str] = field(default_factory=set)
    """Ids of events that were cut short: the bridge may forward them or report them."""

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:  # noqa: ARG002 - every fault has the same abilities
        """Let every response say `Yes.`: a run needs the order of events, not long answers."""
        return replace(behaviour, reply_text="Yes.")

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:  # noqa: ARG002 - every fault has the same abilities
        """Note the id of an outgoing event, except an `error`, and pass the action on unchanged."""
        action = timed.action
        found = event_id(action.data) if isinstance(action, TextFrame) and action.type != "error" else None
        if found is not None and isinstance(action, TextFrame):
            if action.type == "truncated":
                self.truncated.add(found[0])
            else:
                self.sent.setdefault(found[1], []).append(found[0])
                if action.type in (SESSION_CREATED | SESSION_UPDATED):
                    self.session_events.add(found[0])
                if action.type == "response.created":
                    self.responses_begun.append((trio.current_time(), found[0]))
                if action.type in ANNOUNCEMENTS:
                    self.announcements[found[0]] = announcement_of(action.type, msgspec.json.decode(action.data))
        return (timed,)


@dataclass(frozen=True, slots=True)
class _CountedFault(Fault):
    """Another fault; `on_fault` is called each time that it takes effect."""

    fault: Fault
    on_fault: Callable[[str], None]

    def refuse(self, attempt: ClientAttempt) -> HttpRefusal | BadHandshake | None:
        """Refuse an attempt as the fault does."""
        answer = self.fault.refuse(attempt)
        if answer is not None:
            self.on_fault(self.fault.name)
        return answer

    def change_behaviour(self, behaviour: SessionBehaviour, attempt: int) -> SessionBehaviour:
        """Change how the session behaves as the fault does."""
        changed = self.fault.change_behaviour(behaviour, attempt)
        if changed != behaviour:
            self.on_fault(self.fault.name)
        return changed

    def on_action(self, timed: TimedAction, state: FaultState) -> Iterable[TimedAction]:
        """Change what is sent as the fault does."""
        actions = tuple(self.fault.on_action(timed, state))
        if actions != (timed,):
            self.on_fault(self.fault.name)
        return actions

    def on_moment(self, name: str, now: float, state: FaultState) -> Iterable[TimedAction]:
        """Act at a moment of the session as the fault does."""
        actions = tuple(self.fault.on_moment(name, now, state))
        if actions:
            self.on_fault(self.fault.name)
        return actions


class _WatchedEvents(deque[ReceivedEvent]):
    """The client events of one session; each is reported to the service as it arrives."""

    def __init__(self, record: SessionRecord, service: SimulatedService) -> None:
        super().__init__(maxlen=500)
        self._record, self._service = record, service

    def append(self, event: ReceivedEvent) -> None:
        """Add an event."""
        super().append(event)
        self._service.on_client_event(self._record, event.type)


class _WatchedJournal(Journal):
    def __init__(self, service: SimulatedService) -> None:
        super().__init__()
        self._service = service

    def add_session(self, record: SessionRecord) -> None:
        """Add a session."""
        record.events = _WatchedEvents(record, self._service)
        super().add_session(record)


class SimulatedService:
    """The service that the upstream sessions of one connection reach."""

    def __init__(self, plan: CallPlan, seed: str, trace: Trace, nursery: trio.Nursery, *, without_faults: bool) -> None:
        """`nursery` runs the simulator's side of every link."""
        self._name, self._trace, self._nursery = f"service-{seed}", trace, nursery
        self._rng = random.Random(f"service:{seed}")
        self.conditions = LinkConditions() if without_faults else replace(plan.upstream_conditions)
        self.recorder = TrafficRecorder()
        settings = Settings(
            seed=self._rng.getrandbits(32),
            unix_time=unix_now,
            faults=(self.recorder,),
            pace=PACE,
            dialect="beta" if plan.beta else "ga",
        )
        self.simulator = Simulator(settings)
        self.simulator.journal = _WatchedJournal(self)
        self._faults = () if without_faults else plan.faults
        self.simulator.choose(faults=[_CountedFault(fault, self._on_fault) for fault in self._faults])
        self.links: list[MemoryLink] = []
        self.early_events: list[str] = []
        """Client events that arrived before their session was confirmed, by type."""
        self.errors: list[Exception] = []

    def _on_fault(self, kind: str) -> None:
        self._trace.fault(self._name, f"service {kind}")

    def on_client_event(self, record: SessionRecord, event_type: str) -> None:
        """Record a client event that reached a session."""
        self._trace.note(self._name, f"< {event_type}")
        if event_type not in SESSION_UPDATE and not any(record.sent[name] for name in SESSION_UPDATED):
            self.early_events.append(event_type)

    def open_stream(self) -> trio.abc.Stream:
        """Open a link to the service; give the client's end."""
        rng = random.Random(self._rng.getrandbits(64))
        link = MemoryLink(self.conditions, rng, lambda kind: self._trace.fault(self._name, f"upstream {kind}"))
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
        """What the service received of the connection's tracer audio."""
        return self.simulator.journal.tracer_account(API_KEY)

    def inject(self, action: WireAction) -> None:
        """Do something on the wire of every running session."""
        for connection in list(self.simulator.connections.values()):
            self._on_fault(type(action).__name__)
            connection.perform(action)

    def stop_faults(self) -> None:
        """End all faults. Sessions whose faults would last are closed with 1012, as when the service restarts."""
        self.conditions.clear()
        self.simulator.choose()
        if any(isinstance(fault, _LASTING) for fault in self._faults):
            self.inject(CloseFrame(1012, "restart"))


#: The bridge's API key at the service.
API_KEY = "sk-simulated-0000000000000000"


class MintTransport(httpx.AsyncBaseTransport):
    """An httpx transport that calls the simulator's HTTP handler directly."""

    def __init__(self, service: SimulatedService) -> None:
        self._service = service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait for the simulated latency and return the simulator's response, as if it had come over the network."""
        await trio.sleep(self._service.conditions.latency_ms / 1000)
        path, query = split_target(request.url.raw_path.decode())
        call = HttpRequest(
            method=request.method,
            path=path,
            query=query,
            target=request.url.raw_path.decode(),
            headers=tuple((name.lower(), value) for name, value in request.headers.multi_items()),
            body=await request.aread(),
            peer="memory",
        )
        answer = await self._service.simulator.http(call)
        return httpx.Response(answer.status, headers=list(answer.headers), stream=httpx.ByteStream(answer.body))
