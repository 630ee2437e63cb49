"""Opens a WebSocket in phases: DNS, TCP (or a proxy's tunnel), TLS, upgrade. Each is timed and has its own failures.

No phase has a timeout of its own: wrap the call in `trio.fail_after`. Cancelling closes the socket at once. Redirects
are not followed. What the server sends after the 101 is not read here.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.sockets import peer_name
from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason, explain_exception, is_hostname_mismatch
from bridge.upstream.dial.handshake import UpgradedConnection, open_tunnel, upgrade
from bridge.upstream.dial.tcp import connect
from bridge.upstream.dial.tls import shared_tls_context
from bridge.upstream.dial.url import ParsedUrl, Proxy, find_proxy, parse_proxy, parse_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

__all__ = [
    "DialFailed",
    "DialPhase",
    "FailureReason",
    "OpenedStream",
    "ParsedUrl",
    "Proxy",
    "TlsInfo",
    "UpgradedConnection",
    "dial",
    "find_proxy",
    "open_stream",
    "parse_proxy",
    "parse_url",
    "resolve",
    "upgrade",
]

#: The time limit for reading the names of a wrong host's certificate, which are only for the message.
_CERTIFICATE_SECONDS: Final = 2.0
#: How many names of a certificate the message lists.
_MAX_NAMES: Final = 5


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """The result of a TLS handshake."""

    version: str
    """`TLSv1.3`"""
    expires: datetime | None
    """When the server's certificate expires, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStream:
    """A stream that is ready for the upgrade. `seconds` has an entry for each phase so far."""

    stream: trio.abc.Stream
    address: str
    """The peer: the server's IP address and port, or the proxy's host and port."""
    tls: TlsInfo | None
    seconds: Mapping[DialPhase, float]


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """Look up a host name. Return each address once, in the system's order. Raises DialFailed (NAME_UNKNOWN)."""
    try:
        found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason, detail = (
            explain_exception(error) if isinstance(error, OSError) else (FailureReason.NAME_UNKNOWN, "not a host name")
        )
        raise DialFailed(DialPhase.NAME, reason, f"{host}: {detail}") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def open_stream(
    endpoint: ParsedUrl, *, proxy: Proxy | None = None, ssl_context: ssl.SSLContext | None = None
) -> OpenedStream:
    """Connect, through the proxy if there is one, and do the TLS handshake if the scheme requires it.

    Raises DialFailed. With a proxy, its DNS lookup and connection count as DialPhase.PROXY, and there is no NAME or TCP
    phase. For a certificate of another host, a second connection reads the names that it is valid for.
    """
    seconds: dict[DialPhase, float] = {}
    stream, address = await _connect(endpoint, proxy, seconds)
    if not endpoint.secure:
        return OpenedStream(stream=stream, address=address, tls=None, seconds=MappingProxyType(seconds))
    context = ssl_context if ssl_context is not None else shared_tls_context()
    try:
        with _timed(seconds, DialPhase.TLS):
            secured = await _handshake(stream, endpoint, context)
    except DialFailed as failed:
        if not is_hostname_mismatch(failed):
            raise
        names = await _certificate_names(endpoint, proxy, context)
        raise DialFailed(DialPhase.TLS, FailureReason.CERTIFICATE, failed.detail + names) from failed
    return OpenedStream(stream=secured, address=address, tls=_facts(secured), seconds=MappingProxyType(seconds))


async def _connect(
    endpoint: ParsedUrl, proxy: Proxy | None, seconds: dict[DialPhase, float]
) -> tuple[trio.abc.Stream, str]:
    if proxy is None:
        with _timed(seconds, DialPhase.NAME):
            addresses = await resolve(endpoint.host, endpoint.port)
        with _timed(seconds, DialPhase.TCP):
            stream = await _tcp(endpoint.address, addresses, endpoint.port)
        return stream, peer_name(stream)
    with _timed(seconds, DialPhase.PROXY):
        try:
            stream = await _tcp(proxy.address, await resolve(proxy.host, proxy.port), proxy.port)
        except DialFailed as failed:
            detail = f"the proxy {proxy.address}: {explain_exception(failed)[1]}"
            raise DialFailed(DialPhase.PROXY, FailureReason.PROXY_UNREACHABLE, detail) from failed
        async with _closed_on_failure(stream):
            await open_tunnel(stream, endpoint, proxy)
    return stream, proxy.address


async def _tcp(where: str, addresses: Sequence[str], port: int) -> trio.SocketStream:
    try:
        return await connect(addresses, port)
    except OSError as error:
        reason, detail = explain_exception(error)
        raise DialFailed(DialPhase.TCP, reason, f"{where}: {detail}") from error


async def _handshake(
    stream: trio.abc.Stream, endpoint: ParsedUrl, context: ssl.SSLContext
) -> trio.SSLStream[trio.abc.Stream]:
    """Do the TLS handshake. On failure, close the stream and raise DialFailed."""
    secured = trio.SSLStream(stream, context, server_hostname=endpoint.host, https_compatible=True)
    async with _closed_on_failure(stream):
        try:
            await secured.do_handshake()
        except trio.BrokenResourceError as error:
            reason, detail = explain_exception(error)
            raise DialFailed(DialPhase.TLS, reason, f"{endpoint.address}: {detail}") from error
    return secured


def _facts(stream: trio.SSLStream[trio.abc.Stream]) -> TlsInfo:
    certificate = stream.getpeercert() or {}
    ends = certificate.get("notAfter")
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
    return TlsInfo(version=stream.version() or "TLS", expires=expires)


async def _certificate_names(endpoint: ParsedUrl, proxy: Proxy | None, context: ssl.SSLContext) -> str:
    """Connect again to read the names in the certificate. No data is sent, and the chain is still verified."""
    second = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    second.check_hostname = False
    second.load_default_certs()
    for authority in context.get_ca_certs(binary_form=True):
        second.load_verify_locations(cadata=authority)
    names: list[str] = []
    with trio.move_on_after(_CERTIFICATE_SECONDS):
        try:
            stream, _ = await _connect(endpoint, proxy, {})
            secured = await _handshake(stream, endpoint, second)
        except DialFailed:
            return ""
        names = [str(name) for _, name in (secured.getpeercert() or {}).get("subjectAltName", ())]
        await trio.aclose_forcefully(secured)
    return f", namely {', '.join(names[:_MAX_NAMES])}" if names else ""


@contextmanager
def _timed(seconds: dict[DialPhase, float], phase: DialPhase) -> Iterator[None]:
    began = trio.current_time()
    yield
    seconds[phase] = trio.current_time() - began


@asynccontextmanager
async def _closed_on_failure(stream: trio.abc.Stream) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def dial(
    url: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    proxy: Proxy | None = None,
    ssl_context: ssl.SSLContext | None = None,
) -> UpgradedConnection:
    """Open a WebSocket from its URL. `seconds` of the result has every phase.

    Raises ValueError for an invalid URL, DialFailed if a phase fails, HandshakeRefused if the server does not answer
    with 101.
    """
    endpoint = parse_url(url)
    opened = await open_stream(endpoint, proxy=proxy, ssl_context=ssl_context)
    upgraded = await upgrade(opened.stream, endpoint, headers=headers, subprotocols=subprotocols)
    return UpgradedConnection(
        link=upgraded.link,
        headers=upgraded.headers,
        subprotocol=upgraded.subprotocol,
        seconds=MappingProxyType({**opened.seconds, **upgraded.seconds}),
    )
