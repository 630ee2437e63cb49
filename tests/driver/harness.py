"""The harness of the driver's tests: a client without a socket, a fake upstream, the simulator in memory."""

from __future__ import annotations

import json
import math
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import trio
import trio.testing

from bridge.core.commands import EndResponse, Forward, SendNative
from bridge.core.events import Failure, SessionConfigured, SessionCreated
from bridge.driver.client import ClientDisconnected, Frame
from bridge.driver.driver import run_session
from bridge.driver.settings import DriverSettings
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.failures import ConnectFailed, UpstreamClosed, upstream_unavailable
from bridge.upstream.rest import make_upstream
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from bridge.core.commands import ClientCommand, LogEvent
    from bridge.core.events import Event
    from bridge.core.session import SessionStatistics
    from bridge.simulator.faults.base import Fault
    from bridge.upstream.connector import Connector
    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.session_config import SessionConfig

#: A good key of the simulator.
KEY = Secret("sk-simulated-0000000000000000")
UNIX_TIME = 1_789_689_600


P = ParamSpec("P")


def virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test under a virtual clock that skips every wait."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        trio.run(partial(test, *args, **kwargs), clock=trio.testing.MockClock(autojump_threshold=0))

    return run


def unix_now() -> float:
    """The virtual clock as Unix time."""
    return UNIX_TIME + trio.current_time()


