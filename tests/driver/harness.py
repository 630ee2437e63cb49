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
from bridge.core.events import ClientAudio, Failure, SessionConfigured, SessionCreated, UpstreamEvent
from bridge.driver.client import Frame
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
    from bridge.driver.client import ClientHandler
    from bridge.simulator.faults.base import Fault
    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.link import Connector, UpstreamReceiver
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
        self.pings_outstanding = 0
        self.last_received_at = trio.current_time()
        self.max_unsent_bytes = 0
        """How much may wait while the client does not read; the first message is on its way already."""
        self._unsent: list[bytes] = []
        self._reads, self._changed = trio.Event(), trio.Event()
        self._reads.set()
        self.waited_until: list[float] = []
        """When the driver let the client be read again."""

    # What the test does

    def sends(self, event: Event) -> None:
        self._say.send_nowait(event)

    def leaves(self) -> None:
        self._say.close()

    def stops_reading(self) -> None:
        self._reads = trio.Event()

    def reads_again(self) -> None:
        self._reads.set()
        for data in self._unsent:
            self._take(data)
        self._unsent.clear()

    async def receives(self, message_type: str, times: int = 1) -> dict[str, Any]:
        """Wait for the n-th message of this type and return it. Raises TooSlowError after three minutes."""
        with trio.fail_after(180):
            while len(found := self.received_of_type(message_type)) < times:
                await self._changed.wait()
        return found[-1]

    def received_of_type(self, message_type: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message.get("type") == message_type]

    # What the driver does

    async def run(self, handler: ClientHandler) -> None:
        self.handler = handler
        async for event in self._hear:
            self.last_received_at = trio.current_time()
            if isinstance(event, ClientAudio) and event.event_id is None:
                handler.audio(event.pcm, trio.current_time())
            else:
                handler.handle(event)

    def resume(self) -> None:
        self.waited_until.append(trio.current_time())

    def render(self, command: ClientCommand) -> list[Frame]:
        if isinstance(command, EndResponse | SendNative):
            return []
        return [Frame(command.frame if isinstance(command, Forward) else json.dumps(dict(command.message)).encode())]

    def forward(self, event_type: str, frame: bytes, read_at: float) -> bool:
        assert json.loads(frame)["type"] == event_type
        return self.send(Frame(frame), read_at)

    def send(self, frame: Frame, read_at: float | None = None) -> bool:
        if self._reads.is_set():
            self._take(frame.data)
        elif self._unsent and sum(map(len, self._unsent)) + len(frame.data) > self.max_unsent_bytes:
            return False
        else:
            self._unsent.append(frame.data)
        if read_at is not None:
            self.handler.written(1, trio.current_time() - read_at)
        return True

    def _take(self, data: bytes) -> None:
        self.received.append(json.loads(data))
        self._changed.set()
        self._changed = trio.Event()

    def drop_unsent(self) -> int:
        dropped = sum(map(len, self._unsent[1:]))
        del self._unsent[1:]
        return dropped

    def ping(self) -> None:
        self.pings_outstanding = 0

    async def close(self, code: int, reason: str) -> None:
        await trio.lowlevel.checkpoint()
        await self._reads.wait()
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

    def events_forwarded(self, events: int, seconds: float) -> None:
        self.frames.extend([seconds] * events)

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
        """How the session ends a second after something is sent."""
        self.closing_takes = upstream.closing_takes
        self.takes = True
        """Whether it reads what it is sent."""
        self._unsent_bytes = 0
        self.last_received_at = trio.current_time()
        self._running = trio.CancelScope()

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        with trio.CancelScope() as self._running:
            while True:
                happened = await self._take.receive()
                self.last_received_at = trio.current_time()
                if isinstance(happened, UpstreamClosed):
                    return happened
                if isinstance(happened, UpstreamEvent) and happened.body is None:
                    receiver.on_frame(happened.type, happened.frame, trio.current_time())
                else:
                    receiver.on_event(happened)
        assert self.broken is not None
        return self.broken

    def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> bool:
        sent = self._send(("configure", session_options, updates))
        if self._upstream.confirms:
            session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            body = {"type": "session.updated", "session": session, "padding": self._upstream.padding}
            self.put.send_nowait(SessionConfigured(self.generation, json.dumps(body).encode(), body))
        return sent

    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        if event_id is not None:
            self.named[event_id] = pcm
        return self._send(pcm)

    def send_event(self, event: Mapping[str, Any]) -> bool:
        return self._send(event)

    def send_frame(self, frame: bytes) -> bool:
        return self._send(frame)

    def _send(self, item: object) -> bool:
        if self.broken is not None:
            self._running.deadline = min(self._running.deadline, trio.current_time() + 1)
        elif self.takes:
            self.sent.append(item)
        else:
            self._unsent_bytes += len(str(item))
        return self._unsent_bytes <= self._upstream.max_unsent_bytes

    def ping(self) -> None:
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
        self.max_unsent_bytes = 8 * 2**20
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
    settings = settings or DriverSettings()
    call = DrivenSession(client or FakeClient(), FakeObserver(), trio.Event(), trio.CancelScope(), trio.Event())
    call.client.max_unsent_bytes = settings.client_queue_bytes
    run = partial(
        run_session,
        call.client,
        connector,
        settings=settings,
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
