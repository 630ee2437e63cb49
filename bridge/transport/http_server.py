"""An HTTP/1.1 and WebSocket server on one port. The simulator and the bridge both use it.

The server calls two handlers: one for requests, one for WebSocket upgrades. It checks and limits what clients send, and
an error in one connection never affects another. It has no routes: the handlers do that.
"""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from websockets.protocol import Side
from websockets.utils import accept_key

from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.transport.http import HttpAnswer, HttpRequest, HttpResponse, StreamingResponse, text_response
from bridge.transport.http1 import Disconnected, HttpConnection, HttpLimits, RequestRejected
from bridge.transport.link import Headers, LinkClosed
from bridge.transport.sockets import bound_close
from bridge.transport.websocket import MAX_FRAGMENTS, WebSocketLink

if TYPE_CHECKING:
    import ssl

__all__ = [
    "ErrorHandler",
    "HttpHandler",
    "HttpLimits",
    "WebSocketHandler",
    "WebSocketUpgrade",
    "serve_connection",
    "serve_tcp",
]

#: How long closing a stream may take (TLS exchanges close_notify).
_CLOSE_SECONDS: Final = 2.0
#: The length of a decoded Sec-WebSocket-Key (RFC 6455 4.1).
_KEY_BYTES: Final = 16

log = logging.getLogger(__name__)


class WebSocketUpgrade:
    """A client's request for a WebSocket. Accept it, reject it, or take its raw `stream`."""

    def __init__(self, request: HttpRequest, http: HttpConnection) -> None:
        self.request = request
        self.subprotocols = _split_list(request.header("sec-websocket-protocol") or "")
        """The subprotocols that the client offers, in its order."""
        self.accept_key = accept_key(request.header("sec-websocket-key") or "")
        """The value of Sec-WebSocket-Accept for the client's key."""
        self.link: WebSocketLink | None = None
        self._http = http
        self._settled = False

    @property
    def answered(self) -> bool:
        """Whether it was accepted or rejected, or its stream was taken."""
        return self._settled

    @property
    def stream(self) -> trio.abc.Stream:
        """The raw stream, for the simulator's faults. Taking it counts as answering. It is closed after the handler."""
        self._settled = True
        return self._http.stream

    @property
    def trailing_data(self) -> bytes:
        """What was read behind the handshake. `accept` passes it to the link."""
        return self._http.trailing_data

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Headers = (),
        *,
        max_size: int | None = MAX_MESSAGE_BYTES,
        max_fragments: int = MAX_FRAGMENTS,
        defer_close: bool = False,
    ) -> WebSocketLink:
        """Answer with 101 and return the open link; for the options see WebSocketLink.

        Raises LinkClosed (1006) if the client has disconnected.
        """
        self._settled = True
        chosen = (("Sec-WebSocket-Protocol", subprotocol),) if subprotocol is not None else ()
        required = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", self.accept_key))
        try:
            await self._http.switch_protocols((*required, *chosen, *headers))
        except Disconnected as error:
            raise LinkClosed(1006, by_peer=True) from error
        self.link = WebSocketLink(
            self._http.stream,
            Side.SERVER,
            trailing_data=self._http.trailing_data,
            subprotocol=subprotocol,
            max_size=max_size,
            max_fragments=max_fragments,
            peer=self.request.peer,
            defer_close=defer_close,
        )
        return self.link

    async def reject(self, response: HttpResponse) -> None:
        """Answer with an HTTP response instead, and end the connection.

        Raises LinkClosed (1006) if the client has disconnected or does not read: not an error of the handler.
        """
        self._settled = True
        try:
            await self._http.reject(response)
        except Disconnected as error:
            raise LinkClosed(1006, by_peer=True) from error


HttpHandler = Callable[[HttpRequest], Awaitable[HttpAnswer]]
"""Answers one request. If it raises, the client gets a 500 and the error handler is called. HEAD arrives as GET."""
WebSocketHandler = Callable[[WebSocketUpgrade], Awaitable[None]]
"""Serves one WebSocket from accept to close. It may raise LinkClosed; the error handler gets everything else."""
RejectionHandler = Callable[[RequestRejected], HttpResponse]
"""Words a rejection of the server's own, such as 413."""
ErrorHandler = Callable[[Exception], None]
"""Called with each exception that a handler raised; a note on the exception says for which request."""


def log_error(error: Exception) -> None:
    """Log the exception: the default error handler."""
    log.error("a handler failed", exc_info=error)


async def serve_connection(
    stream: trio.abc.Stream,
    *,
    http: HttpHandler,
    websocket: WebSocketHandler,
    limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
    on_error: ErrorHandler = log_error,
    takes_body: Callable[[HttpRequest], bool] = lambda _: True,
    word_rejection: RejectionHandler = lambda rejected: rejected.response,
    peer: str | None = None,
) -> None:
    """Serve one connection until it ends, then close it. Raises only Cancelled, which closes it at once.

    `takes_body` says by a request's head whether its handler wants the body; if not, the handler gets none. `peer` is
    the client's address and port, if a proxy that forwards TCP told them.
    """
    connection = _ServerConnection(
        HttpConnection(stream, limits, takes_body, peer), http, websocket, on_error, word_rejection
    )
    try:
        while await connection.serve_request():
            pass
    except Disconnected:
        pass
    except Exception as error:  # noqa: BLE001 - an error in one connection must not end the others
        on_error(error)
    finally:
        bound_close(stream)
        with trio.move_on_after(_CLOSE_SECONDS):
            await stream.aclose()


