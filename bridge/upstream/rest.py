"""REST calls to the upstream, with httpx under trio.

Only this module maps httpx's exceptions, to RestRefused and RestFailed. It neither retries nor follows redirects: a
diagnosis needs to see them. No call has a timeout of its own; cancelling one closes its connection. Proxies and
trusted certificates are the same as for `dial`, so that both see the same network.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

import httpx
import msgspec

from bridge.upstream.dial.errors import FailureReason, explain_exception
from bridge.upstream.dial.handshake import USER_AGENT
from bridge.upstream.dial.tls import shared_tls_context, unused_tls_context
from bridge.upstream.dial.url import Proxy, find_proxy, parse_url
from bridge.upstream.rest_response import MAX_BODY_BYTES, RestFailed, RestRefused, RestResponse
from bridge.upstream.service import UpstreamService, make_upstream

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from bridge.transport.link import Headers

__all__ = [
    "MAX_BODY_BYTES",
    "ModelList",
    "RestFailed",
    "RestRefused",
    "RestResponse",
    "UpstreamService",
    "list_models",
    "make_upstream",
    "open_rest_client",
    "send_request",
]

#: No compression: a body that cannot be decompressed would hide the status, and one that can may be a bomb.
_PLAIN = (("Accept-Encoding", "identity"), ("User-Agent", USER_AGENT))
#: Failures that are the proxy's if there is a proxy: httpx does not say which host it could not reach.
_PROXY_FAULTS = frozenset(
    {FailureReason.NAME_UNKNOWN, FailureReason.REFUSED, FailureReason.UNREACHABLE, FailureReason.TIMED_OUT}
)


def open_rest_client(upstream: UpstreamService, *, ssl_context: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Make a client for this upstream: HTTP/1.1, its headers, the environment's proxy. Use it with `async with`.

    ValueError if the environment names a proxy that cannot be used, or if a header cannot be sent.
    """
    proxy = _environment_proxy(upstream.base_url)
    secure = parse_url(upstream.base_url).secure
    try:
        return httpx.AsyncClient(
            headers=[*_PLAIN, *upstream.rest_headers()],
            verify=ssl_context or (shared_tls_context() if secure else unused_tls_context()),
            proxy=_httpx_proxy(proxy) if proxy is not None else None,
            trust_env=False,  # httpx would choose other certificates and proxies than `dial`
            timeout=None,  # noqa: S113 - callers set the timeout, as everywhere here
            follow_redirects=False,
        )
    except UnicodeError:
        raise ValueError("a header or the key has characters that cannot be sent") from None


def _environment_proxy(url: str) -> Proxy | None:
    return find_proxy(parse_url(url), os.environ)


def _httpx_proxy(proxy: Proxy) -> httpx.Proxy:
    login = {} if proxy.authorization is None else {"Proxy-Authorization": proxy.authorization.reveal()}
    return httpx.Proxy(f"http://{proxy.address}", headers=login)


class _Body(httpx.AsyncByteStream):
    """A request body in one piece.

    httpx's own is an async generator. Cancelled while it is sent, it stays suspended, and trio warns about that when
    it is collected.
    """

    def __init__(self, content: bytes) -> None:
        self._pieces = iter((content,))

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


async def send_request(client: httpx.AsyncClient, method: str, url: str, body: object = None) -> RestResponse:
    """Send one request, with a JSON body if `body` is not None, and return the response.

    Raises RestRefused for a status other than 2xx, RestFailed if there was no response.
    """
    try:
        async with _stream(client, method, url, body) as streamed:
            response = RestResponse(streamed.status_code, tuple(streamed.headers.multi_items()), await _body(streamed))
    except httpx.TransportError as error:
        raise _failed(error, url) from error
    if not 200 <= response.status < 300:  # noqa: PLR2004 - the class of success
        raise RestRefused(response)
    return response


@asynccontextmanager
async def _stream(client: httpx.AsyncClient, method: str, url: str, body: object) -> AsyncIterator[httpx.Response]:
    """Send a request; the response's body is still to be read."""
    content = None if body is None else msgspec.json.encode(body)
    headers = {} if body is None else {"content-type": "application/json"}
    request = client.build_request(method, url, content=content, headers=headers)
    if content is not None:
        request.stream = _Body(content)
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def _body(response: httpx.Response) -> bytes:
    """Read the whole body and keep up to MAX_BODY_BYTES: httpx cannot clean up after a body that is read in part."""
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece[: MAX_BODY_BYTES - len(body)]
    return bytes(body)


def _failed(error: httpx.TransportError, url: str) -> RestFailed:
    """Map an httpx exception to a failure. The system's own error is in its chain of causes."""
    where = parse_url(url).address
    match error:
        case httpx.ProxyError():
            return RestFailed(FailureReason.PROXY_REFUSED, f"the proxy refused the connection to {where}: {error}")
        case httpx.TimeoutException():
            return RestFailed(FailureReason.TIMED_OUT, f"{where}: no answer in time")
        case httpx.RemoteProtocolError() if "disconnected" not in str(error) and "closed" not in str(error):
            return RestFailed(FailureReason.NOT_WEBSOCKET, f"{where}: the response is not HTTP")
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            return RestFailed(
                FailureReason.UNREACHABLE, "the request cannot be sent: a header has forbidden characters"
            )
    reason, detail = explain_exception(error)
    proxy = _environment_proxy(url)
    if proxy is not None and reason in _PROXY_FAULTS:
        return RestFailed(FailureReason.PROXY_UNREACHABLE, f"the proxy {proxy.address}: {detail}")
    return RestFailed(reason, f"{where}: {detail}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """The models that this key may use."""

    ids: Mapping[str, date | None]
    """Id to the announced shutdown date, None if the list has none."""
    request_id: str | None
    headers: Headers


async def list_models(client: httpx.AsyncClient, upstream: UpstreamService) -> ModelList:
    """List the models. Raises RestRefused (also if a 2xx response is not such a list) and RestFailed."""
    response = await send_request(client, "GET", upstream.models_url())
    listed = response.json_object().get("data")
    if not isinstance(listed, list):
        raise RestRefused(response, missing="a list of models")
    rows = [row for row in listed if isinstance(row, dict) and isinstance(row.get("id"), str)]
    ids = MappingProxyType({row["id"]: _day(row.get("shutdown_date")) for row in rows})
    return ModelList(ids=ids, request_id=response.request_id, headers=response.headers)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
