"""Opens upstream sessions for the driver: mint a client secret if configured, dial, and decode events for the core.

No retries, no delays, no decisions: the core makes them. No method has a timeout of its own: callers set one.
"""

from __future__ import annotations

import os
import time
from binascii import b2a_base64
from collections import deque
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import trio

from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import DialFailed, find_proxy, open_stream, parse_url, upgrade
from bridge.upstream.dial.tls import shared_tls_context
from bridge.upstream.event_decoder import EventDecoder
from bridge.upstream.failures import (
    ConnectFailed,
    UpstreamClosed,
    failure_from_network,
    failure_from_rest_refusal,
    failure_from_upgrade,
    hide_keys,
    redact,
    upstream_unavailable,
)
from bridge.upstream.rest_response import RestFailed, RestRefused
from bridge.upstream.session_config import SessionConfig

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from bridge.core.events import Failure
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.dial.url import ParsedUrl, Proxy
    from bridge.upstream.event_decoder import DecodedEvent
    from bridge.upstream.service import UpstreamService
    from reports.redaction import Secret

    OpenStream = Callable[[ParsedUrl], Awaitable[trio.abc.Stream]]

__all__ = ["ConnectFailed", "Connector", "RealtimeConnector", "RealtimeLink", "UpstreamClosed", "UpstreamLink"]

#: How long to wait for the close behind a refusal. The service sends both in the same moment.
CLOSE_WAIT_SECONDS = 0.25
#: How many parsed URLs are kept: one for each model and kind of session that clients ask for.
_MAX_ENDPOINTS = 64
#: The close code of an intended close, as SDKs use it.
_NORMAL = 1000


class UpstreamLink(Protocol):
    """One open upstream session. One task may receive while another one sends."""

    generation: int
    """The generation in every event that it returns."""

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        ...

    @property
    def acknowledged_bytes(self) -> int:
        """Bytes of speech (PCM16) that the upstream has certainly received: those before a ping that it answered."""
        ...

    async def receive(self) -> DecodedEvent:
        """Wait for the next event of the session. Raises UpstreamClosed at its end. Cancelling loses nothing."""
        ...

    async def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        """Send the configuration. Raises UpstreamClosed, as all sending does. Cancelling a write breaks the link."""
        ...

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        """Append speech: PCM16, 24 kHz, mono. If the event has an id, an error about it names the id."""
        ...

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Encode a native event as JSON and send it."""
        ...

    async def send_frame(self, frame: bytes) -> None:
        """Send a native event as the client wrote it."""
        ...

    async def ping(self) -> None:
        """Send a WebSocket ping; do not wait for its pong."""
        ...

    async def close(self, reason: str) -> None:
        """Close, within the transport's CLOSE_SECONDS. Never raises. Cancelling closes at once."""
        ...


class Connector(Protocol):
    """Where sessions come from: straight from the service, or from the pool of prepared ones."""

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> UpstreamLink:
        """Open a session. Raises ConnectFailed. Cancelling leaves nothing open."""
        ...


class RealtimeLink:
    """An open WebSocket to the service that receives events of the core and sends its commands."""

    __slots__ = ("_acknowledged_bytes", "_decoder", "_link", "_pinged", "_sent_bytes", "_session_config")

    def __init__(self, link: WebSocketLink, decoder: EventDecoder, session_config: SessionConfig) -> None:
        self._link, self._decoder, self._session_config = link, decoder, session_config
        self._sent_bytes = self._acknowledged_bytes = 0
        self._pinged: deque[int] = deque()
        """How much speech was sent before each ping without a pong. A few entries: then keep-alive gives up."""

    @property
    def generation(self) -> int:
        """The generation in every event that it returns."""
        return self._decoder.generation

    @generation.setter
    def generation(self, generation: int) -> None:
        self._decoder.generation = generation

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        return self._link.pings_outstanding

    @property
    def acknowledged_bytes(self) -> int:
        """How much speech the upstream has certainly received: TCP keeps speech and pings in order."""
        while len(self._pinged) > self._link.pings_outstanding:
            self._acknowledged_bytes = self._pinged.popleft()
        return self._acknowledged_bytes

    async def receive(self) -> DecodedEvent:
        """Wait for the next event; see UpstreamLink."""
        try:
            frame = await self._link.receive()
        except LinkClosed as end:
            raise self._decoder.closed(end) from end
        try:
            if isinstance(frame, bytes):
                return self._decoder.decode_binary()
            return self._decoder.decode(frame.encode(), trio.current_time())
        except UpstreamClosed:
            if self._decoder.close_is_due:
                await self._read_close()
            raise

    async def _read_close(self) -> None:
        """Wait a moment for the close behind a refusal, for its code and reason. Raises UpstreamClosed with them."""
        with trio.move_on_after(CLOSE_WAIT_SECONDS):
            try:
                while True:
                    await self._link.receive()
            except LinkClosed as end:
                raise self._decoder.closed(end) from end

    async def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> None:
        """Send the configuration in the dialect that the first frame showed."""
        self._decoder.configure_sent = True
        await self.send_event(self._session_config.build_update(self._decoder.dialect, session_options, updates))

    async def send_audio(self, pcm: bytes, event_id: str | None = None) -> None:
        """Append speech; see UpstreamLink. It counts in `acknowledged_bytes` after the next ping that is answered."""
        audio = b2a_base64(pcm, newline=False)
        named = b"" if event_id is None else b'"event_id":%b,' % msgspec.json.encode(event_id)
        await self.send_frame(b'{%b"type":"input_audio_buffer.append","audio":"%b"}' % (named, audio))
        self._sent_bytes += len(pcm)

    async def send_event(self, event: Mapping[str, Any]) -> None:
        """Encode a native event as JSON and send it."""
        await self.send_frame(msgspec.json.encode(event))

    async def send_frame(self, frame: bytes) -> None:
        """Send a native event unchanged."""
        try:
            await self._link.send_text(frame)
        except LinkClosed as end:
            raise self._decoder.closed(end) from end

    async def ping(self) -> None:
        """Send a WebSocket ping, and remember how much speech went before it."""
        before = self._sent_bytes
        try:
            await self._link.ping()
        except LinkClosed as end:
            raise self._decoder.closed(end) from end
        self._pinged.append(before)

    async def close(self, reason: str) -> None:
        """Close with 1000; see UpstreamLink."""
        await self._link.close(_NORMAL, reason)


