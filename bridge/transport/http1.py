"""One HTTP/1.1 connection on the server side: h11 over a trio stream, with a limit on everything a client controls.

No routes and no WebSocket here: `http_server.py` decides what a request is for.
"""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import h11
import trio

from bridge.transport.http import HttpRequest, HttpResponse, StreamingResponse, split_target, text_response
from bridge.transport.sockets import peer_name
from bridge.transport.turns import take_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.transport.link import Headers

_READ_BYTES: Final = 16 * 1024
#: How many pieces of a body are handled in one go before others get their turn: a read may hold thousands.
_PIECES_PER_TURN: Final = 32
_NOT_MODIFIED: Final = 304
#: How long, and how much, is read and discarded after a rejection, so that the client gets the response, not a reset
#: (RFC 9112 9.6): a recording of a minute that somebody posts in one piece.
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """What one client connection may use, in seconds and bytes."""

    head_bytes: int = 32 * 1024
    """Request line and header lines together. More is answered with 431."""
    header_count: int = 100
    """Header lines. More are answered with 431."""
    body_bytes: int = 1024 * 1024
    """A whole body. More is answered with 413."""
    head_seconds: float = 10.0
    """From the first byte (on a new connection: from its start, with TLS) to the end of the head. Then it closes."""
    body_seconds: float = 30.0
    """For the whole body. Then it is answered with 408."""
    idle_seconds: float = 75.0
    """Between two requests of a keep-alive connection. Then it closes."""
    write_seconds: float = 30.0
    """For the client to read a response. Then it closes."""


class RequestRejected(Exception):  # noqa: N818 - an answer, not a failure of ours
    """The request is not valid: answer it with `response`, without asking a handler, and close the connection."""

    def __init__(self, status: int, text: str, headers: Headers = (), *, of_body: HttpRequest | None = None) -> None:
        """`of_body` is the request whose body is at fault, without it: so far it is valid."""
        super().__init__(status, text)
        self.status, self.text, self.of_body = status, text, of_body
        self.response = text_response(status, text, headers)


class Disconnected(Exception):  # noqa: N818 - the usual end
    """The client disconnected or was too slow. A response would not reach it."""


_OLDER: Final = b"1.0"
_VERSIONS: Final = (_OLDER, b"1.1")
_TWO_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})
#: Stands for a connection that speaks HTTP no more.
_UPGRADED: Final = h11.Connection(h11.SERVER)


