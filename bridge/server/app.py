"""One bridge in one process: its routes, its two doors, and a session behind each client that is let in.

What is decided about a request stands in `admission.py`, about a session in the core. Here they are put together.
"""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from bridge.client_protocol.endpoints import (
    CLIENT_PATH,
    FALLBACK_PATH,
    HEALTH_PATH,
    METRICS_PATH,
    NATIVE_PATH,
    READY_PATH,
)
from bridge.driver.client import ClientDisconnected
from bridge.driver.driver import run_session
from bridge.protocol.dialects.detection import GA_SUBPROTOCOL, KEY_SUBPROTOCOL_PREFIX
from bridge.server.admission.policy import Rejection, host_from_peer
from bridge.server.clients.frame_reader import ClientFrameReader
from bridge.server.clients.json_client import JsonClient, utc_now
from bridge.server.clients.native_client import NativeClient, session_options_from_query
from bridge.server.http.responses import metrics_response, native_error_response, problem_response, status_response
from bridge.telemetry.metrics import CONTENT_TYPE, render_prometheus
from bridge.transport.http_server import WebSocketUpgrade, serve_connection
from bridge.transport.sockets import peer_name, reset_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bridge.driver.settings import DriverSettings
    from bridge.server.admission.policy import AdmissionPolicy
    from bridge.server.admission.session_counts import ActiveSessions
    from bridge.server.config.settings import ClientRules
    from bridge.server.http.health import UpstreamHealth
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics, MetricsSnapshot
    from bridge.telemetry.observer import TelemetryObserver
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.connector import Connector

_DOORS: Final = (CLIENT_PATH, NATIVE_PATH)
_API: Final = "/v1/"
_SOCKET_ONLY: Final = Rejection(
    426,
    "UPGRADE_REQUIRED",
    "This address speaks WebSocket, and the request asks for none: a proxy on the way may have removed its Upgrade.",
)

