"""Opens upstream sessions for the driver: mint a client secret if configured, and dial.

No retries, no delays, no decisions: the core makes them. No method has a timeout of its own: callers set one.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from bridge.transport.carriers import carrier_for
from bridge.transport.link import HandshakeRefused
from bridge.transport.push_link import PushLink
from bridge.upstream.dial.dial import DialFailed, find_proxy, open_stream, parse_url, upgrade
from bridge.upstream.dial.tls import shared_tls_context
from bridge.upstream.event_decoder import EventDecoder
from bridge.upstream.failures import (
    ConnectFailed,
    failure_from_network,
    failure_from_rest_refusal,
    failure_from_upgrade,
    hide_keys,
    redact,
    upstream_unavailable,
)
from bridge.upstream.realtime_link import RealtimeLink
from bridge.upstream.rest_response import RestFailed, RestRefused
from bridge.upstream.session_config import SessionConfig

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    import httpx
    import trio

    from bridge.core.events import Failure
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.dial.url import ParsedUrl, Proxy
    from bridge.upstream.service import UpstreamService
    from reports.redaction import Secret

    OpenStream = Callable[[ParsedUrl], Awaitable[trio.abc.Stream]]

#: How many parsed URLs are kept: one for each model and kind of session that clients ask for.
_MAX_ENDPOINTS = 64
#: How much may wait to be written: twice what a fresh session is sent at once (30 s of buffered and 30 s of replayed
#: audio, in base64).
MAX_UNSENT_BYTES = 8 * 2**20


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
            keys=keys,
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