class HttpConnection:
    """Requests in, responses out, one after the other. After cancelling any method, only close the stream."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        limits: HttpLimits,
        takes_body: Callable[[HttpRequest], bool] = lambda _: True,
        peer: str | None = None,
    ) -> None:
        """`takes_body` is asked with a request whose body has not been read. If not, it is read and not kept.

        `peer` is who is at the other end, if that is not the peer of the socket.
        """
        self.stream = stream
        self._takes_body = takes_body
        self.limits = limits
        self.peer = peer_name(stream) if peer is None else peer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._first = True
        self._head_only = False
        """Whether the request is HEAD, whose response has no body (RFC 9110 9.3.2)."""
        self._trailing_data: bytes | None = None

    @property
    def trailing_data(self) -> bytes:
        """What was read behind the request: the first bytes of the new protocol, after an upgrade."""
        return self._http.trailing_data[0] if self._trailing_data is None else self._trailing_data

    @property
    def reusable(self) -> bool:
        """Whether another request may follow the one that was just answered (keep-alive)."""
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def next_request(self) -> HttpRequest:
        """Wait for the next request and its body. Raises RequestRejected, or Disconnected if none came in time."""
        return await self._read_request(await self._read_head())

    async def _read_head(self) -> h11.Request:
        self._head_only = False
        if self._first:
            self._first = False
        else:
            self._http.start_next_cycle()
            await self._wait_for_first_byte()
        with trio.move_on_after(self.limits.head_seconds):
            event = await self._next_event()
            if not isinstance(event, h11.Request):
                raise Disconnected
            self._head_only = event.method == b"HEAD"
            self._check_head(event)
            return event
        raise Disconnected

    async def _wait_for_first_byte(self) -> None:
        if self._http.trailing_data[0]:  # the next request was read along with the last one
            return
        with trio.move_on_after(self.limits.idle_seconds) as idle:
            await self._read()
        if idle.cancelled_caught:
            raise Disconnected

    def _check_head(self, head: h11.Request) -> None:
        size = len(head.target) + sum(len(name) + len(value) + 4 for name, value in head.headers)
        if size > self.limits.head_bytes or len(head.headers) > self.limits.header_count:
            raise RequestRejected(431, "the request has too many headers, or they are too large")
        names = {name for name, _ in head.headers}
        if head.http_version not in _VERSIONS:
            raise RequestRejected(505, "this server speaks HTTP/1.1")
        if head.http_version == _OLDER and b"upgrade" in names:
            hint = "a proxy may speak HTTP/1.0 to this server (nginx: set proxy_http_version 1.1)"
            raise RequestRejected(505, f"an upgrade needs HTTP/1.1; {hint}")
        if names >= _TWO_LENGTHS:  # RFC 9112 6.1: a proxy may see another end of the body than we do
            raise RequestRejected(400, "Content-Length and Transfer-Encoding exclude each other")

    async def _read_request(self, head: h11.Request) -> HttpRequest:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        target = head.target.decode("latin-1")
        try:
            path, query = split_target(target)
        except ValueError:
            raise RequestRejected(400, "the query has too many fields") from None
        request = HttpRequest(
            method=head.method.decode("latin-1"),
            path=path,
            query=query,
            target=target,
            headers=headers,
            body=b"",
            peer=self.peer,
        )
        with trio.move_on_after(self.limits.body_seconds):
            announced = dict(headers).get("content-length", "0")
            body = await self._body(request, announced, keep=self._takes_body(request))
            return replace(request, body=body) if body else request
        raise RequestRejected(408, "the body did not arrive in time", of_body=request)

    async def _body(self, request: HttpRequest, announced: str, *, keep: bool) -> bytes:
        too_large = RequestRejected(413, f"the body is larger than {self.limits.body_bytes} bytes", of_body=request)
        if int(announced) > self.limits.body_bytes:  # h11 has checked that these are at most 20 digits
            raise too_large
        if self._http.they_are_waiting_for_100_continue:
            await self._write(h11.InformationalResponse(status_code=100, headers=[]))
        body, size, pieces = bytearray(), 0, 0
        while isinstance(event := await self._next_event(), h11.Data):
            size, pieces = size + len(event.data), pieces + 1
            if pieces % _PIECES_PER_TURN == 0:
                await take_turn()
            if keep:
                body += event.data
            if size > self.limits.body_bytes:
                raise too_large
        return bytes(body)

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if self._http.trailing_data[1]:
                    raise Disconnected from error
                reason = str(error).partition(":")[0]  # what follows is quoted, and may be a credential
                raise RequestRejected(error.error_status_hint, f"this is not valid HTTP/1.1: {reason}") from error
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]  # NEED_DATA is ruled out by the line above
            await self._read()

    async def _read(self) -> None:
        try:
            data = await self.stream.receive_some(_READ_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Disconnected from error
        await take_turn()
        self._http.receive_data(bytes(data))

    async def respond(self, response: HttpResponse, *, without_body: bool = False, close: bool = False) -> None:
        """Send a whole response; `close` adds `connection: close`. Raises Disconnected.

        `without_body` keeps the content-length and omits the body, as the answer to HEAD does.
        """
        headers = [(name, value) for name, value in response.headers if name.lower() != "content-length"]
        if response.status != _NOT_MODIFIED:  # its length would be that of the body that the client has
            headers.append(("content-length", str(len(response.body))))
        if close:
            headers.append(("connection", "close"))
        head = h11.Response(status_code=response.status, headers=headers, reason=_reason(response.status))
        body = () if without_body or self._head_only or not response.body else (h11.Data(data=response.body),)
        await self._write_in_time(head, *body, h11.EndOfMessage())

    async def respond_in_chunks(self, response: StreamingResponse, *, without_body: bool = False) -> None:
        """Send a response as its chunks come. The client may take `write_seconds` for each. Raises Disconnected."""
        head = h11.Response(
            status_code=response.status, headers=list(response.headers), reason=_reason(response.status)
        )
        async with aclosing(response.chunks) as chunks:
            await self._write_in_time(head)
            if not without_body:
                async for chunk in chunks:
                    await self._write_in_time(h11.Data(data=chunk))
        await self._write_in_time(h11.EndOfMessage())

    async def _write_in_time(self, *events: h11.Event) -> None:
        with trio.move_on_after(self.limits.write_seconds):
            await self._write(*events)
            return
        raise Disconnected

    async def switch_protocols(self, headers: Headers) -> None:
        """Answer with 101 and these headers. After that, the stream is no longer HTTP. Raises Disconnected."""
        await self._write(
            h11.InformationalResponse(status_code=101, headers=list(headers), reason=b"Switching Protocols")
        )
        self._trailing_data = self._http.trailing_data[0]
        self._http = _UPGRADED  # the rest of h11's state is of no use to the new protocol

    async def _write(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Disconnected from error

    async def reject(self, response: HttpResponse) -> None:
        """Send a response and end the connection, even in the middle of a request. Raises Disconnected."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self.respond(response, close=True)
            await self._linger()

    async def _linger(self) -> None:
        remaining = LINGER_BYTES
        with trio.move_on_after(LINGER_SECONDS), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            if isinstance(self.stream, trio.abc.HalfCloseableStream):
                await self.stream.send_eof()
            while remaining > 0 and (data := await self.stream.receive_some(_READ_BYTES)):
                remaining -= len(data)
                await take_turn()


def _reason(status: int) -> bytes:
    """Return the standard reason phrase; empty for an unknown status."""
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