class RealtimeConnector:
    """Opens sessions at one upstream. Of a client's session options, only the model gets into the URL."""

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
        """With `mint_secrets`, each session uses a client secret of its own, and the key is used only for REST.

        `open_stream` and `open_rest_client` replace the network in simulations. ValueError if the environment names a
        proxy that cannot be used.
        """
        self._upstream = upstream
        self._session_config = session_config or SessionConfig()
        self._mint_secrets = mint_secrets
        endpoint = parse_url(upstream.base_url)
        self._open_stream = open_stream or partial(_open_stream, find_proxy(endpoint, environment), ssl_context)
        self._open_client = open_rest_client or partial(_open_client, ssl_context)
        self._parse_url = lru_cache(_MAX_ENDPOINTS)(parse_url)
        self._unix_time = unix_time
        if mint_secrets:
            import bridge.upstream.mint  # noqa: PLC0415, F401 - now, so that no call waits for it
        if endpoint.secure and ssl_context is None:
            shared_tls_context()  # loaded now, so that no call waits for it

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> RealtimeLink:
        """Mint a secret if configured, and dial. Raises ConnectFailed. Cancelling closes what was opened."""
        keys = [self._upstream.api_key]
        redact, hide = _redactors(keys)
        upstream, session_id = self._upstream, None
        try:
            if self._mint_secrets:
                upstream, session_id = await self._mint(session_options)
                keys.append(upstream.api_key)
            link = await self._dial(upstream, session_options)
        except HandshakeRefused as refused:
            failure = failure_from_upgrade(refused, redact, azure=upstream.azure, sessionId=session_id)
            raise ConnectFailed(failure) from refused
        except RestRefused as refused:
            raise ConnectFailed(failure_from_rest_refusal(refused, redact, during="mint")) from refused
        except (DialFailed, RestFailed) as failed:
            raise ConnectFailed(failure_from_network(failed, redact, sessionId=session_id)) from failed
        except ValueError as error:
            raise ConnectFailed(_invalid_request(error, redact)) from error
        decoder = EventDecoder(
            generation,
            upstream.dialect,
            redact=redact,
            hide=hide,
            unix_time=self._unix_time,
            session_id=session_id,
        )
        return RealtimeLink(link, decoder, self._session_config)

    async def _mint(self, session_options: Mapping[str, Any]) -> tuple[UpstreamService, str | None]:
        """Mint a client secret for one session. Return the upstream with that secret as its key, and the session id."""
        session = self._session_config.build_mint_session(self._upstream.dialect, session_options)
        from bridge.upstream.mint import mint  # noqa: PLC0415 - see _open_client

        async with self._open_client(self._upstream) as client:
            minted = await mint(
                client, self._upstream, kind=self._session_config.requested_kind(session_options), session=session
            )
        return self._upstream.with_key(minted.secret), minted.session_id

    async def _dial(self, upstream: UpstreamService, session_options: Mapping[str, Any]) -> WebSocketLink:
        endpoint = self._parse_url(
            upstream.socket_url(
                self._session_config.requested_model(session_options),
                self._session_config.requested_kind(session_options),
            )
        )
        stream = await self._open_stream(endpoint)
        upgraded = await upgrade(stream, endpoint, headers=upstream.socket_headers())
        return upgraded.link


async def _open_stream(proxy: Proxy | None, context: ssl.SSLContext | None, endpoint: ParsedUrl) -> trio.abc.Stream:
    return (await open_stream(endpoint, proxy=proxy, ssl_context=context)).stream


def _open_client(context: ssl.SSLContext | None, upstream: UpstreamService) -> httpx.AsyncClient:
    from bridge.upstream.rest import open_rest_client  # noqa: PLC0415 - imports httpx, which only minting needs

    return open_rest_client(upstream, ssl_context=context)


def _redactors(keys: list[Secret]) -> tuple[Callable[[str], str], Callable[[str], str]]:
    """Return `redact` and `hide_keys` for these keys, and for those that are added to them later."""
    return lambda text: redact(text, *keys), lambda text: hide_keys(text, *keys)


def _invalid_request(error: ValueError, redact: Callable[[str], str]) -> Failure:
    """Make a failure of a request that cannot be sent: an unsupported kind, or forbidden header characters."""
    return upstream_unavailable(f"The request cannot be sent: {redact(str(error))}.", retryable=False)
