"""Health and metrics on a listener of their own, with places of its own: clients can't shut monitoring out.

It serves the paths of monitoring and no other, and never a WebSocket.
"""

from __future__ import annotations

import hmac
from collections import Counter
from typing import TYPE_CHECKING, Final

from bridge.client_protocol.endpoints import HEALTH_PATH
from bridge.server.addresses import counted_as
from bridge.server.admission.policy import Rejection, host_from_peer
from bridge.server.http.responses import problem_response
from bridge.transport.http_server import HttpLimits, WebSocketUpgrade, serve_connection
from bridge.transport.sockets import peer_name, reset_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.http_server import ErrorHandler
    from reports.redaction import Secret

#: Connections at a time: a few monitoring systems, each with a few of them.
_MAX_CONNECTIONS: Final = 64
#: And from one address, so that one caller doesn't take all places.
_MAX_PER_ADDRESS: Final = 16
#: Shorter than for clients: who asks for health asks at once.
_LIMITS: Final = HttpLimits(head_seconds=5.0, idle_seconds=30.0, body_bytes=0)
_NOT_FOUND: Final = Rejection(404, "NOT_FOUND", "This listener serves /healthz, /readyz and /metrics only.")
_NO_TOKEN: Final = Rejection(401, "UNAUTHORIZED", "Send the admin token as Authorization: Bearer.")


class AdminServer:
    """Serves monitoring to its own connections."""

    def __init__(
        self, monitor: Callable[[HttpRequest], HttpResponse | None], token: Secret | None, on_error: ErrorHandler
    ) -> None:
        """`monitor` answers a request, None for a path it doesn't have. Without a token, everybody may ask."""
        self._monitor, self._token, self._on_error = monitor, token, on_error
        self._connections: Counter[str] = Counter()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises only Cancelled."""
        host = counted_as(host_from_peer(peer_name(stream)))
        if self._connections.total() >= _MAX_CONNECTIONS or self._connections[host] >= _MAX_PER_ADDRESS:
            await reset_stream(stream)
            return
        self._connections[host] += 1
        try:
            await serve_connection(
                stream,
                http=self._http,
                websocket=_reject,
                limits=_LIMITS,
                on_error=self._on_error,
                takes_body=lambda _: False,
            )
        finally:
            self._connections -= Counter([host])

    async def _http(self, request: HttpRequest) -> HttpResponse:
        if request.path != HEALTH_PATH and not self._is_authorized(request):  # health says nothing but that it is there
            return problem_response(_NO_TOKEN)
        return self._monitor(request) or problem_response(_NOT_FOUND)

    def _is_authorized(self, request: HttpRequest) -> bool:
        if self._token is None:
            return True
        return hmac.compare_digest(request.bearer.encode(), self._token.reveal().encode())


async def _reject(upgrade: WebSocketUpgrade) -> None:
    await upgrade.reject(problem_response(_NOT_FOUND))
