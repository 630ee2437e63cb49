"""What clients of both endpoints have in common: the WebSocket of one client, within its limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bridge.core.events import BadMessage, ClientAudio
from bridge.server.clients.frame_limits import LARGE_BYTES, TOO_MUCH_HELD, FrameLimits, too_large

if TYPE_CHECKING:
    from bridge.core.events import Event
    from bridge.driver.client import ClientHandler, Frame
    from bridge.server.clients.rate_limit import RateLimits
    from bridge.transport.push_link import PushLink


class ClientSocket(ABC):
    """The WebSocket of one client: messages in, as events of the core; frames out. The link's `MessageHandler`."""

    def __init__(self, link: PushLink, *, client_id: str, max_bytes: int, limits: RateLimits) -> None:
        """Serve a link that was opened with `defer_close` and `max_size=max_bytes`."""
        self._link, self._max_bytes = link, max_bytes
        self._limits = FrameLimits(limits)
        self._handler: ClientHandler
        self._running = False
        self.client_id = client_id
        """The client's id in messages, log lines and traces."""
        self.peer = link.peer
        """The client's address, for logs."""

    @property
    def last_received_at(self) -> float:
        """When anything last came from the client."""
        return self._link.now

    @property
    def pings_outstanding(self) -> int:
        """The number of pings that the client hasn't answered."""
        return self._link.pings_outstanding

    def ping(self) -> None:
        """Send a WebSocket ping."""
        self._link.ping()

    async def run(self, handler: ClientHandler) -> None:
        """Call `handler` for each message until the client has disconnected; see ClientConnection."""
        self._handler, self._running = handler, True
        self._link.on_written = handler.written
        try:
            await self._link.run(self)
        finally:  # the handler refers to us: a cycle would leave the session to the garbage collector
            self._link.on_written = None
            self._running = False
            del self._handler

    @property
    def held_bytes(self) -> int:
        """About how much memory is held for the client: what its session keeps, and what it has not read."""
        return self._link.unsent_bytes + (self._handler.held_bytes if self._running else 0)

    def end_busy(self) -> None:
        """Close the connection: the bridge is short of memory, and this client holds much of it."""
        if self._running:
            self._handler.handle(TOO_MUCH_HELD)

    def resume(self) -> None:
        """Read on: the client has waited long enough."""
        if not self._limits.exceeded:
            self._link.resume()

    # Called by the link

    def on_text(self, data: bytes) -> None:
        """Pass on the event of a text frame; audio without an id goes the short way, and empty audio nowhere."""
        if not self._limits.admit(self._link, self._handler, len(data)):
            return
        event = self.parse(data)
        if not isinstance(event, ClientAudio) or event.event_id is not None:
            self._handler.handle(event)
            if isinstance(event, BadMessage):
                self._limits.charge_invalid(self._link, self._handler)
            elif len(data) > LARGE_BYTES:
                self._limits.charge_large(self._link, self._handler, data)
        elif event.pcm:
            self._handler.audio(event.pcm, self._link.now)

    def refuse_binary(self, problem: str) -> None:
        """Pass on that a binary frame is invalid."""
        self._handler.handle(BadMessage("INVALID_MESSAGE", problem))
        self._limits.charge_invalid(self._link, self._handler)

    @abstractmethod
    def on_binary(self, data: bytes) -> None:
        """Pass on what is in a binary frame."""

    @abstractmethod
    def parse(self, frame: bytes) -> Event:
        """Return the event of one text frame. Never raises: an invalid frame is an event too."""

    def on_control_frames(self, frames: int) -> None:
        """Count frames that are no messages."""
        self._limits.admit(self._link, self._handler, 0, frames)

    def on_too_large(self, reason: str) -> None:
        """Pass on that a message is too large: nothing after it will be read."""
        self._handler.handle(too_large(self._max_bytes, reason))

    # Called by the driver

    def send(self, frame: Frame, read_at: float | None = None) -> bool:
        """Send one message; see ClientConnection."""
        send = self._link.send_binary if frame.binary else self._link.send_text
        return send(frame.data, read_at)

    def drop_unsent(self) -> int:
        """Drop what waits to be written; see ClientConnection."""
        return self._link.drop_unsent()

    async def close(self, code: int, reason: str) -> None:
        """Close the socket within the link's time limit. Closing twice is harmless."""
        await self._link.close(code, reason)