#: Connections from one address that are not sessions: handshakes, half-open ones, kept ones.
_WAITING_PER_ADDRESS: Final = 1024
#: Connections beside sessions, over all addresses.
_SPARE_CONNECTIONS: Final = 4096
#: What a subprotocol may look like (RFC 6455 4.1, RFC 9110 5.6.2); what else is offered is not repeated.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: For the first message to a client that does not read.
_GREETING_SECONDS: Final = 10.0
#: RFC 6455 7.4.1: the server cannot go on.
_INTERNAL_ERROR: Final = 1011


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What a bridge is made of."""

    rules: ClientRules
    connector: Connector
    driver: DriverSettings
    admission: AdmissionPolicy
    active_sessions: ActiveSessions
    health: UpstreamHealth
    observer: TelemetryObserver
    metrics: Metrics
    log: Log
    merge_workers: Callable[[MetricsSnapshot], MetricsSnapshot] = lambda own: own
    """Adds what other workers counted, and what their attempts came to."""
    count_prewarmed: Callable[[], int] = lambda: 0
    """Counts the upstream sessions that wait for a client."""
    clock: Callable[[], datetime] = utc_now
    """The time of day on every message."""
    extra_http: Callable[[HttpRequest], Awaitable[HttpResponse | None]] | None = None
    """Asked about every path that is not served here: the REST fallback, the page. None: it does not know either."""


class Bridge:
    """Serves every connection that it is given."""

    def __init__(self, parts: Dependencies) -> None:
        self._parts = parts
        self._connections: Counter[str] = Counter()
        self._draining = trio.Event()
        self._empty = trio.Event()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises nothing but Cancelled."""
        host = host_from_peer(peer_name(stream))
        waiting = self._connections[host] - self._parts.active_sessions.from_address(host)
        most = self._parts.rules.max_sessions + _SPARE_CONNECTIONS
        if waiting >= _WAITING_PER_ADDRESS or self._connections.total() >= most:
            await reset_stream(stream)
            return
        self._connections[host] += 1
        try:
            await serve_connection(stream, http=self.http, websocket=self.websocket, on_error=self._on_error)
        finally:
            self._connections -= Counter([host])

    def _on_error(self, error: Exception) -> None:
        self._parts.observer.internal_error("", error)

    # Going down

    def drain(self) -> None:
        """Let nobody new in, and give the running sessions their time."""
        self._parts.admission.draining = True
        self._draining.set()
        self._parts.log.write(
            "info", "bridge.draining", "Draining: no new sessions", sessions=self._parts.active_sessions.in_process
        )
        self._note_empty()

    async def wait_empty(self) -> None:
        """Wait until the last session of a draining bridge is gone."""
        await self._empty.wait()

    def _note_empty(self) -> None:
        if self._draining.is_set() and not self._parts.active_sessions.in_process:
            self._empty.set()

    # Plain HTTP

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        if self._parts.extra_http is not None and (answer := await self._parts.extra_http(request)) is not None:
            return answer
        if request.path in _DOORS:
            return _refusal_at(request.path)(_SOCKET_ONLY)
        page = self._pages.get(request.path)
        if page is None:
            return _refusal_at(request.path)(_not_found(request.path))
        if request.method != "GET":
            return problem_response(Rejection(405, "METHOD_NOT_ALLOWED", "This page can only be read."))
        return page(self)

    def _healthz(self) -> HttpResponse:
        return status_response(200, "ok")

    def _readyz(self) -> HttpResponse:
        if self._draining.is_set():
            return status_response(503, "draining")
        trouble = self._parts.health.upstream_problem(self._parts.merge_workers(self.snapshot()).outcomes)
        return status_response(503, "upstream", trouble) if trouble else status_response(200, "ready")

    def _metrics(self) -> HttpResponse:
        return metrics_response(render_prometheus(self._parts.merge_workers(self.snapshot())), CONTENT_TYPE)

    def snapshot(self) -> MetricsSnapshot:
        """Give this process's figures as they are now."""
        self._parts.observer.update_gauges()
        self._parts.metrics.set("connections", self._connections.total())
        self._parts.metrics.set("prewarmed", self._parts.count_prewarmed())
        self._parts.metrics.set("workers", 1)
        self._parts.metrics.set("tasks", trio.lowlevel.current_statistics().tasks_living)
        snapshot = self._parts.metrics.snapshot()
        snapshot.outcomes = self._parts.health.outcomes
        return snapshot

    _pages: Final = {HEALTH_PATH: _healthz, READY_PATH: _readyz, METRICS_PATH: _metrics}

    # The doors

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Let a client in or refuse it, and serve its session to the end."""
        path = upgrade.request.path
        refuse = _refusal_at(path)
        if path not in _DOORS:
            await upgrade.reject(refuse(_not_found(path)))
            return
        no = self._parts.admission.check(upgrade.request, upgrade.subprotocols)
        if no is not None:
            self._note_refusal(no, upgrade.request)
            await upgrade.reject(refuse(no))
            return
        address = self._parts.admission.client_address(upgrade.request)
        self._parts.active_sessions.add(address)  # no checkpoint since it was let in: the limit is exact
        try:
            await self._session(upgrade, native=path == NATIVE_PATH)
        finally:
            self._parts.active_sessions.remove(address)
            self._note_empty()

    async def _session(self, upgrade: WebSocketUpgrade, *, native: bool) -> None:
        rules = self._parts.rules
        chosen = choose_subprotocol(upgrade.subprotocols, native=native)
        link = await upgrade.accept(chosen, max_size=rules.max_message_bytes, defer_close=True)
        face = self._face(link, upgrade.request, native=native)
        door = "native" if native else "sherpa"
        self._parts.metrics.increment("clients_total", 1, door)
        fields = {"clientId": face.client_id, "peer": face.peer, "door": door}
        self._parts.log.write("info", "client.connected", "A client connected", **fields)
        try:
            with trio.fail_after(_GREETING_SECONDS):
                for frame in face.initial_frames():
                    await face.send(frame)
            await self._run(face)
        except (ClientDisconnected, trio.TooSlowError):
            return
        except Exception as error:  # noqa: BLE001 - whatever it was: it is this client's alone, and is told to both ends
            self._parts.observer.internal_error(face.client_id, error)
            await link.close(_INTERNAL_ERROR, "internal error")
        finally:
            ended = {"closeCode": link.close_code, "closeReason": link.close_reason}
            self._parts.log.write("info", "client.disconnected", "A client's socket is over", **fields, **ended)

    async def _run(self, face: JsonClient | NativeClient) -> None:
        parts = self._parts
        await run_session(
            face,
            parts.connector,
            settings=parts.driver,
            observer=parts.observer,
            rng=random.random,
            drain=self._draining,
        )

    def _face(self, link: WebSocketLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
        rules = self._parts.rules
        reader = ClientFrameReader(link, max_bytes=rules.max_message_bytes, limits=rules.rates)
        client_id = str(uuid.uuid4())
        if native:
            wish = session_options_from_query(request.query, rules.locked)
            return NativeClient(link, reader, client_id=client_id, session_options=wish, locked=rules.locked)
        return JsonClient(link, reader, client_id=client_id, locked=rules.locked, clock=self._parts.clock)

    def _note_refusal(self, no: Rejection, request: HttpRequest) -> None:
        self._parts.metrics.increment("refused_total", 1, no.code)
        fields = {"code": no.code, "peer": request.peer, "path": request.path, "origin": request.header("origin")}
        self._parts.log.write("warning", "client.refused", no.message, **fields)


def choose_subprotocol(offered: tuple[str, ...], *, native: bool) -> str | None:
    """Choose what to speak: browsers want one of those they offered, but never one that carries a credential."""
    if GA_SUBPROTOCOL in offered or native:
        return GA_SUBPROTOCOL if GA_SUBPROTOCOL in offered else None
    speakable = (one for one in offered if _TOKEN.fullmatch(one) and not one.startswith(KEY_SUBPROTOCOL_PREFIX))
    return next(speakable, None)


def _refusal_at(path: str) -> Callable[[Rejection], HttpResponse]:
    """Say no in the words of whoever asks there: SDKs read error objects."""
    return native_error_response if path.startswith(_API) else problem_response


def _not_found(path: str) -> Rejection:
    if path.startswith(FALLBACK_PATH):
        return Rejection(404, "NOT_FOUND", "This bridge does not serve the REST fallback: connect by WebSocket.")
    if path == "/":
        return Rejection(404, "NOT_FOUND", "This bridge serves no page; /healthz, /readyz and /metrics tell how it is.")
    if path.startswith(_API):
        return Rejection(404, "NOT_FOUND", f"Of the API only the WebSocket at {NATIVE_PATH} is served here.")
    return Rejection(404, "NOT_FOUND", f"There is nothing here; clients connect to {CLIENT_PATH} or {NATIVE_PATH}.")
