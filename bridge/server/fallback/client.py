"""One client of the REST fallback, as the driver sees any client: POSTs come in, and messages wait to be fetched.

It is a `ClientConnection` without a connection. The tasks of HTTP requests call `take_*` and `poll`; the driver runs in
the session's own task. A client that asks for no events for UNPOLLED_SECONDS has gone.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from bridge.core.events import ClientAudio, CreateSession
from bridge.driver.client import Frame
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.protocol.events.peek import is_json
from bridge.server.clients.frame_limits import TOO_FAST, TOO_MUCH_HELD
from bridge.server.clients.json_messages import parse_client_frame
from bridge.server.clients.json_rendering import connected_message, encode_message, render_message
from bridge.server.clients.rate_limit import ClientRateLimiter
from bridge.server.fallback.event_log import EventLog
from bridge.server.fallback.posts import PostSequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from bridge.core.commands import ClientCommand
    from bridge.core.events import Event
    from bridge.driver.client import ClientHandler
    from bridge.server.admission.policy import Admitted
    from bridge.server.clients.native_messages import LockedFields
    from bridge.server.clients.rate_limit import RateLimits

#: How long a session lives without a request for its events (client protocol, "REST fallback").
UNPOLLED_SECONDS: Final = 60.0


class FallbackClient:
    """Implements `bridge.driver.client.ClientConnection` for clients that make requests."""

    def __init__(
        self,
        *,
        client_id: str,
        peer: str,
        admitted: Admitted,
        limits: RateLimits,
        locked: LockedFields,
        clock: Callable[[], datetime],
    ) -> None:
        self.client_id, self.peer = client_id, peer
        self.admitted = admitted
        """Where the session is counted."""
        self.posts = PostSequence()
        self.events = EventLog()
        self.ended = False
        """Whether the session is over. What waits can still be fetched."""
        self.last_received_at = trio.current_time()
        """When the last request came, on trio's clock."""
        self.pings_outstanding = 0
        """Always 0: requests show that a client is there."""
        self._locked, self._clock = locked, clock
        self._limiter = ClientRateLimiter(limits)
        self.refused = False
        """Whether it sent too fast: nothing more of it counts."""
        self._handler: ClientHandler | None = None
        self.running = trio.Event()
        """Set when requests may be taken."""
        self.fetched = trio.Event()
        """Set when the session is over and the client has acknowledged everything, or is done."""
        self._gone = trio.Event()
        self._error: Exception | None = None
        self._patience = trio.CancelScope(deadline=self.last_received_at + UNPOLLED_SECONDS)
        self._polls = 0
        self.newest_poll = 0
        """The number of the newest request for events: it ends those before it."""
        self._news = trio.Event()
        """Set, and replaced, when there is something to fetch."""
        self._poll_scope = trio.CancelScope()
        self.events.append(encode_message(connected_message(client_id), clock()))

    # For the requests

    def start(self, options: Mapping[str, Any]) -> None:
        """Ask for the session. Call it once, when `run` runs."""
        self._handle(CreateSession(options))

    def take_message(self, frame: bytes) -> None:
        """Take one message of the client, as a text frame would bring it."""
        if self._admit(len(frame)):
            event = parse_client_frame(frame, self._locked)
            if isinstance(event, ClientAudio) and event.event_id is None:
                self._hear(event.pcm)
            else:
                self._handle(event)

    def take_audio(self, pcm: bytes) -> None:
        """Take a chunk of speech: PCM16, whole samples."""
        if self._admit(len(pcm)):
            self._hear(pcm)

    async def wait_for_turn(self) -> None:
        """Wait until the client may send on: it is slowed down by late responses."""
        await trio.sleep_until(max(self._limiter.until, trio.current_time()))

    async def poll(self, after: int, wait_seconds: float) -> tuple[int, Sequence[bytes]]:
        """Acknowledge the messages up to `after`; return the number of the first one behind it, and those there are.

        Waits for one. Another `poll` ends this one with none. Raises UnknownEventError. Cancelling is harmless.
        """
        self.events.acknowledge(after)
        if self.ended and self.events.acknowledged == self.events.last:
            self.fetched.set()
        number = self.supersede()
        with self.polled(), trio.move_on_after(wait_seconds) as self._poll_scope:
            await self.wait_for_news(after)
        if number != self.newest_poll:
            return after + 1, ()
        return self.events.first_behind(after), self.events.deliver(after)

    def supersede(self) -> int:
        """End the request for events that waits; return the number of the one that takes its place."""
        self._poll_scope.cancel()
        self.newest_poll += 1
        return self.newest_poll

    async def wait_for_news(self, after: int) -> None:
        """Wait until there is a message behind this one, or the session is over. Cancelling is harmless."""
        while self.events.last <= after and not self.ended:
            await self._news.wait()

    @contextmanager
    def polled(self) -> Iterator[None]:
        """The client asks for its events: it has not gone for as long as this lasts."""
        self._polls += 1
        self._patience.deadline = math.inf
        try:
            yield
        finally:
            self._polls -= 1
            self.last_received_at = trio.current_time()
            if not self._polls:
                self._patience.deadline = self.last_received_at + UNPOLLED_SECONDS

    def leave(self) -> None:
        """The client is done: the session ends."""
        self._gone.set()
        self.fetched.set()

    # For the driver

    async def run(self, handler: ClientHandler) -> None:
        """Pass on what requests bring until the client is done or has gone; see ClientConnection."""
        self._handler = handler
        self.running.set()
        try:
            with self._patience:
                await self._gone.wait()
        finally:
            self._handler = None  # it refers to us: a cycle would leave the session to the garbage collector
        if self._error is not None:
            raise self._error

    def ping(self) -> None:
        """Do nothing: there is no connection."""

    def resume(self) -> None:
        """Do nothing: `wait_for_turn` slows a client down."""

    def render(self, command: ClientCommand) -> list[Frame]:
        """Return the message of a command."""
        message = render_message(command, self._clock())
        return [] if message is None else [Frame(message)]

    def send(self, frame: Frame, read_at: float | None = None) -> bool:
        """Let a message wait for the client. False if too much waits."""
        sent = self.events.append(frame.data)
        if sent:
            self._wake()
            if read_at is not None and self._handler is not None:
                self._handler.written(1, 0.0)
        return sent

    def forward(self, event_type: str, frame: bytes, read_at: float) -> bool:
        """Let a native event wait for the client. Audio deltas stay JSON."""
        if event_type in AUDIO_DELTAS and not is_json(frame):
            return True  # nobody has read it whole before, and it would spoil the response that it is put into
        return self.send(Frame(frame), read_at)

    def drop_unsent(self) -> int:
        """Drop what waits for the client."""
        return self.events.drop()

    async def close(self, code: int, reason: str) -> None:
        """End the session: what waits can still be fetched."""
        del code, reason  # the messages before say it
        self.end()

    @property
    def held_bytes(self) -> int:
        """About how much memory is held for the client: what its session keeps, and what it has not fetched."""
        return self.events.held_bytes + (self._handler.held_bytes if self._handler is not None else 0)

    def end_busy(self) -> None:
        """End the session: the bridge is short of memory, and this client holds much of it."""
        self._handle(TOO_MUCH_HELD)

    def end(self) -> None:
        """The session is over: answer those who wait."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = trio.Event()

    def _admit(self, n_bytes: int) -> bool:
        now = self.last_received_at = trio.current_time()
        if not self.refused and not self._limiter.charge(n_bytes, now):
            self.refused = True
            self._handle(TOO_FAST)
        return not self.refused

    def _hear(self, pcm: bytes) -> None:
        if pcm:
            self._pass_on(lambda handler: handler.audio(pcm, trio.current_time()))

    def _handle(self, event: Event) -> None:
        self._pass_on(lambda handler: handler.handle(event))

    def _pass_on(self, act: Callable[[ClientHandler], None]) -> None:
        """Call the handler. A bug there ends the session, as it does where a socket brings the message."""
        if self._handler is None:
            return  # the session has just ended
        try:
            act(self._handler)
        except Exception as error:
            self._error = error
            self._gone.set()
            raise
