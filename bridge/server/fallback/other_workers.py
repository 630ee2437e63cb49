"""Requests for a session that another worker of this bridge has: each worker takes them at a Unix socket of its own.

The listening socket gives a request to any worker, and only one has its session, as the session's id says. The sockets
stand in a folder that only this user may read; what comes by them is checked like any request.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import h11
import trio

from bridge.server.admission.policy import Rejection
from bridge.server.fallback.sessions import process_name
from bridge.server.http.responses import problem_response
from bridge.transport.http import HttpResponse, StreamingResponse
from bridge.transport.http_server import serve_connection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from bridge.transport.http import HttpAnswer, HttpRequest
    from bridge.transport.http_server import HttpHandler, WebSocketUpgrade
    from bridge.transport.link import Headers

#: How long another worker may be silent: a poll waits for 25 s, and a stream has a comment every 15 s.
_SILENT_SECONDS: Final = 40.0
_READ_BYTES: Final = 64 * 1024
#: How many connections may wait for a worker to accept them: one for each request of hundreds of clients at once.
_BACKLOG: Final = 1024
#: Of the 104 (macOS) or 108 bytes of a socket's address, what the folder may take.
_MAX_FOLDER_BYTES: Final = 80
#: Headers about one connection only (RFC 9110 7.6.1), and those that the next server writes itself.
_OF_THE_CONNECTION: Final = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te", "expect"}
)

_BUSY: Final = problem_response(
    Rejection(503, "SERVER_BUSY", "The worker that has this session did not answer. Ask again."),
    headers=(("retry-after", "1"),),
)


class OtherWorkers:
    """The workers of one bridge, as one of them sees them."""

    def __init__(self, folder: Path, node: str, slot: int, workers: int) -> None:
        self._folder = _short_path(folder)
        self._sockets = {process_name(node, number): f"worker-{number}.sock" for number in range(workers)}
        self.own_name = process_name(node, slot)
        """The name of this worker, in the ids of its sessions."""

    async def serve(self, http: HttpHandler, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer the requests that other workers hand over, until cancelled. Raises OSError if it can't listen."""
        path = Path(self._folder, self._sockets[self.own_name])
        await trio.Path(path).unlink(missing_ok=True)  # of a worker that died in this place
        listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        await listening.bind(str(path))
        listening.listen(_BACKLOG)
        task_status.started()
        await trio.serve_listeners(_answering(http), [trio.SocketListener(listening)])

    async def hand_over(self, owner: str, request: HttpRequest) -> HttpAnswer | None:
        """Return the answer of the worker of this name; None if there is none. Cancelling is harmless.

        A worker that is there and does not answer is busy, or has just died: the client asks again in a second, and
        until then its session is not given up.
        """
        name = self._sockets.get(owner)
        if name is None or owner == self.own_name:
            return None
        try:
            exchange = _Exchange(await trio.open_unix_socket(f"{self._folder}/{name}"))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError:
            return _BUSY  # its queue of connections is full
        streaming = False
        try:
            response = await exchange.ask(request)
            streaming = dict(response.headers).get(b"content-type") == b"text/event-stream"
            headers = _headers(response)
            if streaming:
                return StreamingResponse(response.status_code, headers, exchange.chunks())
            async with aclosing(exchange.chunks()) as chunks:
                return HttpResponse(response.status_code, headers, b"".join([chunk async for chunk in chunks]))
        except (h11.RemoteProtocolError, trio.BrokenResourceError, trio.TooSlowError):
            return _BUSY
        finally:
            if not streaming:
                await trio.aclose_forcefully(exchange.stream)


def _short_path(folder: Path) -> str:
    """Return a path of a folder that leaves room for a socket's name: the system takes about 100 bytes in all.

    On Linux, a descriptor of the folder makes any path short; it stays open as long as the process runs.
    """
    if len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES or not hasattr(os, "O_PATH"):
        return str(folder)
    return f"/proc/self/fd/{os.open(folder, os.O_PATH | os.O_DIRECTORY)}"


@dataclass(slots=True)
class _Exchange:
    """One request to another worker, and its response."""

    stream: trio.abc.Stream
    _http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))

    async def ask(self, request: HttpRequest) -> h11.Response:
        """Send the request; return the head of the response. Raises what a connection that breaks raises."""
        kept = [one for one in request.headers if one[0] not in _OF_THE_CONNECTION]
        own = [("host", "worker"), ("content-length", str(len(request.body)))]
        head = h11.Request(method=request.method, target=request.target, headers=[*own, *kept])
        events = (head, h11.Data(data=request.body), h11.EndOfMessage())
        await self.stream.send_all(b"".join(self._http.send(event) or b"" for event in events))
        event = await self._next()
        if not isinstance(event, h11.Response):
            raise h11.RemoteProtocolError("no response")
        return event

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes, and close the connection behind it, or when this is closed."""
        try:
            while isinstance(event := await self._next(), h11.Data):
                yield bytes(event.data)
        except (h11.RemoteProtocolError, trio.BrokenResourceError, trio.TooSlowError):
            return  # the other worker died or hangs: the client asks again
        finally:
            await trio.aclose_forcefully(self.stream)

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        with trio.fail_after(_SILENT_SECONDS):
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(bytes(await self.stream.receive_some(_READ_BYTES)))
        return event  # type: ignore[return-value]  # NEED_DATA is ruled out by the loop


def _answering(http: HttpHandler) -> Callable[[trio.abc.Stream], Awaitable[None]]:
    async def serve(stream: trio.abc.Stream) -> None:
        await serve_connection(stream, http=http, websocket=_no_websockets)

    return serve


async def _no_websockets(_: WebSocketUpgrade) -> None:
    """Leave it unanswered: the server refuses it."""


def _headers(response: h11.Response) -> Headers:
    named = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    return tuple((name, value) for name, value in named if name not in _OF_THE_CONNECTION)
