"""An upstream link whose events a test pulls, one at a time, while it runs in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from bridge.core.events import UpstreamEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.failures import UpstreamClosed
    from bridge.upstream.link import Connector, UpstreamLink


class PulledLink:
    """A link that runs until it is closed or over. Sends as the link does."""

    def __init__(self, link: UpstreamLink) -> None:
        self.link = link
        self.configure, self.send_audio, self.ping = link.configure, link.send_audio, link.ping
        self.send_event, self.send_frame = link.send_event, link.send_frame
        self._events: trio.MemorySendChannel[DecodedEvent]
        self._pulled: trio.MemoryReceiveChannel[DecodedEvent]
        self._events, self._pulled = trio.open_memory_channel(1000)
        self._end: UpstreamClosed | None = None
        self._running, self._stopped = trio.CancelScope(), trio.Event()

    @property
    def acknowledged_bytes(self) -> int:
        return self.link.acknowledged_bytes

    @property
    def pings_outstanding(self) -> int:
        return self.link.pings_outstanding

    @property
    def generation(self) -> int:
        return self.link.generation

    async def run(self) -> None:
        try:
            with self._running:
                self._end = await self.link.run(self)
        finally:
            self._events.close()
            self._stopped.set()

    def on_event(self, event: DecodedEvent) -> None:
        self._events.send_nowait(event)

    def on_frame(self, event_type: str, frame: bytes, _: float) -> None:
        self._events.send_nowait(UpstreamEvent(self.link.generation, event_type, frame))

    async def receive(self) -> DecodedEvent:
        """Wait for the next event. Raises UpstreamClosed at the end."""
        try:
            return await self._pulled.receive()
        except trio.EndOfChannel:
            assert self._end is not None
            raise self._end from None

    async def close(self, reason: str) -> None:
        self._running.cancel()
        with trio.CancelScope(shield=True):
            await self._stopped.wait()
        await self.link.close(reason)


async def opened(
    nursery: trio.Nursery, connector: Connector, generation: int, session_options: Mapping[str, Any]
) -> PulledLink:
    """Open a session and run its link in the nursery, until `close`."""
    link = PulledLink(await connector.open(generation, session_options))
    nursery.start_soon(link.run)
    return link
