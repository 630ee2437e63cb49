"""An open session at the service: events on their way to the core, commands on their way to the service.

No retries, no decisions: the core makes them. How a session is opened is in `connector.py`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from bridge.core.events import UpstreamError
from bridge.protocol.events.groups import AUDIO_DELTAS
from bridge.transport.link import LinkClosed
from bridge.upstream.event_decoder import EventDecoder, relayed_type
from bridge.upstream.failures import UpstreamClosed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bridge.transport.push_link import PushLink
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.link import UpstreamReceiver
    from bridge.upstream.session_config import SessionConfig

#: How long to wait for the close behind a refusal. The service sends both in the same moment.
CLOSE_WAIT_SECONDS = 0.25
#: The close code of an intended close, as SDKs use it.
_NORMAL = 1000


class RealtimeLink:
    """An open WebSocket to the service that passes events on to the core and sends its commands."""

    __slots__ = (
        "_acknowledged_bytes",
        "_decoder",
        "_link",
        "_over",
        "_pinged",
        "_receiver",
        "_running",
        "_sent_bytes",
        "_session_config",
    )

    def __init__(self, link: PushLink, decoder: EventDecoder, session_config: SessionConfig) -> None:
        self._link, self._decoder, self._session_config = link, decoder, session_config
        self._sent_bytes = self._acknowledged_bytes = 0
        self._pinged: list[int] = []
        """How much speech was sent before each ping without a pong. A few entries: then keep-alive gives up."""
        self._receiver: UpstreamReceiver
        self._running = trio.CancelScope()
        self._over: UpstreamClosed | None = None
        """Why the session is over, if an event said so: the close may still be on its way."""

    @property
    def generation(self) -> int:
        """The generation in every event that it passes on."""
        return self._decoder.generation

    @generation.setter
    def generation(self, generation: int) -> None:
        self._decoder.generation = generation

    @property
    def last_received_at(self) -> float:
        """When anything last came from the upstream, on trio's clock."""
        return self._link.now

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        return self._link.pings_outstanding

    @property
    def acknowledged_bytes(self) -> int:
        """How much speech the upstream has certainly received: TCP keeps speech and pings in order."""
        while len(self._pinged) > self._link.pings_outstanding:
            self._acknowledged_bytes = self._pinged.pop(0)
        return self._acknowledged_bytes

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        """Call `receiver` for each event until the session ends; see UpstreamLink.

        After an error behind which the service closes, wait up to CLOSE_WAIT_SECONDS for its code and reason.
        """
        self._receiver = receiver
        try:
            with trio.CancelScope() as self._running:
                end = await self._link.run(self)
                if self._over is None or self._decoder.close_is_due:
                    return self._decoder.closed(end)
            return self._over or self._decoder.closed(LinkClosed(None, by_peer=False))
        finally:
            del self._receiver  # it refers to us: a cycle would leave both to the garbage collector

    # Called by the link

    def on_text(self, data: bytes) -> None:
        """Pass on the event in a frame."""
        if self._over is not None:
            return
        event_type = relayed_type(data)
        if event_type is None or event_type not in AUDIO_DELTAS:
            data = self._decoder.without_keys(data)
        if event_type is not None:
            self._receiver.on_frame(event_type, data, self._link.now)
        else:
            self._pass_on(partial(self._decoder.decode, data, self._link.now))

    def on_binary(self, _: bytes) -> None:
        """Pass on that the frame is no event."""
        if self._over is None:
            self._pass_on(self._decoder.decode_binary)

    def on_control_frames(self, _: int) -> None:
        """Take no note: the upstream is trusted to ping as it likes."""

    def on_too_large(self, _: str) -> None:
        """Never called: such a message closes this link."""

    def _pass_on(self, decode: Callable[[], DecodedEvent]) -> None:
        try:
            event = decode()
        except UpstreamClosed as over:
            self._end(over)
        else:
            self._receiver.on_event(event)
            if isinstance(event, UpstreamError):  # what follows an error takes ten times as long as an event
                self._link.end_slice()

    def _end(self, over: UpstreamClosed) -> None:
        self._over = over
        wait = CLOSE_WAIT_SECONDS if self._decoder.close_is_due else 0.0
        self._running.deadline = trio.current_time() + wait

    # Sending

    def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> bool:
        """Send the configuration in the dialect that the first frame showed."""
        self._decoder.configure_sent = True
        return self.send_event(self._session_config.build_update(self._decoder.dialect, session_options, updates))

    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        """Append speech; see UpstreamLink. It counts in `acknowledged_bytes` after the next ping that is answered."""
        audio = msgspec.json.encode(pcm)  # in base64, and twice as fast as `binascii`
        named = b"" if event_id is None else b'"event_id":%b,' % msgspec.json.encode(event_id)
        sent = self._link.send_text(b'{%b"type":"input_audio_buffer.append","audio":%b}' % (named, audio))
        if sent:
            self._sent_bytes += len(pcm)
        return sent

    def send_event(self, event: Mapping[str, Any]) -> bool:
        """Encode a native event as JSON and send it."""
        return self._link.send_text(msgspec.json.encode(event))

    def send_frame(self, frame: bytes) -> bool:
        """Send a native event unchanged."""
        return self._link.send_text(frame)

    def ping(self) -> None:
        """Send a WebSocket ping, and remember how much speech went before it."""
        outstanding = self._link.pings_outstanding
        self._link.ping()
        if self._link.pings_outstanding > outstanding:
            self._pinged.append(self._sent_bytes)

    async def close(self, reason: str) -> None:
        """Close with 1000; see UpstreamLink."""
        self._link.drop_unsent()
        await self._link.close(_NORMAL, reason)
