"""The client's two HTTP exchanges before frames flow: a proxy's CONNECT, and the WebSocket upgrade.

HTTP is spoken by h11; whether a 101 is a good one is judged by the `websockets` core (RFC 6455 4.2.2).
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

from bridge.transport.codec import SILENT_LOGGER
from bridge.transport.link import HandshakeRefused, Headers
from bridge.transport.websocket import WebSocketLink
from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.upstream.dial.url import ParsedUrl, Proxy

#: The largest head of an answer that is read; content delivery networks send long ones.
MAX_HEAD_BYTES: Final = 64 * 1024
#: So much of a refusal's body is kept.
MAX_BODY_BYTES: Final = 64 * 1024
#: How long a refusal's body is waited for. By then the status is known; a body that never ends must not hide it.
BODY_SECONDS: Final = 2.0
USER_AGENT: Final = "sherpa-realtime"
_READ_BYTES: Final = 16 * 1024
_SWITCHING = 101
_HTTP = b"HTTP/1."
_TLS_ALERT = b"\x15\x03"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradedConnection:
    """An open WebSocket. It proves little yet: the public service says no only after this."""

    link: WebSocketLink
    headers: Headers
    """Of the 101."""
    subprotocol: str | None
    """What the server chose of those offered."""
    seconds: Mapping[DialPhase, float]


async def upgrade(
    stream: trio.abc.Stream,
    endpoint: ParsedUrl,
    *,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
) -> UpgradedConnection:
    """Ask for a WebSocket on an open stream.

    Raises HandshakeRefused for any answer but 101, DialFailed (CLOSED_EARLY, NOT_WEBSOCKET, BAD_ACCEPT) when there was
    no proper answer, ValueError for headers that cannot be sent. The stream is closed unless the link is given.
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
    judge = _judge(endpoint, subprotocols)
    request = list(judge.connect().headers.raw_items())
    if not any(name.lower() == "user-agent" for name, _ in headers):
        request.append(("User-Agent", USER_AGENT))
    answer = _Exchange(stream, DialPhase.UPGRADE, endpoint.address)
    await answer.ask("GET", endpoint.target, [*request, *headers])
    head = await answer.head()
    lines = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    if head.status_code != _SWITCHING:
        raise HandshakeRefused(head.status_code, lines, await answer.body())
    _check(judge, lines, endpoint)
    link = WebSocketLink(
        stream, Side.CLIENT, trailing_data=answer.early, subprotocol=judge.subprotocol, peer=endpoint.address
    )
    spent = MappingProxyType({DialPhase.UPGRADE: trio.current_time() - began})
    return UpgradedConnection(link=link, headers=lines, subprotocol=judge.subprotocol, seconds=spent)


def _judge(endpoint: ParsedUrl, subprotocols: Sequence[str]) -> ClientProtocol:
    path, _, query = endpoint.target.partition("?")
    uri = WebSocketURI(endpoint.secure, endpoint.host, endpoint.port, path, query)
    offered = [Subprotocol(name) for name in subprotocols] or None
    return ClientProtocol(uri, subprotocols=offered, logger=SILENT_LOGGER)


def _check(judge: ClientProtocol, lines: Headers, endpoint: ParsedUrl) -> None:
    """Raise DialFailed unless the 101 is what RFC 6455 asks for."""
    where = endpoint.address
    try:
        judge.process_response(CodecResponse(_SWITCHING, "Switching Protocols", CodecHeaders(lines)))
    except InvalidUpgrade as error:
        detail = f"{where}: a 101 that does not switch to WebSocket ({error})"
        raise DialFailed(DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET, detail) from error
    except InvalidHeader as error:
        if error.name.lower() == "sec-websocket-accept":
            detail = f"{where}: the answer's Sec-WebSocket-Accept does not fit our key: something in between answers"
            raise DialFailed(DialPhase.UPGRADE, FailureReason.BAD_ACCEPT, detail) from error
        raise DialFailed(DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET, f"{where}: bad {error.name} header") from error
    except InvalidHandshake as error:  # a subprotocol or extension that nobody asked for; it may quote our key
        detail = f"{where}: the server chose a subprotocol or an extension that was not offered"
        raise DialFailed(DialPhase.UPGRADE, FailureReason.NOT_WEBSOCKET, detail) from error


async def open_tunnel(stream: trio.abc.Stream, endpoint: ParsedUrl, proxy: Proxy) -> None:
    """Have the proxy connect us to the endpoint (RFC 9110 9.3.6). Raises DialFailed (PROXY_REFUSED, ...)."""
    headers = [("Host", endpoint.address), ("User-Agent", USER_AGENT)]
    if proxy.authorization is not None:
        headers.append(("Proxy-Authorization", proxy.authorization.reveal()))
    answer = _Exchange(stream, DialPhase.PROXY, f"the proxy {proxy.address}")
    await answer.ask("CONNECT", endpoint.address, headers)
    head = await answer.head()
    if not 200 <= head.status_code < 300:  # noqa: PLR2004 - the class of success
        said = f"{head.status_code} {head.reason.decode('latin-1')}".strip()
        detail = f"the proxy {proxy.address} does not let us through to {endpoint.address}: {said}"
        raise DialFailed(DialPhase.PROXY, FailureReason.PROXY_REFUSED, detail, head.status_code)


class _Exchange:
    """One request and its answer over h11."""

    def __init__(self, stream: trio.abc.Stream, phase: DialPhase, where: str) -> None:
        self._stream = stream
        self._phase = phase
        self._where = where
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._start = b""
        self._ended = False

    @property
    def early(self) -> bytes:
        """What came right behind the answer's head."""
        return self._http.trailing_data[0]

    async def ask(self, method: str, target: str, headers: Sequence[tuple[str, str]]) -> None:
        """Send the request. ValueError, which repeats no value, when a header cannot be sent."""
        try:
            data = self._http.send(h11.Request(method=method, target=target, headers=list(headers)))
            data += self._http.send(h11.EndOfMessage())
        except (h11.LocalProtocolError, UnicodeError):
            raise ValueError("a header cannot be sent: it is there twice or has forbidden characters") from None
        try:
            await self._stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._closed_early() from error

    async def head(self) -> h11.InformationalResponse | h11.Response:
        """Wait for the answer's head, past 100 and 103."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == _SWITCHING:
                return event

    async def body(self) -> bytes:
        """Collect what there is of the body, within bytes and seconds."""
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

    def _not_http(self) -> DialFailed:
        hint = ": it speaks TLS, so use wss://" if self._start.startswith(_TLS_ALERT) else ""
        return DialFailed(self._phase, FailureReason.NOT_WEBSOCKET, f"{self._where}: the answer is not HTTP{hint}")

    def _closed_early(self) -> DialFailed:
        return DialFailed(
            self._phase, FailureReason.CLOSED_EARLY, f"{self._where}: closed the connection without an answer"
        )
