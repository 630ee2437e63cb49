"""What clients of both endpoints have in common: the WebSocket of one client, and how its end is reported."""

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

_NO_AUDIO = ClientAudio(b"")


class ClientSocket(ABC):
    """The WebSocket of one client, read as fast as its rate limits allow."""

    def __init__(self, link: WebSocketLink, reader: ClientFrameReader, client_id: str) -> None:
        self._link, self._reader = link, reader
        self.client_id = client_id
        """The client's id in messages, log lines and traces."""
        self.peer = link.peer
        """The client's address, for logs."""

    @property
    def pings_outstanding(self) -> int:
        """The number of pings that the client hasn't answered."""
        return self._link.pings_outstanding

    async def ping(self) -> None:
        """Send a WebSocket ping. Raises ClientDisconnected."""
        try:
            await self._link.ping()
        except LinkClosed as closed:
            raise ClientDisconnected from closed

    async def receive(self) -> Event:
        """Wait for the client's next event. Raises ClientDisconnected; cancelling loses no frame."""
        while True:
            frame = await self._reader.receive()
            event = frame if isinstance(frame, ClientLimitExceeded) else self.parse(frame)
            if event != _NO_AUDIO:
                return event

    @abstractmethod
    def parse(self, frame: str | bytes) -> Event:
        """Return the event of one frame. Never raises: an invalid frame is an event too."""

    async def send_text(self, data: bytes) -> None:
        """Send one text message, UTF-8. Raises ClientDisconnected."""
        try:
            await self._link.send_text(data)
        except LinkClosed as closed:
            raise ClientDisconnected from closed

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message. Raises ClientDisconnected."""
        try:
            await self._link.send_binary(data)
        except LinkClosed as closed:
            raise ClientDisconnected from closed

    async def close(self, code: int, reason: str) -> None:
        """Close the socket within the link's time limit. Closing twice is harmless."""
        await self._link.close(code, reason)
