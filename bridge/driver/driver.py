"""The only interpreter of the core's commands: a client connection on one side, an upstream session on the other.

Both call the driver for each message. It turns messages into events of the core, and the core's commands into messages,
on the spot: nothing between two sockets waits for a task. Tasks are for what takes time: timers, opening an upstream
session, closing. Nothing is decided here. One nursery per client connection: when `run_session` returns, nothing of it
is left.
"""

from __future__ import annotations

import math
from contextvars import copy_context
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
from bridge.core.events import ClientAudio, ClientGone, ClientLimitExceeded, Drain, Tick, UpstreamEvent, UpstreamLost
from bridge.core.session import Session
from bridge.driver.client import ClosingFrame
from bridge.driver.settings import DriverSettings
from bridge.driver.upstream_session import UpstreamSession
from bridge.transport.keepalive import KeepAlive
from bridge.transport.timers import current_timers
from bridge.upstream.failures import upstream_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.core.commands import ClientCommand, Command
    from bridge.core.events import Event
    from bridge.core.spending.caps import Account
    from bridge.driver.client import ClientConnection, SessionObserver
    from bridge.driver.upstream_session import UpstreamCommand
    from bridge.upstream.link import Connector

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
    identity: Account | None = None,
) -> None:
    """Serve one client from its first message until it disconnects or the core closes its connection.

    `rng` returns numbers in [0, 1), for the jitter of waits between attempts. Once `drain` is set, the session ends in
    the next pause, after `settings.drain_seconds` at the latest. `identity` is the account of whoever the client is.

    Raises nothing that a peer can cause. Cancelling ends everything at once, except the upstream's closing handshake,
    which may take `settings.upstream_close_seconds`.

    The client's socket is closed here only if the core asked for it, or with 1011 if the client answers no pings. In
    all other cases that is left to the caller.
    """
    driver = _Driver(client, connector, settings, observer, Session(settings.core, rng=rng, identity=identity))
    observer.session_started(client.client_id, driver.session.statistics)
    try:
        await driver.run(drain)
    finally:
        observer.session_ended(client.client_id)


