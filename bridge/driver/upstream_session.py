"""One upstream session as tasks: opened, read, written, pinged, and closed in every case.

It ends when `close` is called, when the upstream is lost, or by cancellation. In every case its socket is closed before
`run` returns, with a Close frame if the connection still takes one. What happens is passed to `on_event`; what to do
about it is the core's decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec
import trio

from bridge.core.commands import Configure, SendAudio, SendEvent, SendFrame
from bridge.core.events import AttemptFailed, UpstreamLost
from bridge.driver.send_queue import SendQueue
from bridge.transport.keepalive import wait_until_dead
from bridge.upstream.failures import ConnectFailed, UpstreamClosed, upstream_unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from bridge.core.events import Event
    from bridge.driver.settings import DriverSettings
    from bridge.upstream.connector import Connector, UpstreamLink

#: What is sent upstream, in order.
UpstreamCommand = Configure | SendAudio | SendEvent | SendFrame

#: How long to go on reading when writing fails: an `error` frame that was sent before says why.
FINAL_READ_SECONDS = 1.0
#: The JSON of an append around its base64.
_APPEND_OVERHEAD_BYTES = 56


class UpstreamSession:
    """One generation. `run` is its task; `put` and `close` may be called at any time and never block."""

    def __init__(self, generation: int, settings: DriverSettings, on_event: Callable[[Event], None]) -> None:
        self.generation = generation
        self.closed = False
        """Whether it was closed or lost; it passes no more events on."""
        self._settings, self._on_event = settings, on_event
        self._queue: SendQueue[UpstreamCommand] = SendQueue(settings.upstream_queue_bytes)
        self._scope = trio.CancelScope()
        self._reason = "the bridge ends this session"
        self._last_received_at = trio.current_time()

    def put(self, command: UpstreamCommand) -> bool:
        """Queue a command for sending. False if the upstream reads so slowly that there is no room."""
        return self.closed or self._queue.put(command, _size(command))

    def close(self, reason: str) -> None:
        """Close the session, or stop opening it. No more of its events are passed on."""
        if not self.closed:
            self.closed, self._reason = True, reason
            self._scope.cancel()

    async def run(self, connector: Connector, session_options: Mapping[str, Any]) -> None:
        """Open the session and serve it to its end. Raises nothing that the upstream can cause.

        Cancelling closes the session, which takes at most `upstream_close_seconds`.
        """
        with self._scope:
            link = await self._open(connector, session_options)
            if link is not None:
                await self._serve(link)

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
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, link, nursery.cancel_scope)
                nursery.start_soon(self._keep_alive, link, nursery.cancel_scope)
                await self._read(link)
                nursery.cancel_scope.cancel()
        finally:
            await self._close(link)

    async def _close(self, link: UpstreamLink) -> None:
        """Shielded and bounded: an upstream session that is left open goes on costing money."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._settings.upstream_close_seconds):
            await link.close(self._reason)

    async def _read(self, link: UpstreamLink) -> None:
        try:
            while not self.closed:
                event = await link.receive()
                self._last_received_at = trio.current_time()
                self._on_event(event)
        except UpstreamClosed as end:
            self._lost(end, link)

    async def _write(self, link: UpstreamLink, reading: trio.CancelScope) -> None:
        try:
            async for command in self._queue:
                await _send(link, command)
        except UpstreamClosed as end:
            await self._send_failed(end, link, reading)

    async def _keep_alive(self, link: UpstreamLink, reading: trio.CancelScope) -> None:
        try:
            await wait_until_dead(link, lambda: self._last_received_at, interval_seconds=self._settings.ping_seconds)
        except UpstreamClosed as end:
            await self._send_failed(end, link, reading)
        else:
            failure = upstream_unavailable("The upstream no longer answers pings.")
            self._lost(UpstreamClosed(failure, "missed pings"), link)
            reading.cancel()

    async def _send_failed(self, end: UpstreamClosed, link: UpstreamLink, reading: trio.CancelScope) -> None:
        """Give the reader time to find out why nothing can be sent, then report the loss."""
        await trio.sleep(FINAL_READ_SECONDS)
        self._lost(end, link)
        reading.cancel()

    def _lost(self, end: UpstreamClosed, link: UpstreamLink) -> None:
        self._end(UpstreamLost(self.generation, end.failure, end.reason, link.acknowledged_bytes))

    def _end(self, event: AttemptFailed | UpstreamLost) -> None:
        if not self.closed:
            self.closed = True
            self._on_event(event)


def _size(command: UpstreamCommand) -> int:
    """Return about how many bytes the command takes on the wire."""
    match command:
        case SendAudio(_, pcm, event_id):
            return len(pcm) * 4 // 3 + _APPEND_OVERHEAD_BYTES + (len(event_id) if event_id is not None else 0)
        case SendFrame(_, frame):
            return len(frame)
        case SendEvent(_, event):
            return len(msgspec.json.encode(event))
        case Configure(_, session_options, updates):
            return len(msgspec.json.encode((session_options, updates)))
        case _:
            assert_never(command)


async def _send(link: UpstreamLink, command: UpstreamCommand) -> None:
    match command:
        case SendAudio(_, pcm, event_id):
            await link.send_audio(pcm, event_id)
        case SendFrame(_, frame):
            await link.send_frame(frame)
        case SendEvent(_, event):
            await link.send_event(event)
        case Configure(_, session_options, updates):
            await link.configure(session_options, updates)
        case _:
            assert_never(command)
