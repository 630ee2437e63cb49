"""One upstream session: opened, served, pinged, and closed in every case.

It ends when `close` is called, when the upstream is lost, or by cancellation. In every case its socket is closed before
`run` returns, with a Close frame if the connection still takes one. What happens is passed to its owner; what to do
about it is the core's decision.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol, assert_never

import trio

from bridge.core.commands import Configure, SendAudio, SendEvent, SendFrame
from bridge.core.events import AttemptFailed, UpstreamLost
from bridge.transport.keepalive import KeepAlive
from bridge.upstream.failures import ConnectFailed, UpstreamClosed, upstream_unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from bridge.core.events import Event
    from bridge.driver.settings import DriverSettings
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.link import Connector, UpstreamLink

#: What is sent upstream.
UpstreamCommand = Configure | SendAudio | SendEvent | SendFrame


class SessionOwner(Protocol):
    """Whom an upstream session calls: the driver. Its methods never block."""

    def handle(self, event: Event) -> None:
        """Take an event of the session."""
        ...

    def relay(self, generation: int, event_type: str, frame: bytes, now: float) -> None:
        """Take an event whose JSON nobody reads, only its type: most of what comes."""
        ...


class UpstreamSession:
    """One generation. `run` is its task; everything else may be called at any time and never blocks."""

    def __init__(self, generation: int, settings: DriverSettings, owner: SessionOwner) -> None:
        self.generation = generation
        self.closed = False
        """Whether it was closed or lost; it passes no more events on."""
        self._settings, self._owner = settings, owner
        self._scope, self._serving = trio.CancelScope(), trio.CancelScope()
        self._reason = "the bridge ends this session"
        self._link: UpstreamLink | None = None
        self._close_by = math.inf
        """When the socket is closed at the latest, once the end has begun."""

    def send(self, command: UpstreamCommand) -> bool:
        """Carry out a command. False if the upstream reads so slowly that there is no room."""
        link = self._link
        if self.closed or link is None:
            return True
        match command:
            case SendAudio(_, pcm, event_id):
                return link.send_audio(pcm, event_id)
            case SendFrame(_, frame):
                return link.send_frame(frame)
            case SendEvent(_, event):
                return link.send_event(event)
            case Configure(_, session_options, updates):
                return link.configure(session_options, updates)
            case _:
                assert_never(command)

    def send_audio(self, pcm: bytes) -> bool:
        """Do what `send` does for a SendAudio without an id."""
        return self.closed or self._link is None or self._link.send_audio(pcm)

    def close(self, reason: str) -> None:
        """Close the session, or stop opening it. No more of its events are passed on."""
        if not self.closed:
            self.closed, self._reason = True, reason
            self._close_by = trio.current_time() + self._settings.upstream_close_seconds
            self._scope.cancel()

    async def run(self, connector: Connector, session_options: Mapping[str, Any]) -> None:
        """Open the session and serve it to its end. Raises nothing that the upstream can cause.

        Cancelling closes the session, which takes at most `upstream_close_seconds`.
        """
        with self._scope:
            self._link = await self._open(connector, session_options)
            if self._link is not None:
                await self._serve(self._link)

    async def _open(self, connector: Connector, session_options: Mapping[str, Any]) -> UpstreamLink | None:
        seconds = self._settings.connect_seconds
        try:
            with trio.move_on_after(seconds):
                return await connector.open(self.generation, session_options)
        except ConnectFailed as failed:
            self._end(AttemptFailed(self.generation, failed.failure))
            return None
        failure = upstream_unavailable(f"The upstream was not reached within {seconds:g} s.")
        self._end(AttemptFailed(self.generation, failure))
        return None

    async def _serve(self, link: UpstreamLink) -> None:
        keep_alive = KeepAlive(link, self._serving.cancel, interval_seconds=self._settings.ping_seconds)
        try:
            with self._serving:
                self._lost(await link.run(self), link)
            if self._serving.cancelled_caught:
                failure = upstream_unavailable("The upstream no longer answers pings.")
                self._lost(UpstreamClosed(failure, "missed pings"), link)
        finally:
            keep_alive.stop()
            await self._close(link)

    async def _close(self, link: UpstreamLink) -> None:
        """Shielded and bounded: an upstream session that is left open goes on costing money."""
        close_by = min(self._close_by, trio.current_time() + self._settings.upstream_close_seconds)
        with trio.CancelScope(shield=True, deadline=close_by):
            await link.close(self._reason)

    # Called by the link

    def on_event(self, event: DecodedEvent) -> None:
        """Pass an event on."""
        if not self.closed:
            self._owner.handle(event)

    def on_frame(self, event_type: str, frame: bytes, now: float) -> None:
        """Pass on an event whose JSON nobody reads."""
        if not self.closed:
            self._owner.relay(self.generation, event_type, frame, now)

    def _lost(self, end: UpstreamClosed, link: UpstreamLink) -> None:
        self._end(UpstreamLost(self.generation, end.failure, end.reason, link.acknowledged_bytes))

    def _end(self, event: AttemptFailed | UpstreamLost) -> None:
        if not self.closed:
            self.closed = True
            self._owner.handle(event)
