"""Opens upstream sessions for the driver: mint a client secret if configured, dial, and decode events for the core.

No retries, no delays, no decisions: the core makes them. No method has a timeout of its own: callers set one.
"""

from __future__ import annotations

import os
import time
from binascii import b2a_base64
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import trio

from bridge.transport.carriers import carrier_for
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.transport.push_link import PushLink
from bridge.upstream.dial.dial import DialFailed, find_proxy, open_stream, parse_url, upgrade
from bridge.upstream.dial.tls import shared_tls_context
from bridge.upstream.event_decoder import EventDecoder, relayed_type
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
#: How much may wait to be written: twice what a fresh session is sent at once (30 s of buffered and 30 s of replayed
#: audio, in base64).
MAX_UNSENT_BYTES = 8 * 2**20
#: The close code of an intended close, as SDKs use it.
_NORMAL = 1000


class UpstreamReceiver(Protocol):
    """Whom an upstream link calls while it runs. Its methods never block."""

    def on_event(self, event: DecodedEvent) -> None:
        """Take the next event of the session."""
        ...

    def on_frame(self, event_type: str, frame: bytes, now: float) -> None:
        """Take the next event, if nobody reads its JSON; `now` is when it came, on trio's clock."""
        ...


class UpstreamLink(Protocol):
    """One open upstream session. Sending returns False if the upstream reads so slowly that there is no room."""

    generation: int
    """The generation in every event that it passes on."""

    @property
    def last_received_at(self) -> float:
        """When anything last came from the upstream, on trio's clock."""
        ...

    @property
    def pings_outstanding(self) -> int:
        """How many pings have no pong yet."""
        ...

    @property
    def acknowledged_bytes(self) -> int:
        """Bytes of speech (PCM16) that the upstream has certainly received: those before a ping that it answered."""
        ...

    async def run(self, receiver: UpstreamReceiver) -> UpstreamClosed:
        """Call `receiver` for each event until the session ends, and return how. Cancelling loses nothing."""
        ...

    def configure(self, session_options: Mapping[str, Any], updates: Mapping[str, Any]) -> bool:
        """Send the configuration."""
        ...

    def send_audio(self, pcm: bytes, event_id: str | None = None) -> bool:
        """Append speech: PCM16, 24 kHz, mono. If the event has an id, an error about it names the id."""
        ...

    def send_event(self, event: Mapping[str, Any]) -> bool:
        """Encode a native event as JSON and send it."""
        ...

    def send_frame(self, frame: bytes) -> bool:
        """Send a native event as the client wrote it."""
        ...

    def ping(self) -> None:
        """Send a WebSocket ping."""
        ...

    async def close(self, reason: str) -> None:
        """Close, within the transport's CLOSE_SECONDS; what is unsent is dropped. Call it after `run`.

        Never raises. Cancelling closes at once.
        """
        ...


class Connector(Protocol):
    """Where sessions come from: straight from the service, or from the pool of prepared ones."""

    async def open(self, generation: int, session_options: Mapping[str, Any]) -> UpstreamLink:
        """Open a session. Raises ConnectFailed. Cancelling leaves nothing open."""
        ...


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
        if event_type is not None:
            self._receiver.on_frame(event_type, data, self._link.now)
            return
        try:
            event = self._decoder.decode(data, self._link.now)
        except UpstreamClosed as over:
            self._end(over)
        else:
            self._receiver.on_event(event)

    def on_binary(self, _: bytes) -> None:
        """Pass on that the frame is no event."""
        if self._over is not None:
            return
        try:
            self._receiver.on_event(self._decoder.decode_binary())
        except UpstreamClosed as over:
            self._end(over)

    def on_control_frames(self, _: int) -> None:
        """Take no note: the upstream is trusted to ping as it likes."""

    def on_too_large(self, _: str) -> None:
        """Never called: such a message closes this link."""

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
        audio = b2a_base64(pcm, newline=False)
        named = b"" if event_id is None else b'"event_id":%b,' % msgspec.json.encode(event_id)
        sent = self._link.send_text(b'{%b"type":"input_audio_buffer.append","audio":"%b"}' % (named, audio))
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
        pushing = PushLink(link, max_unsent_bytes=MAX_UNSENT_BYTES, make_carrier=carrier_for)
        return RealtimeLink(pushing, decoder, self._session_config)

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
