"""What the driver sees of a client, and of whoever watches: protocols only.

The faces themselves (one for each door) stand in `bridge.server`, the observer in `bridge.telemetry`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bridge.core.commands import Forward, LogEvent, SendMessage
    from bridge.core.events import Event
    from bridge.core.session import SessionStatistics

__all__ = ["ClientConnection", "ClientDisconnected", "Frame", "SessionObserver"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One message to the client, as it goes on the wire."""

    data: bytes
    binary: bool = False
    """False: `data` is UTF-8 text."""


class ClientDisconnected(Exception):  # noqa: N818 - an end is not always an error
    """The client is gone, or its socket takes nothing any more."""


class ClientConnection(Protocol):
    """One client at one door: its messages as core events, and the core's words as its messages."""

    @property
    def peer(self) -> str:
        """Who it is, for people to read."""
        ...

    @property
    def client_id(self) -> str:
        """What logs, metrics and the client itself call it."""
        ...

    async def receive(self) -> Event:
        """Wait for what the client does next. Raises FaceClosed; cancelling loses nothing."""
        ...

    def render(self, command: SendMessage | Forward) -> Sequence[Frame]:
        """Put the core's words into this client's; empty when it is not to hear of it."""
        ...

    async def send(self, frame: Frame) -> None:
        """Send one message. Raises FaceClosed. Only one task calls it."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye and let go. Never raises FaceClosed; cancelling lets go at once."""
        ...


class SessionObserver(Protocol):
    """Whoever counts and logs. Nothing here waits, and nothing here may raise."""

    def session_started(self, client_id: str, statistics: Callable[[], SessionStatistics]) -> None:
        """A client's session is driven from now on; `statistics` may be asked until `ended`."""
        ...

    def log_event(self, client_id: str, note: LogEvent) -> None:
        """The core has something to log and to count."""
        ...

    def event_forwarded(self, seconds: float) -> None:
        """An upstream's event was written to its client, so long after it was read here."""
        ...

    def session_ended(self, client_id: str) -> None:
        """Nothing of the session is left."""
        ...
