"""What the driver needs of a client connection and of an observer, and what a connection needs of the driver.

Protocols only. `bridge/server/clients/` implements the client connections, one for each WebSocket endpoint;
`bridge/telemetry/` implements the observer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.core.commands import ClientCommand, LogEvent
    from bridge.core.events import Event
    from bridge.core.session import SessionStatistics

__all__ = ["ClientConnection", "ClientHandler", "ClosingFrame", "Frame", "SessionObserver"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message to the client."""

    data: bytes
    binary: bool = False
    """False: `data` is UTF-8 text."""


@dataclass(frozen=True, slots=True)
class ClosingFrame(Frame):
    """Not a message, but the close of the socket after all messages. `data` is the reason."""

    code: int = 1000


class ClientHandler(Protocol):
    """Whom a client connection calls while it runs. Its methods never block."""

    def handle(self, event: Event) -> None:
        """Take the client's next message, as an event."""
        ...

    def audio(self, pcm: bytes, now: float) -> None:
        """Take the client's next chunk of speech, without an event: they are most of what comes."""
        ...

    @property
    def held_bytes(self) -> int:
        """About how much memory the session holds for the client."""
        ...

    def resume_at(self, when: float) -> None:
        """Call the connection's `resume` at this time, on trio's clock."""
        ...

    def written(self, events: int, seconds: float) -> None:
        """Take note that so many forwarded events were written, at most this long after they were read."""
        ...


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

    @property
    def last_received_at(self) -> float:
        """When anything last came from the client, on trio's clock."""
        ...

    @property
    def pings_outstanding(self) -> int:
        """The number of pings that the client hasn't answered."""
        ...

    def ping(self) -> None:
        """Send a WebSocket ping."""
        ...

    async def run(self, handler: ClientHandler) -> None:
        """Call `handler` for each message until the client has disconnected. Cancelling stops before the next one."""
        ...

    def resume(self) -> None:
        """Go on reading, as asked for with `ClientHandler.resume_at`."""
        ...

    def render(self, command: ClientCommand) -> Sequence[Frame]:
        """Return the messages that a command becomes on this endpoint; none if the endpoint doesn't show it."""
        ...

    def send(self, frame: Frame, read_at: float | None = None) -> bool:
        """Send one message. False if the client reads so slowly that there is no room. Never blocks.

        `read_at` is when a forwarded event was read from the upstream, for `ClientHandler.written`.
        """
        ...

    def forward(self, event_type: str, frame: bytes, read_at: float) -> bool:
        """Send a native event: what `render` and `send` do for a `Forward`, without the objects."""
        ...

    def drop_unsent(self) -> int:
        """Drop what was sent and not written yet. Returns how many bytes that was."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Write what is unsent and a Close frame, and release the socket. Call it after `run`.

        Never raises; cancelling releases the socket at once.
        """
        ...


class SessionObserver(Protocol):
    """Logs, metrics and traces of all sessions. Its methods must neither block nor raise."""

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        """A client connection is being served. `statistics` may be called until `session_ended`."""
        ...

    def log_event(self, client_id: str, event: LogEvent) -> None:
        """The core has something to log and to count."""
        ...

    def events_forwarded(self, events: int, seconds: float) -> None:
        """So many upstream events were written to the client, at most this long after they were read."""
        ...

    def session_ended(self, client_id: str) -> None:
        """The client connection is closed, and nothing of its session is left."""
        ...