class _ServerConnection:
    """One client connection, from its first request to its last."""

    def __init__(
        self,
        connection: HttpConnection,
        http: HttpHandler,
        websocket: WebSocketHandler,
        on_error: ErrorHandler,
        word_rejection: RejectionHandler,
    ) -> None:
        self.connection = connection
        self.http = http
        self.websocket = websocket
        self.on_error = on_error
        self.word_rejection = word_rejection

    async def serve_request(self) -> bool:
        """Serve the next request. False if the connection ends with it."""
        try:
            request = await self.connection.next_request()
            upgrading = is_upgrade_request(request)
            if upgrading:
                check_upgrade(request)
        except RequestRejected as rejected:
            await self.connection.reject(self.word_rejection(rejected))
            return False
        if upgrading:
            await self._upgrade(request)
            return False
        await self._answer(request)
        return self.connection.reusable

    async def _answer(self, request: HttpRequest) -> None:
        head_only = request.method == "HEAD"
        try:
            response = await self.http(replace(request, method="GET") if head_only else request)
        except Exception as error:  # noqa: BLE001 - reported, and the client gets a 500
            self._report(error, request)
            response = text_response(500, "internal error")
        if isinstance(response, StreamingResponse):
            await self._stream(response, request, without_body=head_only)
        else:
            await self.connection.respond(response, without_body=head_only)

    async def _stream(self, response: StreamingResponse, request: HttpRequest, *, without_body: bool) -> None:
        try:
            await self.connection.respond_in_chunks(response, without_body=without_body)
        except Disconnected:
            raise
        except Exception as error:
            self._report(error, request)
            raise Disconnected from error

    async def _upgrade(self, request: HttpRequest) -> None:
        upgrade = WebSocketUpgrade(request, self.connection)
        code = 1000
        try:
            await self.websocket(upgrade)
        except LinkClosed:
            pass
        except Exception as error:  # noqa: BLE001 - reported, and the client gets a close
            self._report(error, request)
            code = 1011
        if upgrade.link is not None:
            await upgrade.link.close(code)
        elif not upgrade.answered:
            await self.connection.reject(text_response(500, "internal error"))

    def _report(self, error: Exception, request: HttpRequest) -> None:
        error.add_note(f"while answering {request.method} {request.path} from {request.peer}")
        self.on_error(error)


def _split_list(value: str) -> tuple[str, ...]:
    """Split a comma-separated header. Empty elements are allowed and ignored (RFC 9110 5.6.1).

    Blanks and tabs surround an element and nothing else, or a proxy in front may read another one than we do.
    """
    return tuple(part for part in (piece.strip(" \t") for piece in value.split(",")) if part)


def is_upgrade_request(request: HttpRequest) -> bool:
    """Whether the request asks for a WebSocket, even if the request is not valid."""
    return request.method == "GET" and "websocket" in _split_list((request.header("upgrade") or "").lower())


def check_upgrade(request: HttpRequest) -> None:
    """Raise RequestRejected unless the upgrade is valid (RFC 6455 4.2.1)."""
    if request.header("sec-websocket-version") != "13":
        raise RequestRejected(426, "this server speaks WebSocket version 13", (("sec-websocket-version", "13"),))
    if "upgrade" not in _split_list((request.header("connection") or "").lower()):
        raise RequestRejected(400, "Connection: Upgrade is missing; a proxy on the way may have removed it")
    keys = request.header_values("sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise RequestRejected(400, "Sec-WebSocket-Key must occur once and hold 16 bytes in base64")
    if request.body or request.header("transfer-encoding") or request.header("content-length") not in {None, "0"}:
        raise RequestRejected(400, "an upgrade has no body")


def _is_key(value: str) -> bool:
    try:
        return len(b64decode(value, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


async def serve_tcp(
    *,
    http: HttpHandler,
    websocket: WebSocketHandler,
    host: str = "127.0.0.1",
    port: int = 0,
    ssl_context: ssl.SSLContext | None = None,
    limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
    on_error: ErrorHandler = log_error,
    task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen and serve until cancelled, which closes every connection at once.

    Port 0 picks a free port. `task_status.started` gets the bound address as (host, port). Raises OSError if the
    address cannot be bound.
    """
    listener = await _listen(host, port)
    address = listener.socket.getsockname()[:2]
    serve = partial(serve_connection, http=http, websocket=websocket, limits=limits, on_error=on_error)
    listeners: list[trio.abc.Listener[trio.abc.Stream]]
    listeners = [trio.SSLListener(listener, ssl_context, https_compatible=True)] if ssl_context else [listener]
    task_status.started((address[0], address[1]))
    await trio.serve_listeners(serve, listeners)


async def _listen(host: str, port: int) -> trio.SocketListener:
    """Bind one address only: with port 0, a name with two addresses would get two ports."""
    first, *others = await trio.open_tcp_listeners(port, host=host)
    for other in others:
        await other.aclose()
    return first
