"""What the driver needs of a client connection and of an observer: protocols only.

`bridge/server/clients/` implements the client connections, one for each WebSocket endpoint; `bridge/telemetry/`
implements the observer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.core.commands import ClientCommand, LogEvent
    from bridge.core.events import Event
    from bridge.core.session import SessionStatistics

__all__ = ["ClientConnection", "ClientDisconnected", "Frame", "SessionObserver"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message to the client."""

    data: bytes
    binary: bool = False
    """False: `data` is UTF-8 text."""


class ClientDisconnected(Exception):  # noqa: N818 - an end is not always an error
    """The client closed its connection, or the connection broke."""


class ClientConnection(Protocol):
    """One client at one endpoint: its messages as core events, and the core's commands as its messages."""

    @property
    def peer(self) -> str:
        """The client's address, for people to read."""
        ...

    @property
    def client_id(self) -> str:
        """The id of this connection in logs, in metrics and in the client's own messages."""
        ...

    async def receive(self) -> Event:
        """Wait for the client's next message and return it as an event.

        Raises ClientDisconnected. Cancelling loses no message.
        """
        ...

    def render(self, command: ClientCommand) -> Sequence[Frame]:
        """Return the messages that a command becomes on this endpoint; none if the endpoint doesn't show it."""
        ...

    async def send(self, frame: Frame) -> None:
        """Send one message. Only one task may call it. Raises ClientDisconnected."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Send a Close frame and release the socket. Never raises; cancelling releases the socket at once."""
        ...


class SessionObserver(Protocol):
    """Logs, metrics and traces of all sessions. Its methods must neither block nor raise."""

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        """A client connection is being served. `statistics` may be called until `session_ended`."""
        ...

    def log_event(self, client_id: str, event: LogEvent) -> None:
        """The core has something to log and to count."""
        ...

    def event_forwarded(self, seconds: float) -> None:
        """An upstream event was written to the client, this long after it was read from the upstream."""
        ...

    def session_ended(self, client_id: str) -> None:
        """The client connection is closed, and nothing of its session is left."""
        ...
