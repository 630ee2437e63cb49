"""One upstream session as tasks: opened, read, written, pinged, and closed whatever happens.

It ends by `give_up`, by a loss, or by cancelling; in every case the socket is closed before `run` returns, with a Close
frame where the line still takes one. What it learns it hands to `happened`; what that means is the core's business.
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

#: What goes up, in the order in which it was said.
UpstreamCommand = Configure | SendAudio | SendEvent | SendFrame

#: A line that takes nothing any more has often said why: so long the reader may take to find it.
FINAL_READ_SECONDS = 1.0
#: Around the base64 of an append.
_AROUND_AUDIO = 56


class UpstreamSession:
    """One generation. `run` is its task; `put` and `give_up` may be called at any time and never wait."""

    def __init__(self, generation: int, settings: DriverSettings, happened: Callable[[Event], None]) -> None:
        self.generation = generation
        self.closed = False
        """Nothing of it is wanted or to be expected any more."""
        self._settings, self._happened = settings, happened
        self._outbox: SendQueue[UpstreamCommand] = SendQueue(settings.upstream_queue_bytes)
        self._scope = trio.CancelScope()
        self._reason = "the bridge ends this session"
        self._heard_at = trio.current_time()

    def put(self, command: UpstreamCommand) -> bool:
        """Let it go up in its turn; False when the upstream is so slow that there is no room."""
        return self.closed or self._outbox.put(command, _size(command))

    def close(self, reason: str) -> None:
        """Close it, or stop opening it; nothing of it will be heard again."""
        if not self.closed:
            self.closed, self._reason = True, reason
            self._scope.cancel()

    async def run(self, connector: Connector, wish: Mapping[str, Any]) -> None:
        """Open it and serve it to its end. Raises nothing of the upstream's; cancelling closes it within bounds."""
        with self._scope:
            link = await self._open(connector, wish)
            if link is not None:
                await self._serve(link)

    async def _open(self, connector: Connector, wish: Mapping[str, Any]) -> UpstreamLink | None:
        seconds = self._settings.connect_seconds
        try:
            with trio.move_on_after(seconds):
                return await connector.open(self.generation, wish)
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
                nursery.start_soon(self._watch, link, nursery.cancel_scope)
                await self._read(link)
                nursery.cancel_scope.cancel()
        finally:
            await self._close(link)

    async def _close(self, link: UpstreamLink) -> None:
        """Shielded and bounded: an upstream session that nobody closes goes on costing money."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + self._settings.upstream_close_seconds):
            await link.close(self._reason)

    async def _read(self, link: UpstreamLink) -> None:
        try:
            while not self.closed:
                event = await link.receive()
                self._heard_at = trio.current_time()
                self._happened(event)
        except UpstreamClosed as over:
            self._lost(over, link)

    async def _write(self, link: UpstreamLink, reading: trio.CancelScope) -> None:
        try:
            async for command in self._outbox:
                await _send(link, command)
        except UpstreamClosed as over:
            await self._mute(over, link, reading)

    async def _watch(self, link: UpstreamLink, reading: trio.CancelScope) -> None:
        try:
            await wait_until_dead(link, lambda: self._heard_at, interval_seconds=self._settings.ping_seconds)
        except UpstreamClosed as over:
            await self._mute(over, link, reading)
        else:
            failure = upstream_unavailable("The upstream does not answer pings any more.")
            self._lost(UpstreamClosed(failure, "missed pings"), link)
            reading.cancel()

    async def _mute(self, over: UpstreamClosed, link: UpstreamLink, reading: trio.CancelScope) -> None:
        """Nothing can be sent any more: the reader tells why, or we do."""
        await trio.sleep(FINAL_READ_SECONDS)
        self._lost(over, link)
        reading.cancel()

    def _lost(self, over: UpstreamClosed, link: UpstreamLink) -> None:
        self._end(UpstreamLost(self.generation, over.failure, over.reason, link.acknowledged_bytes))

    def _end(self, event: AttemptFailed | UpstreamLost) -> None:
        if not self.closed:
            self.closed = True
            self._happened(event)


def _size(command: UpstreamCommand) -> int:
    """How many bytes it will be on the wire, about."""
    match command:
        case SendAudio(_, pcm, event_id):
            return len(pcm) * 4 // 3 + _AROUND_AUDIO + (len(event_id) if event_id is not None else 0)
        case SendFrame(_, frame):
            return len(frame)
        case SendEvent(_, event):
            return len(msgspec.json.encode(event))
        case Configure(_, wish, updates):
            return len(msgspec.json.encode((wish, updates)))
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
        case Configure(_, wish, updates):
            await link.configure(wish, updates)
        case _:
            assert_never(command)