class _Driver:
    """The two sides of one session, and its timers. A `ClientHandler`, and the `SessionOwner` of upstream sessions."""

    def __init__(
        self,
        client: ClientConnection,
        connector: Connector,
        settings: DriverSettings,
        observer: SessionObserver,
        session: Session,
    ) -> None:
        self.session = session
        self._client, self._connector, self._settings, self._observer = client, connector, settings, observer
        self._events: list[Event] = []
        self._handling = False
        self._upstream: UpstreamSession | None = None
        self._gap = False
        """Messages to a slow client were dropped; what follows the gap would make no sense to it."""
        self._after_gap = False
        """The client is told why it is closed. Nothing else: it may have missed the begin of what would end now."""
        self._close: tuple[int, str] | None = None
        """The code and reason to close the client connection with."""
        self._resume_at = math.inf
        self._timer = current_timers().timer(self._on_timer)
        self._error: Exception | None = None
        """A bug that a timer came upon."""
        self._serving = trio.CancelScope()
        self._context = copy_context()
        self._tasks: trio.Nursery

    async def run(self, drain: trio.Event | None) -> None:
        """Run the session to its end."""
        seconds = self._settings.client_ping_seconds
        keep_alive = KeepAlive(self._client, self._no_pongs, interval_seconds=seconds)
        try:
            async with trio.open_nursery() as self._tasks:
                await self._serve(drain)
                if self._close is not None:
                    with trio.move_on_after(self._settings.client_close_seconds):
                        await self._client.close(*self._close)
        finally:
            self._timer.stop()
            keep_alive.stop()
            self._upstream = None  # it refers to us: a cycle would leave the session to the garbage collector

    async def _serve(self, drain: trio.Event | None) -> None:
        """Serve the client until it has gone or is to be closed, and end its upstream session."""
        with self._serving:
            async with trio.open_nursery() as waiting:
                if drain is not None:
                    waiting.start_soon(self._wait_for_drain, drain)
                self.handle(Tick())  # a client that never says anything has its deadlines too
                await self._client.run(self)
                self._serving.cancel()
        if self._error is not None:
            raise self._error
        self.handle(ClientGone())
        if self._upstream is not None:
            self._upstream.close("client gone")

    # From the client

    def audio(self, pcm: bytes, now: float) -> None:
        """Take speech of the client; see ClientHandler."""
        if not self.session.relay_audio(pcm, now):
            self.handle(ClientAudio(pcm))
        elif self._upstream is not None and not self._upstream.send_audio(pcm):
            self._upstream_accepts_nothing(self._upstream)

    @property
    def held_bytes(self) -> int:
        """About how much memory is held for the client; see ClientHandler."""
        return self.session.held_bytes

    def resume_at(self, when: float) -> None:
        """Let the client be read again at this time; see ClientHandler."""
        self._resume_at = when
        self._set_timer()

    def written(self, events: int, seconds: float) -> None:
        """Take note of forwarded events; see ClientHandler."""
        self._observer.events_forwarded(events, seconds)

    # From the upstream

    def relay(self, generation: int, event_type: str, frame: bytes, now: float) -> None:
        """Take an event that the core needs only by its type; see SessionOwner."""
        if not self.session.relay_event(generation, event_type, frame, now):
            self.handle(UpstreamEvent(generation, event_type, frame))
        elif not (self._gap or self._close is not None or self._client.forward(event_type, frame, now)):
            self._too_slow(len(frame))
            self._work_off()

    # Events and commands

    def handle(self, event: Event) -> None:
        """Handle one event, and the events that come of it. Never blocks."""
        self._events.append(event)
        self._work_off()

    def _work_off(self) -> None:
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._step(self._events.pop(0), trio.current_time())
        finally:
            self._handling = False
        self._set_timer()

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
                self._upstream = UpstreamSession(generation, self._settings, self)
                # in the session's context, though a timer or the reactor may have called
                self._context.run(self._tasks.start_soon, self._upstream.run, self._connector, session_options)
            case CloseUpstream(generation, reason):
                if self._upstream is not None and self._upstream.generation == generation:
                    self._upstream.close(reason)
            case CloseClient(code, reason):
                self._close_client(code, reason)
            case _:
                assert_never(command)

    def _send_client(self, command: ClientCommand, now: float) -> None:
        if self._gap or self._close is not None or (self._after_gap and not isinstance(command, SendMessage)):
            return
        read_at = now if isinstance(command, Forward) else None
        for frame in self._client.render(command):
            if isinstance(frame, ClosingFrame):
                self._close_client(frame.code, frame.data.decode())
            elif not self._client.send(frame, read_at):
                self._too_slow(len(frame.data))
                return

    def _too_slow(self, n_bytes: int) -> None:
        """Drop what is queued: the client would take up to a minute to read it before it learned why it is closed."""
        self._client.drop_unsent()
        self._gap = self._after_gap = True
        message = f"The client reads too slowly: a message of {n_bytes} bytes finds no room behind what waits for it."
        self._events.insert(0, ClientLimitExceeded("SLOW_CONSUMER", message, 1013))

    def _send_upstream(self, command: UpstreamCommand) -> None:
        upstream = self._upstream
        if upstream is not None and upstream.generation == command.generation and not upstream.send(command):
            self._upstream_accepts_nothing(upstream)

    def _upstream_accepts_nothing(self, upstream: UpstreamSession) -> None:
        upstream.close("the upstream accepts no data")
        failure = upstream_unavailable("The upstream accepts no more data.")
        self.handle(UpstreamLost(upstream.generation, failure, "the upstream accepts no data"))

    def _close_client(self, code: int, reason: str) -> None:
        self._close = self._close or (code, reason)
        self._serving.cancel()

    def _no_pongs(self) -> None:
        self._close_client(*_NO_PONG)

    # Timers

    def _set_timer(self) -> None:
        deadline = self.session.deadline
        self._timer.set(self._resume_at if deadline is None else min(self._resume_at, deadline))

    def _on_timer(self, now: float) -> None:
        try:
            if now >= self._resume_at:
                self._resume_at = math.inf
                self._client.resume()
            self.handle(Tick())
        except Exception as error:  # noqa: BLE001 - `run` raises it; the timers of other sessions go on
            self._error = error
            self._serving.cancel()

    async def _wait_for_drain(self, drain: trio.Event) -> None:
        await drain.wait()
        self.handle(Drain(self._settings.drain_seconds))