class FakeClient:
    """A client that sends core events and keeps the messages that it is sent."""

    client_id, peer = "client-1", "memory"

    def __init__(self) -> None:
        self._say: trio.MemorySendChannel[Event]
        self._hear: trio.MemoryReceiveChannel[Event]
        self._say, self._hear = trio.open_memory_channel(math.inf)
        self.received: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._reads, self._changed = trio.Event(), trio.Event()
        self._reads.set()

    # What the test does

    def sends(self, event: Event) -> None:
        self._say.send_nowait(event)

    def leaves(self) -> None:
        self._say.close()

    def stops_reading(self) -> None:
        self._reads = trio.Event()

    def reads_again(self) -> None:
        self._reads.set()

    async def receives(self, message_type: str, times: int = 1) -> dict[str, Any]:
        """Wait for the n-th message of this type and return it. Raises TooSlowError after three minutes."""
        with trio.fail_after(180):
            while len(found := self.received_of_type(message_type)) < times:
                await self._changed.wait()
        return found[-1]

    def received_of_type(self, message_type: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message.get("type") == message_type]

    # What the driver does

    async def receive(self) -> Event:
        try:
            return await self._hear.receive()
        except trio.EndOfChannel:
            raise ClientDisconnected from None

    def render(self, command: ClientCommand) -> list[Frame]:
        if isinstance(command, EndResponse | SendNative):
            return []
        return [Frame(command.frame if isinstance(command, Forward) else json.dumps(dict(command.message)).encode())]

    async def send(self, frame: Frame) -> None:
        await trio.lowlevel.checkpoint()
        await self._reads.wait()
        self.received.append(json.loads(frame.data))
        self._changed.set()
        self._changed = trio.Event()

    async def close(self, code: int, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = (code, reason)


@dataclass
class FakeObserver:
    """An observer that keeps what it observes."""

    log_events: list[LogEvent] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    running: dict[str, Callable[[], SessionStatistics]] = field(default_factory=dict)

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        self.running[client_id] = statistics

    def log_event(self, client_id: str, event: LogEvent) -> None:
        assert client_id in self.running
        self.log_events.append(event)

    def event_forwarded(self, seconds: float) -> None:
        self.frames.append(seconds)

    def session_ended(self, client_id: str) -> None:
        del self.running[client_id]

    def logged(self, name: str) -> list[Mapping[str, Any]]:
        return [event.fields for event in self.log_events if event.name == name]


class FakeLink:
    """An upstream session that accepts everything and sends the events that the test puts in."""

    def __init__(self, upstream: FakeUpstream, generation: int) -> None:
        self._upstream = upstream
        self.generation = generation
        self.put: trio.MemorySendChannel[DecodedEvent | UpstreamClosed]
        self._take: trio.MemoryReceiveChannel[DecodedEvent | UpstreamClosed]
        self.put, self._take = trio.open_memory_channel(math.inf)
        self.sent: list[object] = []
        self.named: dict[str, bytes] = {}
        """The audio that had an `event_id`, by it."""
        self.pings_outstanding = 0
        self.acknowledged_bytes = 0
        self.answers_pings = True
        self.closed: str | None = None
        self.broken: UpstreamClosed | None = None
        """The exception that sending raises."""
        self.closing_takes = upstream.closing_takes
        self.takes = trio.Event()
        self.takes.set()

    async def receive(self) -> DecodedEvent:
        happened = await self._take.receive()
        if isinstance(happened, UpstreamClosed):
            raise happened
        return happened

    async def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        await self._send(("configure", session_options, updates))
        if self._upstream.confirms:
            session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            body = {"type": "session.updated", "session": session, "padding": self._upstream.padding}
            self.put.send_nowait(SessionConfigured(self.generation, json.dumps(body).encode(), body))

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        await self._send(pcm)
        if event_id is not None:
            self.named[event_id] = pcm

    async def send_event(self, event: Mapping[str, Any]) -> None:
        await self._send(event)

    async def send_frame(self, frame: bytes) -> None:
        await self._send(frame)

    async def _send(self, item: object) -> None:
        await trio.lowlevel.checkpoint()
        await self.takes.wait()
        if self.broken is not None:
            raise self.broken
        self.sent.append(item)

    async def ping(self) -> None:
        await trio.lowlevel.checkpoint()
        self.pings_outstanding = 0 if self.answers_pings else self.pings_outstanding + 1

    async def close(self, reason: str) -> None:
        try:
            await trio.lowlevel.checkpoint()
            await trio.sleep(self.closing_takes)
        finally:
            if self.closed is None:
                self.closed = reason
                self._upstream.open_links -= 1

    @property
    def audio(self) -> bytes:
        return b"".join(item for item in self.sent if isinstance(item, bytes))


class FakeUpstream:
    """A connector that counts the sessions it opened and those that are still open."""

    def __init__(
        self, *, confirms: bool = True, checkpoints: int = 2, closing_takes: float = 0.0, dies_at_once: bool = False
    ) -> None:
        self.confirms, self.closing_takes, self.dies_at_once = confirms, closing_takes, dies_at_once
        self.links: list[FakeLink] = []
        self.requested_options: list[Mapping[str, Any]] = []
        self.open_links = 0
        self.most_open = 0
        self.fails: list[ConnectFailed] = []
        """The failures of the next attempts, in order."""
        self.hangs = False
        self.padding = ""
        """Makes the confirmation long."""
        self._checkpoints = checkpoints

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> FakeLink:
        self.requested_options.append(session_options)
        for _ in range(self._checkpoints):
            await trio.lowlevel.checkpoint()
        if self.hangs:
            await trio.sleep_forever()
        if self.fails:
            raise self.fails.pop(0)
        link = FakeLink(self, generation)
        self.open_links += 1
        self.most_open = max(self.most_open, self.open_links)
        self.links.append(link)
        frame = b'{"type":"session.created"}'
        link.put.send_nowait(
            SessionCreated(
                generation=generation,
                frame=frame,
                session_id=f"sess_{generation}",
                model="model",
                dialect="ga",
                expires_at=None,
            )
        )
        if self.dies_at_once:
            link.put.send_nowait(upstream_over())
        return link


def connect_failed(*, retryable: bool, code: str = "UPSTREAM_UNAVAILABLE") -> ConnectFailed:
    return ConnectFailed(Failure(code=code, message="No.", retryable=retryable))


def upstream_over(reason: str = "it broke") -> UpstreamClosed:
    return UpstreamClosed(upstream_unavailable("It broke."), reason)


@dataclass
class DrivenSession:
    """A client that a driver serves."""

    client: FakeClient
    observer: FakeObserver
    drain: trio.Event
    scope: trio.CancelScope
    ended: trio.Event

    @property
    def statistics(self) -> SessionStatistics:
        return self.observer.running["client-1"]()


@asynccontextmanager
async def driven_session(
    connector: Connector, settings: DriverSettings | None = None, *, client: FakeClient | None = None
) -> AsyncIterator[DrivenSession]:
    """A client that a driver serves during the block. It leaves at the end, and the driver must be done in a second."""
    call = DrivenSession(client or FakeClient(), FakeObserver(), trio.Event(), trio.CancelScope(), trio.Event())
    run = partial(
        run_session,
        call.client,
        connector,
        settings=settings or DriverSettings(),
        observer=call.observer,
        rng=lambda: 0.5,
        drain=call.drain,
    )

    async def session() -> None:
        with call.scope:
            await run()
        call.ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(session)
        await trio.testing.wait_all_tasks_blocked()
        yield call
        call.client.leaves()
        with trio.fail_after(1):
            await call.ended.wait()


@asynccontextmanager
async def simulated_upstream(
    *faults: Fault, key: Secret = KEY, session_config: SessionConfig | None = None, settings: Settings | None = None
) -> AsyncIterator[tuple[Simulator, RealtimeConnector]]:
    """The simulator over memory streams, and a connector to it."""
    settings = settings or Settings(faults=faults, unix_time=unix_now)
    simulator = Simulator(settings)
    async with trio.open_nursery() as nursery:

        async def open_stream(_: ParsedUrl) -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(simulator.serve_stream, theirs)
            return ours

        upstream = make_upstream("http://upstream.test/v1", key)
        yield (
            simulator,
            RealtimeConnector(upstream, session_config, open_stream=open_stream, unix_time=unix_now, environment={}),
        )
        nursery.cancel_scope.cancel()
