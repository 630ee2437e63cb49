"""The one interpreter of the core's commands: a client's face on one side, an upstream session on the other.

Readers turn what arrives into core events, one after another; every command goes into a bounded outbox or starts or
ends a task. Nothing is decided here, and handling an event never waits. One nursery a session: when `run_session`
returns, nothing of it is left.
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
    Forward,
    LogEvent,
    OpenUpstream,
    SendAudio,
    SendEvent,
    SendFrame,
    SendMessage,
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

    from bridge.core.commands import Command
    from bridge.core.events import Event
    from bridge.driver.client import ClientConnection, Frame, SessionObserver
    from bridge.driver.upstream_session import UpstreamCommand
    from bridge.upstream.connector import Connector

__all__ = ["DriverSettings", "run_session"]

#: How the socket of a client ends that answers no pings: clients come again after 1011, and not after 1000.
_SILENT: Final = (1011, "no answer to pings")


async def run_session(
    client: ClientConnection,
    connector: Connector,
    *,
    settings: DriverSettings,
    observer: SessionObserver,
    rng: Callable[[], float],
    drain: trio.Event | None = None,
) -> None:
    """Serve one client from its first message until it is gone or sent away.

    `chance` gives numbers in [0, 1) for the waits between attempts. `drain`, once set, ends the session in a pause, at
    the latest after `settings.drain_seconds`. Raises nothing that a peer can cause. Cancelling ends everything at once,
    but for the upstream's Close frame, which gets `settings.close_seconds`. Closing the client's socket after that is
    left to its door, unless the core asked for it or the
    client answers no pings (1011).
    """
    driver = _Driver(client, connector, settings, observer, rng)
    observer.session_started(client.client_id, driver.session.statistics)
    try:
        await driver.run(drain)
    finally:
        observer.session_ended(client.client_id)


class _Driver:
    """One session's tasks, and what they share."""

    def __init__(
        self,
        face: ClientConnection,
        connector: Connector,
        settings: DriverSettings,
        observe: SessionObserver,
        chance: Callable[[], float],
    ) -> None:
        self.session = Session(settings.core, rng=chance)
        self._face, self._connector, self._settings, self._observe = face, connector, settings, observe
        self._events: deque[Event] = deque()
        self._handling = False
        self._attempt: UpstreamSession | None = None
        self._to_client: SendQueue[tuple[Frame, float | None]] = SendQueue(settings.client_queue_bytes)
        self._cut = False
        """The client was too slow: what comes after the gap would make no sense."""
        self._goodbye: tuple[int, str] | None = None
        self._silent = False
        """The client answers no pings: it is gone, or asleep."""
        self._heard_at = trio.current_time()
        self._alarm, self._armed = trio.Event(), math.inf
        self._listening, self._writing = trio.CancelScope(), trio.CancelScope()
        self._tasks: trio.Nursery

    async def run(self, drain: trio.Event | None) -> None:
        """Run the session to its end."""
        async with trio.open_nursery() as self._tasks:
            self._tasks.start_soon(self._write_client)
            with self._listening:
                async with trio.open_nursery() as listening:
                    listening.start_soon(self._keep_time)
                    listening.start_soon(self._watch_client)
                    if drain is not None:
                        listening.start_soon(self._wait_for_drain, drain)
                    await self._read_client()
            if self._attempt is not None:
                self._attempt.close("client gone")
        if self._silent:  # should it wake up, it must not take its end for a normal one
            await self._face.close(*_SILENT)

    # Events and commands

    def _take(self, event: Event) -> None:
        """Handle one event, and what handling it brings about. Never waits."""
        self._events.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._handle(self._events.popleft(), trio.current_time())
        finally:
            self._handling = False
        deadline = self.session.deadline
        if deadline is not None and deadline < self._armed:
            self._alarm.set()

    def _handle(self, event: Event, now: float) -> None:
        if isinstance(event, ClientLimitExceeded):
            self._cut = False
        for command in self.session.handle(event, now):
            self._do(command, now)

    def _do(self, command: Command, now: float) -> None:
        match command:
            case Forward() | SendMessage():
                self._tell(command, now)
            case SendAudio() | SendEvent() | SendFrame() | Configure():
                self._send_up(command)
            case LogEvent():
                self._observe.log_event(self._face.client_id, command)
            case OpenUpstream(generation, wish):
                self._attempt = UpstreamSession(generation, self._settings, self._take)
                self._tasks.start_soon(self._attempt.run, self._connector, wish)
            case CloseUpstream(generation, reason):
                if self._attempt is not None and self._attempt.generation == generation:
                    self._attempt.close(reason)
            case CloseClient(code, reason):
                self._say_goodbye(code, reason)
            case _:
                assert_never(command)

    def _tell(self, command: Forward | SendMessage, now: float) -> None:
        if self._cut or self._goodbye is not None:
            return
        read_at = now if isinstance(command, Forward) else None
        for frame in self._face.render(command):
            if not self._to_client.put((frame, read_at), len(frame.data)):
                self._too_slow()
                return

    def _too_slow(self) -> None:
        """What waits is given up with the socket, so that the client learns why before the next minute is over."""
        waited = self._to_client.clear()
        self._cut = True
        message = f"The client reads too slowly: {waited} bytes were waiting for it."
        self._events.appendleft(ClientLimitExceeded("SLOW_CONSUMER", message, 1013))

    def _send_up(self, command: UpstreamCommand) -> None:
        attempt = self._attempt
        if attempt is None or attempt.generation != command.generation or attempt.put(command):
            return
        attempt.close("the upstream takes no data")
        failure = upstream_unavailable("The upstream takes no data any more.")
        self._events.append(UpstreamLost(attempt.generation, failure, "the upstream takes no data"))

    def _say_goodbye(self, code: int, reason: str) -> None:
        self._goodbye = (code, reason)
        self._to_client.close()
        self._writing.deadline = trio.current_time() + self._settings.client_close_seconds
        self._listening.cancel()

    # Tasks

    async def _read_client(self) -> None:
        try:
            while True:
                event = await self._face.receive()
                self._heard_at = trio.current_time()
                self._take(event)
        except ClientDisconnected:
            self._client_gone()

    def _client_gone(self) -> None:
        self._take(ClientGone())
        self._writing.cancel()
        self._listening.cancel()

    async def _write_client(self) -> None:
        with self._writing:
            try:
                async for frame, read_at in self._to_client:
                    await self._face.send(frame)
                    if read_at is not None:
                        self._observe.event_forwarded(trio.current_time() - read_at)
                if self._goodbye is not None:
                    await self._face.close(*self._goodbye)
            except ClientDisconnected:
                self._client_gone()

    async def _watch_client(self) -> None:
        face = self._face
        if not isinstance(face, Pingable):  # a door without pings notices by itself who is gone
            return
        try:
            await wait_until_dead(face, lambda: self._heard_at, interval_seconds=self._settings.ping_seconds)
        except ClientDisconnected:
            return  # the reader hears of it too
        self._silent = True
        self._client_gone()

    async def _keep_time(self) -> None:
        while True:
            self._alarm = trio.Event()
            deadline = self.session.deadline
            self._armed = math.inf if deadline is None else deadline
            with trio.move_on_at(self._armed) as sleep:
                await self._alarm.wait()
            if sleep.cancelled_caught:
                self._take(Tick())

    async def _wait_for_drain(self, drain: trio.Event) -> None:
        await drain.wait()
        self._take(Drain(self._settings.drain_seconds))
