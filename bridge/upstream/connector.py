"""Opening upstream sessions for the driver: mint where it is wanted, dial, and a link that speaks the core's language.

No retries, no waits, no decisions: those are the core's. Nothing here has a time-out of its own: callers hold it.
"""

from __future__ import annotations

import os
import time
from binascii import b2a_base64
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import trio

from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import DialFailed, default_tls_context, find_proxy, open_stream, parse_url, upgrade
from bridge.upstream.event_decoder import EventDecoder
from bridge.upstream.failures import (
    ConnectFailed,
    UpstreamClosed,
    failure_from_network,
    failure_from_rest_refusal,
    failure_from_upgrade,
    redact,
    upstream_unavailable,
)
from bridge.upstream.mint import mint
from bridge.upstream.rest import RestFailed, RestRefused, open_rest_client
from bridge.upstream.session_config import SessionConfig

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from bridge.core.events import Failure
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.service import UpstreamService

    OpenStream = Callable[[ParsedUrl], Awaitable[trio.abc.Stream]]

__all__ = ["ConnectFailed", "Connector", "RealtimeConnector", "RealtimeLink", "UpstreamClosed", "UpstreamLink"]

#: Closing by intent; an SDK does the same.
_NORMAL = 1000


class UpstreamLink(Protocol):
    """One open upstream session. One task receives while another one sends."""

    generation: int
    """Stamped on every event that it gives."""

    @property
    def pings_outstanding(self) -> int:
        """How many pings wait for their pong."""
        ...

    @property
    def acknowledged_bytes(self) -> int:
        """How much of the speech (PCM16) the upstream has certainly taken: what went before a ping that it answered."""
        ...

    async def receive(self) -> DecodedEvent:
        """Wait for the next event of the session. Raises UpstreamOver at its end; cancelling loses nothing."""
        ...

    async def configure(self, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        """Send the configuration. Raises UpstreamOver, as all sending does; cancelled half-way the link is broken."""
        ...

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        """Append speech: PCM16, 24 kHz, mono; an error about it names the event where it has an id."""
        ...

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native event."""
        ...

    async def send_frame(self, frame: bytes) -> None:
        """Send a native event as its author wrote it."""
        ...

    async def ping(self) -> None:
        """Send a WebSocket ping and go on."""
        ...

    async def close(self, reason: str) -> None:
        """Say goodbye and let go, within CLOSE_SECONDS of the transport. Never raises; cancelling lets go at once."""
        ...


class Connector(Protocol):
    """Whoever opens upstream sessions."""

    async def open(self, generation: int, wish: Mapping[str, Any]) -> UpstreamLink:
        """Open one. Raises ConnectFailed; cancelling leaves nothing open."""
        ...


class RealtimeLink:
    """An open WebSocket to the service, read and written in the core's words."""

    __slots__ = ("_asking", "_link", "_pinged", "_reading", "_sent_bytes", "_taken_bytes")

    def __init__(self, link: WebSocketLink, reading: EventDecoder, asking: SessionConfig) -> None:
        self._link, self._reading, self._asking = link, reading, asking
        self._sent_bytes = self._taken_bytes = 0
        self._pinged: deque[int] = deque()
        """How much speech went before each ping that was not seen answered; whoever pings stops at a few."""

    @property
    def generation(self) -> int:
        """Stamped on every event that it gives."""
        return self._reading.generation

    @generation.setter
    def generation(self, generation: int) -> None:
        self._reading.generation = generation

    @property
    def pings_outstanding(self) -> int:
        """How many pings wait for their pong."""
        return self._link.pings_outstanding

    @property
    def acknowledged_bytes(self) -> int:
        """How much of the speech the upstream has certainly taken: TCP keeps the order of speech and pings."""
        while len(self._pinged) > self._link.pings_outstanding:
            self._taken_bytes = self._pinged.popleft()
        return self._taken_bytes

    async def receive(self) -> DecodedEvent:
        """Wait for the next event; see UpstreamLink."""
        try:
            frame = await self._link.receive()
        except LinkClosed as end:
            raise self._reading.closed(end) from end
        return self._reading.decode(frame, trio.current_time())

    async def configure(self, wish: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        """Send the configuration in the dialect that the first frame showed."""
        self._reading.configure_sent = True
        await self.send_event(self._asking.build_update(self._reading.dialect, wish, updates))

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        """Append speech."""
        audio = b2a_base64(pcm, newline=False)
        named = b"" if event_id is None else b'"event_id":%b,' % msgspec.json.encode(event_id)
        await self.send_frame(b'{%b"type":"input_audio_buffer.append","audio":"%b"}' % (named, audio))
        self._sent_bytes += len(pcm)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Send a native event."""
        await self.send_frame(msgspec.json.encode(event))

    async def send_frame(self, frame: bytes) -> None:
        """Send a native event as it stands."""
        try:
            await self._link.send_text(frame)
        except LinkClosed as end:
            raise self._reading.closed(end) from end

    async def ping(self) -> None:
        """Send a WebSocket ping."""
        before = self._sent_bytes
        try:
            await self._link.ping()
        except LinkClosed as end:
            raise self._reading.closed(end) from end
        self._pinged.append(before)

    async def close(self, reason: str) -> None:
        """Say goodbye and let go."""
        await self._link.close(_NORMAL, reason)


class RealtimeConnector:
    """Opens sessions at one upstream. The host is configuration; of a wish only the model gets into the URL."""

    def __init__(
        self,
        upstream: UpstreamService,
        session_config: SessionConfig | None = None,
        *,
        mint_secrets: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        open_stream: OpenStream | None = None,
        open_rest_client: Callable[[UpstreamService], httpx.AsyncClient] | None = None,
        unix_time: Callable[[], float] = time.time,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Set up. `mints`: every session gets a secret of its own, and the key is only used for REST.

        `open_stream` and `open_client` replace the network, for simulation. ValueError when the environment names a
        proxy that cannot be used.
        """
        self._upstream = upstream
        self._asking = session_config or SessionConfig()
        self._mints = mint_secrets
        context = ssl_context if ssl_context is not None else default_tls_context()
        self._open_stream = open_stream or partial(_open_stream, environment, context)
        self._open_client = open_rest_client or partial(_open_client, context)
        self._unix_now = unix_time
        find_proxy(parse_url(upstream.base_url), environment)

    async def open(self, generation: int, wish: Mapping[str, Any]) -> RealtimeLink:
        """Mint if that is wanted, and dial. Raises ConnectFailed; cancelling closes what was opened."""
        hide = _hider(self._upstream)
        upstream, session_id = self._upstream, None
        try:
            if self._mints:
                upstream, session_id = await self._minted(wish)
                hide = _hider(self._upstream, upstream)
            link = await self._dial(upstream, wish)
        except HandshakeRefused as refused:
            failure = failure_from_upgrade(refused, hide, azure=upstream.azure, sessionId=session_id)
            raise ConnectFailed(failure) from refused
        except RestRefused as refused:
            raise ConnectFailed(failure_from_rest_refusal(refused, hide, during="mint")) from refused
        except (DialFailed, RestFailed) as failed:
            raise ConnectFailed(failure_from_network(failed, hide, sessionId=session_id)) from failed
        except ValueError as error:
            raise ConnectFailed(_impossible(error, hide)) from error
        reading = EventDecoder(
            generation, upstream.dialect, redact=hide, unix_time=self._unix_now, session_id=session_id
        )
        return RealtimeLink(link, reading, self._asking)

    async def _minted(self, wish: Mapping[str, Any]) -> tuple[UpstreamService, str | None]:
        """Get a secret for one session. Its value is the token; the session's id is none."""
        session = self._asking.build_mint_session(self._upstream.dialect, wish)
        async with self._open_client(self._upstream) as client:
            minted = await mint(client, self._upstream, kind=self._asking.requested_kind(wish), session=session)
        return self._upstream.with_key(minted.secret), minted.session_id

    async def _dial(self, upstream: UpstreamService, wish: Mapping[str, Any]) -> WebSocketLink:
        endpoint = parse_url(upstream.socket_url(self._asking.requested_model(wish), self._asking.requested_kind(wish)))
        stream = await self._open_stream(endpoint)
        upgraded = await upgrade(stream, endpoint, headers=upstream.socket_headers())
        return upgraded.link


async def _open_stream(environment: Mapping[str, str], context: ssl.SSLContext, endpoint: ParsedUrl) -> trio.abc.Stream:
    proxy = find_proxy(endpoint, environment)
    return (await open_stream(endpoint, proxy=proxy, ssl_context=context)).stream


def _open_client(context: ssl.SSLContext, upstream: UpstreamService) -> httpx.AsyncClient:
    return open_rest_client(upstream, ssl_context=context)


def _hider(*upstreams: UpstreamService) -> Callable[[str], str]:
    """Make what takes the keys of these upstreams out of a text."""
    return lambda text: redact(text, *(upstream.api_key for upstream in upstreams))


def _impossible(error: ValueError, hide: Callable[[str], str]) -> Failure:
    """Say why nothing can be sent at all: a kind that the dialect lacks, a header with forbidden characters."""
    return upstream_unavailable(f"The upstream cannot be asked: {hide(str(error))}.", retryable=False)
