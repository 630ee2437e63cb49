"""What both faces have in common: the link to one client, and how its end is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from bridge.core.events import ClientAudio, ClientLimitExceeded
from bridge.driver.client import ClientDisconnected
from bridge.transport.link import LinkClosed

if TYPE_CHECKING:
    from bridge.core.events import Event
    from bridge.server.clients.frame_reader import ClientFrameReader
    from bridge.transport.websocket import WebSocketLink

_NOTHING = ClientAudio(b"")


class ClientSocket(ABC):
    """One client's socket, read at the pace of its reader."""

    def __init__(self, link: WebSocketLink, reader: ClientFrameReader, client_id: str) -> None:
        self._link, self._reader = link, reader
        self.client_id = client_id
        """What it is called in messages, log lines and traces."""
        self.peer = link.peer
        """Where it comes from."""

    @property
    def pings_outstanding(self) -> int:
        """How many of our pings the client has not answered."""
        return self._link.pings_outstanding

    async def ping(self) -> None:
        """Ask the client for a sign of life. Raises FaceClosed."""
        try:
            await self._link.ping()
        except LinkClosed as closed:
            raise ClientDisconnected from closed

    async def receive(self) -> Event:
        """Wait for the client's next event. Raises FaceClosed; cancelling loses nothing."""
        while True:
            frame = await self._reader.receive()
            event = frame if isinstance(frame, ClientLimitExceeded) else self.parse(frame)
            if event != _NOTHING:  # no samples are a whole number of them, and nothing to pass on
                return event

    @abstractmethod
    def parse(self, frame: str | bytes) -> Event:
        """Understand one frame. Never raises: what is wrong is an event too."""

    async def send_text(self, data: bytes) -> None:
        """Send one text message. Raises FaceClosed."""
        try:
            await self._link.send_text(data)
        except LinkClosed as closed:
            raise ClientDisconnected from closed

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message. Raises FaceClosed."""
        try:
            await self._link.send_binary(data)
        except LinkClosed as closed:
            raise ClientDisconnected from closed

    async def close(self, code: int, reason: str) -> None:
        """Close the socket within the link's bound. Closing twice is fine."""
        await self._link.close(code, reason)
