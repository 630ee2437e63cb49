"""The client's HTTP exchanges before WebSocket frames: a proxy's CONNECT, and the WebSocket upgrade.

h11 reads and writes the HTTP; the core of `websockets` checks a 101 (RFC 6455 4.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import h11
import trio
from websockets.client import ClientProtocol
from websockets.datastructures import Headers as CodecHeaders
from websockets.exceptions import InvalidHandshake, InvalidHeader, InvalidUpgrade
from websockets.http11 import Response as CodecResponse
from websockets.protocol import Side
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from bridge.transport.frame_parser import SILENT_LOGGER
from bridge.transport.link import HandshakeRefused, Headers
from bridge.transport.websocket import WebSocketLink
from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.upstream.dial.url import ParsedUrl, Proxy

#: The largest response head that is accepted. Content delivery networks send long ones.
MAX_HEAD_BYTES: Final = 64 * 1024
#: How much of a refusal's body is kept.
MAX_BODY_BYTES: Final = 64 * 1024
#: The time limit for a refusal's body. The status is known by then, and a body that never ends must not hide it.
BODY_SECONDS: Final = 2.0
#: Interim responses (100, 103) before the response. A proxy or two may each send a few.
MAX_INTERIM: Final = 16
USER_AGENT: Final = "sherpa-realtime"
_READ_BYTES: Final = 16 * 1024
_SWITCHING = 101
_HTTP = b"HTTP/1."
_TLS_ALERT = b"\x15\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradedConnection:
    """An open WebSocket. It does not prove access: the public service refuses only after the upgrade."""

    link: WebSocketLink
    headers: Headers
    """The headers of the 101."""
    subprotocol: str | None
    """The subprotocol that the server chose."""
    seconds: Mapping[DialPhase, float]


async def upgrade(
    stream: trio.abc.Stream,
    endpoint: ParsedUrl,
    *,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
) -> UpgradedConnection:
    """Upgrade an open stream to a WebSocket.

    Raises HandshakeRefused for a status other than 101, DialFailed (CLOSED_EARLY, NOT_WEBSOCKET, BAD_ACCEPT) if the
    response is not valid, ValueError for headers that cannot be sent. If it raises, the stream is closed.
    """
    began = trio.current_time()
    try:
        return await _upgrade(stream, endpoint, headers, subprotocols, began)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def _upgrade(
    stream: trio.abc.Stream,
    endpoint: ParsedUrl,
    headers: Sequence[tuple[str, str]],
    subprotocols: Sequence[str],
    began: float,
) -> UpgradedConnection:
    checker = _make_checker(endpoint, subprotocols)
    request = list(checker.connect().headers.raw_items())
    if not any(name.lower() == "user-agent" for name, _ in headers):
        request.append(("User-Agent", USER_AGENT))
    exchange = _Exchange(stream, DialPhase.UPGRADE, endpoint.address)
    await exchange.ask("GET", endpoint.target, [*request, *headers])
    head = await exchange.head()
    lines = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    if head.status_code != _SWITCHING:
        raise HandshakeRefused(head.status_code, lines, await exchange.body())
    _check(checker, lines, endpoint)
    link = WebSocketLink(
        stream,
        Side.CLIENT,
        trailing_data=exchange.trailing_data,
        subprotocol=checker.subprotocol,
        peer=endpoint.address,
    )
    spent = MappingProxyType({DialPhase.UPGRADE: trio.current_time() - began})
    return UpgradedConnection(link=link, headers=lines, subprotocol=checker.subprotocol, seconds=spent)


def _make_checker(endpoint: ParsedUrl, subprotocols: Sequence[str]) -> ClientProtocol:
    path, _, query = endpoint.target.partition("?")
    uri = WebSocketURI(endpoint.secure, endpoint.host, endpoint.port, path, query)
    offered = [Subprotocol(name) for name in subprotocols] or None
    return ClientProtocol(uri, subprotocols=offered, logger=SILENT_LOGGER)


def _check(checker: ClientProtocol, lines: Headers, endpoint: ParsedUrl) -> None:
    """Raise DialFailed unless the 101 is what RFC 6455 asks for."""
    where = endpoint.address
    try:
        checker.process_response(CodecResponse(_SWITCHING, "Switching Protocols", CodecHeaders(lines)))
    except InvalidUpgrade as error:
        detail = f"{where}: the 101 does not switch to WebSocket ({error})"
        raise DialFailed(DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET, detail) from error
    except InvalidHeader as error:
        if error.name.lower() == "sec-websocket-accept":
            detail = f"{where}: Sec-WebSocket-Accept does not match our key: a proxy may have answered"
            raise DialFailed(DialPhase.UPGRADE, FailureReason.BAD_ACCEPT, detail) from error
        raise DialFailed(DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET, f"{where}: bad {error.name} header") from error
    except InvalidHandshake as error:  # a subprotocol or extension that was not offered; its text may quote our key
        detail = f"{where}: the server chose a subprotocol or an extension that was not offered"
        raise DialFailed(DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET, detail) from error


async def open_tunnel(stream: trio.abc.Stream, endpoint: ParsedUrl, proxy: Proxy) -> None:
    """Ask the proxy to connect to the endpoint (RFC 9110 9.3.6). Raises DialFailed (PROXY_REFUSED, ...)."""
    headers = [("Host", endpoint.address), ("User-Agent", USER_AGENT)]
    if proxy.authorization is not None:
        headers.append(("Proxy-Authorization", proxy.authorization.reveal()))
    exchange = _Exchange(stream, DialPhase.PROXY, f"the proxy {proxy.address}")
    await exchange.ask("CONNECT", endpoint.address, headers)
    head = await exchange.head()
    if not 200 <= head.status_code < 300:  # noqa: PLR2004 - the class of success
        status = f"{head.status_code} {head.reason.decode('latin-1')}".strip()
        detail = f"the proxy {proxy.address} refused the connection to {endpoint.address}: {status}"
        raise DialFailed(DialPhase.PROXY, FailureReason.PROXY_REFUSED, detail, head.status_code)


class _Exchange:
    """One request and its response over h11."""

    def __init__(self, stream: trio.abc.Stream, phase: DialPhase, where: str) -> None:
        self._stream = stream
        self._phase = phase
        self._where = where
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._start = b""
        self._ended = False

    @property
    def trailing_data(self) -> bytes:
        """What was read behind the head of the response."""
        return self._http.trailing_data[0]

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]]) -> None:
        """Send the request. ValueError, whose message repeats no value, if a header cannot be sent."""
        try:
            data = self._http.send(h11.Request(method=method, target=target, headers=list(headers)))
            data += self._http.send(h11.EndOfMessage())
        except (h11.LocalProtocolError, UnicodeError):
            raise ValueError("a header cannot be sent: it is repeated or has forbidden characters") from None
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._closed_early() from error

    async def head(self) -> h11.InformationalResponse | h11.Response:
        """Wait for the head of the response, after any 100 and 103, of which there may be MAX_INTERIM."""
        for _ in range(MAX_INTERIM + 1):
            event = await self._next()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == _SWITCHING:
                return event
        raise self._not_http(f": more than {MAX_INTERIM} interim responses came before it")

    async def body(self) -> bytes:
        """Read the body, up to MAX_BODY_BYTES and BODY_SECONDS."""
        body = bytearray()
        with trio.move_on_after(BODY_SECONDS):
            try:
                while len(body) < MAX_BODY_BYTES and isinstance(event := await self._next(), h11.Data):
                    body += event.data
            except DialFailed:
                return bytes(body)
        return bytes(body[:MAX_BODY_BYTES])

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise (self._closed_early() if self._ended else self._not_http()) from error
            if isinstance(event, h11.ConnectionClosed):
                raise self._closed_early()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # NEED_DATA is ruled out by the line above
            await self._read()

    async def _read(self) -> None:
        try:
            data = bytes(await self._stream.receive_some(_READ_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            data = b""
        self._ended = not data
        self._start = self._start or data[: len(_HTTP)]
        if not _HTTP.startswith(self._start[: len(_HTTP)]):
            raise self._not_http()
        self._http.receive_data(data)

    def _not_http(self, hint: str = "") -> DialFailed:
        if self._start.startswith(_TLS_ALERT):
            hint = ": the server speaks TLS, so use wss://"
        return DialFailed(self._phase, FailureReason.NOT_WEBSOCKET, f"{self._where}: the response is not HTTP{hint}")

    def _closed_early(self) -> DialFailed:
        return DialFailed(
            self._phase, FailureReason.CLOSED_EARLY, f"{self._where}: the connection was closed without a response"
        )
