"""The only interpreter of the core's commands: a client connection on one side, an upstream session on the other.

Readers turn what arrives into core events, one at a time. Each command goes into a bounded queue, or starts or ends a
task. Nothing is decided here, and handling an event never blocks. One nursery per client connection: when
`run_session` returns, nothing of it is left.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final, assert_never

import trio

from bridge.core.commands import (
    CloseClient,
    CloseUpstream,
    Configure,
    EndResponse,
    Forward,
    LogEvent,
    OpenUpstream,
    SendAudio,
    SendEvent,
    SendFrame,
    SendMessage,
    SendNative,
)
from bridge.core.events import ClientGone, ClientLimitExceeded, Drain, Tick, UpstreamLost
from bridge.core.session import Session
from bridge.driver.client import ClientDisconnected
from bridge.driver.send_queue import SendQueue
from bridge.driver.settings import DriverSettings
from bridge.driver.upstream_session import UpstreamSession
from bridge.transport.keepalive import Pingable, wait_until_dead
from bridge.upstream.failures import upstream_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.commands import ClientCommand, Command
    from bridge.core.events import Event
    from bridge.driver.client import ClientConnection, Frame, SessionObserver
    from bridge.driver.upstream_session import UpstreamCommand
    from bridge.upstream.connector import Connector

__all__ = ["DriverSettings", "run_session"]

#: How a client connection without pongs is closed. Clients reconnect after 1011, but not after 1000.
_NO_PONG: Final = (1011, "no answer to pings")


async def run_session(
    client: ClientConnection,
    connector: Connector,
    *,
    settings: DriverSettings,
    observer: SessionObserver,
    rng: Callable[[], float],
    drain: trio.Event | None = None,
) -> None:
    """Serve one client from its first message until it disconnects or the core closes its connection.

    `rng` returns numbers in [0, 1), for the jitter of waits between attempts. Once `drain` is set, the session ends in
    the next pause, after `settings.drain_seconds` at the latest.

    Raises nothing that a peer can cause. Cancelling ends everything at once, except the upstream's closing handshake,
    which may take `settings.upstream_close_seconds`.

    The client's socket is closed here only if the core asked for it, or with 1011 if the client answers no pings. In
    all other cases that is left to the caller.
    """
    driver = _Driver(client, connector, settings, observer, rng)
    observer.session_started(client.client_id, driver.session.statistics)
    try:
        await driver.run(drain)
    finally:
        observer.session_ended(client.client_id)


class _Driver:
    """The tasks of one client connection, and what they share."""

    def __init__(
        self,
        client: ClientConnection,
        connector: Connector,
        settings: DriverSettings,
        observer: SessionObserver,
        rng: Callable[[], float],
    ) -> None:
        self.session = Session(settings.core, rng=rng)
        self._client, self._connector, self._settings, self._observer = client, connector, settings, observer
        self._events: deque[Event] = deque()
        self._handling = False
        self._upstream: UpstreamSession | None = None
        self._to_client: SendQueue[tuple[Frame, float | None]] = SendQueue(settings.client_queue_bytes)
        self._gap = False
        """Messages to a slow client were dropped; what follows the gap would make no sense to it."""
        self._pending_close: tuple[int, str] | None = None
        """The code and reason to close the client connection with, once its queue is written."""
        self._no_pong = False
        """The client answers no pings: it is gone, or asleep."""
        self._last_received_at = trio.current_time()
        self._deadline, self._deadline_changed = math.inf, trio.Event()
        self._listening, self._writing = trio.CancelScope(), trio.CancelScope()
        self._tasks: trio.Nursery

    async def run(self, drain: trio.Event | None) -> None:
        """Run the session to its end."""
        async with trio.open_nursery() as self._tasks:
            self._tasks.start_soon(self._write_client)
            with self._listening:
                async with trio.open_nursery() as listening:
                    listening.start_soon(self._run_timer)
                    listening.start_soon(self._keep_alive)
                    if drain is not None:
                        listening.start_soon(self._wait_for_drain, drain)
                    await self._read_client()
            if self._upstream is not None:
                self._upstream.close("client gone")
        if self._no_pong:  # a client that wakes up must not take this for a normal close
            await self._client.close(*_NO_PONG)

    # Events and commands

    def _handle_event(self, event: Event) -> None:
        """Handle one event, and the events that come of it. Never blocks."""
        self._events.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._step(self._events.popleft(), trio.current_time())
        finally:
            self._handling = False
        deadline = self.session.deadline
        if deadline is not None and deadline < self._deadline:
            self._deadline_changed.set()

    def _step(self, event: Event, now: float) -> None:
        if isinstance(event, ClientLimitExceeded):
            self._gap = False
        for command in self.session.handle(event, now):
            self._carry_out(command, now)

    def _carry_out(self, command: Command, now: float) -> None:
        match command:
            case Forward() | SendMessage() | EndResponse() | SendNative():
                self._send_client(command, now)
            case SendAudio() | SendEvent() | SendFrame() | Configure():
                self._send_upstream(command)
            case LogEvent():
                self._observer.log_event(self._client.client_id, command)
            case OpenUpstream(generation, session_options):
                self._upstream = UpstreamSession(generation, self._settings, self._handle_event)
                self._tasks.start_soon(self._upstream.run, self._connector, session_options)
            case CloseUpstream(generation, reason):
                if self._upstream is not None and self._upstream.generation == generation:
                    self._upstream.close(reason)
            case CloseClient(code, reason):
                self._close_client(code, reason)
            case _:
                assert_never(command)

    def _send_client(self, command: ClientCommand, now: float) -> None:
        if self._gap or self._pending_close is not None:
            return
        read_at = now if isinstance(command, Forward) else None
        for frame in self._client.render(command):
            if not self._to_client.put((frame, read_at), len(frame.data)):
                self._too_slow()
                return

    def _too_slow(self) -> None:
        """Drop what is queued: the client would take up to a minute to read it before it learned why it is closed."""
        dropped = self._to_client.clear()
        self._gap = True
        message = f"The client reads too slowly: {dropped} bytes were queued for it."
        self._events.appendleft(ClientLimitExceeded("SLOW_CONSUMER", message, 1013))

    def _send_upstream(self, command: UpstreamCommand) -> None:
        upstream = self._upstream
        if upstream is None or upstream.generation != command.generation or upstream.put(command):
            return
        upstream.close("the upstream accepts no data")
        failure = upstream_unavailable("The upstream accepts no more data.")
        self._events.append(UpstreamLost(upstream.generation, failure, "the upstream accepts no data"))

    def _close_client(self, code: int, reason: str) -> None:
        self._pending_close = (code, reason)
        self._to_client.close()
        self._writing.deadline = trio.current_time() + self._settings.client_close_seconds
        self._listening.cancel()

    # Tasks

    async def _read_client(self) -> None:
        try:
            while True:
                event = await self._client.receive()
                self._last_received_at = trio.current_time()
                self._handle_event(event)
        except ClientDisconnected:
            self._client_gone()

    def _client_gone(self) -> None:
        self._handle_event(ClientGone())
        self._writing.cancel()
        self._listening.cancel()

    async def _write_client(self) -> None:
        with self._writing:
            try:
                async for frame, read_at in self._to_client:
                    await self._client.send(frame)
                    if read_at is not None:
                        self._observer.event_forwarded(trio.current_time() - read_at)
                if self._pending_close is not None:
                    await self._client.close(*self._pending_close)
            except ClientDisconnected:
                self._client_gone()

    async def _keep_alive(self) -> None:
        client = self._client
        if not isinstance(client, Pingable):  # without WebSocket pings, the endpoint itself finds out
            return
        try:
            await wait_until_dead(client, lambda: self._last_received_at, interval_seconds=self._settings.ping_seconds)
        except ClientDisconnected:
            return  # the reader gets it too
        self._no_pong = True
        self._client_gone()

    async def _run_timer(self) -> None:
        while True:
            self._deadline_changed = trio.Event()
            deadline = self.session.deadline
            self._deadline = math.inf if deadline is None else deadline
            with trio.move_on_at(self._deadline) as sleep:
                await self._deadline_changed.wait()
            if sleep.cancelled_caught:
                self._handle_event(Tick())

    async def _wait_for_drain(self, drain: trio.Event) -> None:
        await drain.wait()
        self._handle_event(Drain(self._settings.drain_seconds))
