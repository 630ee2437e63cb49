"""A client's socket that runs in a test: what its far end sends comes out as events of the core."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from bridge.core.events import ClientAudio
from bridge.transport.carriers import carrier_for
from bridge.transport.push_link import PushLink

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.core.events import Event
    from bridge.driver.client import ClientConnection
    from bridge.transport.websocket import WebSocketLink


def pushing(link: WebSocketLink) -> PushLink:
    return PushLink(link, max_unsent_bytes=1_000_000, make_carrier=carrier_for)


class Handler:
    """The driver's part: keeps the events, and lets the client be read again in time."""

    def __init__(self, client: ClientConnection) -> None:
        self._client = client
        self._events: trio.MemorySendChannel[Event]
        self._pulled: trio.MemoryReceiveChannel[Event]
        self._events, self._pulled = trio.open_memory_channel(math.inf)
        self._resume_at, self._asked = math.inf, trio.Event()
        self.forwarded = 0
        self.held_bytes = 0

    def handle(self, event: Event) -> None:
        self._events.send_nowait(event)

    def audio(self, pcm: bytes, _: float) -> None:
        self.handle(ClientAudio(pcm))

    def resume_at(self, when: float) -> None:
        self._resume_at = when
        self._asked.set()

    def written(self, events: int, _: float) -> None:
        self.forwarded += events

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._resume)
            await self._client.run(self)
            nursery.cancel_scope.cancel()
        self._events.close()

    async def _resume(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            await trio.sleep_until(self._resume_at)
            self._client.resume()

    async def receive(self) -> Event:
        """Wait for the client's next event. Raises EndOfChannel once it has disconnected."""
        return await self._pulled.receive()


@asynccontextmanager
async def served(client: ClientConnection) -> AsyncIterator[Handler]:
    """Run a client for the length of the block."""
    handler = Handler(client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(handler.run)
        yield handler
        nursery.cancel_scope.cancel()
