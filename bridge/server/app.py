"""One bridge in one process: its routes, its two WebSocket endpoints, and a session for each client that is admitted.

`admission/policy.py` decides about requests and the core about sessions; this module connects the two.
"""

from __future__ import annotations

import random
import re
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import trio

from bridge.client_protocol.endpoints import (
    CLIENT_PATH,
    FALLBACK_PATH,
    HEALTH_PATH,
    METRICS_PATH,
    NATIVE_PATH,
    OPENAPI_PATH,
    READY_PATH,
)
from bridge.driver.driver import run_session
from bridge.protocol.dialects.detection import GA_SUBPROTOCOL, KEY_SUBPROTOCOL_PREFIX
from bridge.server.addresses import counted_as, is_loopback
from bridge.server.admission.policy import TOO_MANY_OF_ONE, Admitted, Rejection
from bridge.server.clients.json_client import JsonClient
from bridge.server.clients.native_client import NativeClient, session_options_from_query
from bridge.server.connections import ConnectionGate
from bridge.server.fallback.service import Fallback, FallbackTelemetry
from bridge.server.http.responses import (
    READ_ONLY,
    metrics_response,
    native_error_response,
    openapi_response,
    problem_response,
    status_response,
)
from bridge.server.page.routes import page_route
from bridge.server.shedding import Shedding
from bridge.telemetry.metrics import (
    CONTENT_TYPE,
    OPENMETRICS_TYPE,
    render_openmetrics,
    render_prometheus,
    wants_openmetrics,
)
from bridge.transport.carriers import carrier_for
from bridge.transport.http_server import WebSocketUpgrade, serve_connection
from bridge.transport.push_link import PushLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.driver.client import ClientConnection
    from bridge.driver.settings import DriverSettings
    from bridge.server.config.settings import ClientRules
    from bridge.server.dependencies import Dependencies
    from bridge.server.fallback.client import FallbackClient
    from bridge.telemetry.metrics import MetricsSnapshot
    from bridge.transport.http import HttpAnswer, HttpRequest, HttpResponse
    from bridge.transport.http1 import RequestRejected

_ENDPOINTS: Final = (CLIENT_PATH, NATIVE_PATH)
_API_PREFIX: Final = "/v1/"
_UPGRADE_REQUIRED: Final = Rejection(
    426,
    "UPGRADE_REQUIRED",
    "This endpoint requires a WebSocket upgrade. A proxy may have removed the request's Upgrade header.",
)
#: A valid subprotocol name (RFC 6455 4.1, RFC 9110 5.6.2); the response never repeats an invalid one.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: RFC 6455 7.4.1: the server hit an unexpected condition.
_INTERNAL_ERROR: Final = 1011


class Bridge:
    """Serves connections until it is drained."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._deps = dependencies
        self.shedding = Shedding(dependencies.admission.overload, dependencies.metrics)
        self._gate = ConnectionGate(lambda: self._deps)
        self._draining = trio.Event()
        self._empty = trio.Event()
        self._fallback = Fallback(
            dependencies.process_name,
            dependencies.others,
            admit=self._admit,
            forget=self._forget,
            serve=self._serve_fallback,
            rules=lambda: self._deps.rules,
            telemetry=FallbackTelemetry(dependencies.observer, dependencies.metrics, dependencies.log),
            admission=dependencies.admission,
            clock=dependencies.clock,
        )

    async def run_fallback(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the sessions of the REST fallback until cancelled; without this, none can begin."""
        await self._fallback.run(self.http, task_status)

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises only Cancelled."""
        await self._gate.serve(stream, self._serve_connection)

    async def _serve_connection(self, stream: trio.abc.Stream, peer: str) -> None:
        await serve_connection(
            stream,
            http=self.http,
            websocket=self.websocket,
            on_error=self.on_error,
            takes_body=self._takes_body,
            word_rejection=self._word_rejection,
            peer=peer,
        )

    def apply(self, rules: ClientRules, driver: DriverSettings) -> None:
        """Serve clients that come from now on by these rules."""
        self._deps = replace(self._deps, rules=rules, driver=driver)
        self._deps.admission.apply(rules)
        self._deps.identities.caps = rules.identity_caps

    def _takes_body(self, request: HttpRequest) -> bool:
        """Only the REST fallback takes bodies; no stranger's is kept in memory."""
        return request.path.startswith(FALLBACK_PATH)

    def _word_rejection(self, rejected: RequestRejected) -> HttpResponse:
        """Reject a body in the words of the endpoint that it was for."""
        request = rejected.of_body
        if request is None or not request.path.startswith(FALLBACK_PATH):
            return rejected.response
        return self._fallback.reject_body(request, rejected.status, rejected.text)

    def on_error(self, error: Exception) -> None:
        """Report a bug that ended a connection."""
        self._deps.observer.internal_error("", error)

    # Shutdown

    def drain(self) -> None:
        """Reject new clients, and give running sessions the drain time."""
        self._deps.admission.draining = True
        self._draining.set()
        self._deps.log.write(
            "info",
            "bridge.draining",
            "Draining: no new sessions",
            sessions=self._deps.active_sessions.in_process,
        )
        self._check_empty()

    async def wait_empty(self) -> None:
        """Wait until a draining bridge has no sessions. Cancelling is harmless."""
        await self._empty.wait()

    def report_end(self) -> None:
        """Log what was left out of the log so far: no request comes any more."""
        self._deps.observer.server_ended()

    def _check_empty(self) -> None:
        if self._draining.is_set() and not self._deps.active_sessions.in_process:
            self._empty.set()

    # Plain HTTP

    async def http(self, request: HttpRequest) -> HttpAnswer:
        """Return the response to one plain HTTP request."""
        if (answer := await self._fallback.respond(request)) is not None:
            return answer
        if request.path in _ENDPOINTS:
            return _response_format(request.path)(_UPGRADE_REQUIRED)
        if (self._deps.public_metrics or request.path != METRICS_PATH) and (found := self.monitor(request)) is not None:
            return found
        deps = self._deps
        page = await page_route(request, deps.simulator, deps.admission) if deps.page else None
        return page if page is not None else _response_format(request.path)(_not_found(request.path))

    def monitor(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request for health or metrics; None for any other path."""
        route = self._routes.get(request.path)
        if route is None:
            return None
        return route(self, request) if request.method == "GET" else problem_response(READ_ONLY)

    def _healthz(self, _: HttpRequest) -> HttpResponse:
        return status_response(200, "ok")

    def _readyz(self, _: HttpRequest) -> HttpResponse:
        if self._draining.is_set():
            return status_response(503, "draining")
        problem = self._deps.health.upstream_problem(self._deps.merge_workers(self.snapshot()).outcomes)
        return status_response(503, "upstream", problem) if problem else status_response(200, "ready")

    def _metrics(self, request: HttpRequest) -> HttpResponse:
        merged = self._deps.merge_workers(self.snapshot())
        if wants_openmetrics(request.header("accept") or ""):
            return metrics_response(render_openmetrics(merged), OPENMETRICS_TYPE)
        return metrics_response(render_prometheus(merged), CONTENT_TYPE)

    def snapshot(self) -> MetricsSnapshot:
        """Return this process's metrics as they are now."""
        self._deps.observer.update_gauges()
        self._deps.metrics.set("connections", self._gate.total)
        self._deps.metrics.set("prewarmed", self._deps.count_prewarmed())
        self._deps.metrics.set("workers", 1)
        self._deps.metrics.set("log_lines_dropped_total", self._deps.log.dropped)
        self._deps.metrics.set("tasks", trio.lowlevel.current_statistics().tasks_living)
        snapshot = self._deps.metrics.snapshot()
        snapshot.outcomes = self._deps.health.outcomes
        return snapshot

    def _openapi(self, _: HttpRequest) -> HttpResponse:
        return openapi_response()

    _routes: Final = {HEALTH_PATH: _healthz, READY_PATH: _readyz, METRICS_PATH: _metrics, OPENAPI_PATH: _openapi}

    # WebSocket endpoints

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Accept or reject an upgrade, and serve the client's session to its end."""
        path = upgrade.request.path
        to_response = _response_format(path)
        if path not in _ENDPOINTS:
            await upgrade.reject(to_response(_not_found(path)))
            return
        admitted = self._admit(upgrade.request, upgrade.subprotocols)
        if isinstance(admitted, Rejection):
            await upgrade.reject(to_response(admitted))
            return
        try:
            await self._serve_client(upgrade, admitted, native=path == NATIVE_PATH)
        finally:
            self._forget(admitted)

    def _admit(self, request: HttpRequest, subprotocols: tuple[str, ...] = ()) -> Admitted | Rejection:
        """Count a new client, and return where; or why it is rejected."""
        address = counted_as(self._deps.admission.client_address(request))
        self._deps.active_sessions.add(address)  # before the check: see `session_counts.py`
        found = self._deps.admission.admit(request, subprotocols)
        if isinstance(found, str) and found and not self._deps.identities.enter(found):
            found = TOO_MANY_OF_ONE
        if isinstance(found, str):
            return Admitted(address, found)
        self._deps.active_sessions.remove(address)
        self._record_rejection(found, request)
        return found

    def _forget(self, client: Admitted) -> None:
        self._deps.active_sessions.remove(client.address)
        if client.subject:
            self._deps.identities.leave(client.subject)
        self._check_empty()

    async def _serve_client(self, upgrade: WebSocketUpgrade, admitted: Admitted, *, native: bool) -> None:
        rules = self._deps.rules
        subprotocol = choose_subprotocol(upgrade.subprotocols, native=native)
        accepted = await upgrade.accept(subprotocol, max_size=rules.max_message_bytes, defer_close=True)
        unsent = self._deps.driver.client_queue_bytes
        link = PushLink(accepted, max_unsent_bytes=unsent, make_carrier=carrier_for)
        client = self._make_client(link, upgrade.request, native=native)
        endpoint = "native" if native else "client"
        self._deps.metrics.increment("clients_total", 1, endpoint)
        fields = {"clientId": client.client_id, "peer": client.peer, "endpoint": endpoint, **admitted.log_fields}
        self._deps.observer.client_event("client.connected", "A client connected", **fields)
        try:
            for frame in client.initial_frames():
                client.send(frame)
            with self.shedding.serving(client, admitted.address):
                await self._run(client, admitted)
        except Exception as error:  # noqa: BLE001 - a bug in one session must end only that session
            self._deps.observer.internal_error(client.client_id, error)
            await link.close(_INTERNAL_ERROR, "internal error")
        finally:
            ended = {"closeCode": link.close_code, "closeReason": link.close_reason}
            self._deps.observer.client_event("client.disconnected", "A client disconnected", **fields, **ended)

    async def _serve_fallback(self, client: FallbackClient) -> None:
        with self.shedding.serving(client, client.admitted.address):
            await self._run(client, client.admitted)

    async def _run(self, client: ClientConnection, admitted: Admitted) -> None:
        deps, limits = self._deps, self._deps.dial_limits
        dialler = None if is_loopback(admitted.address) else admitted.address
        await run_session(
            client,
            deps.connector if limits is None else limits.connector(deps.connector, dialler),
            settings=deps.driver,
            observer=deps.observer,
            rng=random.random,
            drain=self._draining,
            identity=deps.identities.account(admitted.subject) if admitted.subject else None,
        )

    def _make_client(self, link: PushLink, request: HttpRequest, *, native: bool) -> JsonClient | NativeClient:
        rules, client_id = self._deps.rules, str(uuid.uuid4())
        if native:
            return NativeClient(
                link,
                client_id=client_id,
                max_bytes=rules.max_message_bytes,
                limits=rules.rates,
                session_options=session_options_from_query(request.query, rules.locked),
                locked=rules.locked,
            )
        return JsonClient(
            link,
            client_id=client_id,
            max_bytes=rules.max_message_bytes,
            limits=rules.rates,
            locked=rules.locked,
            clock=self._deps.clock,
        )

    def _record_rejection(self, rejection: Rejection, request: HttpRequest) -> None:
        if rejection.shed is not None:
            self._deps.metrics.increment("shed_clients_total", 1, rejection.shed)
        self._deps.observer.client_refused(
            rejection.code,
            rejection.message,
            peer=request.peer,
            path=request.path,
            origin=request.header("origin"),
        )


def choose_subprotocol(offered: tuple[str, ...], *, native: bool) -> str | None:
    """Return the subprotocol to accept: one that was offered, as browsers require, but never one with a credential."""
    if GA_SUBPROTOCOL in offered or native:
        return GA_SUBPROTOCOL if GA_SUBPROTOCOL in offered else None
    acceptable = (one for one in offered if _TOKEN.fullmatch(one) and not one.startswith(KEY_SUBPROTOCOL_PREFIX))
    return next(acceptable, None)


def _response_format(path: str) -> Callable[[Rejection], HttpResponse]:
    """Return how a rejection is written at this path: SDKs read the API's error objects."""
    return native_error_response if path.startswith(_API_PREFIX) else problem_response


def _not_found(path: str) -> Rejection:
    if path == "/":
        return Rejection(404, "NOT_FOUND", "This bridge's page is switched off. See /healthz, /readyz and /metrics.")
    if path.startswith(_API_PREFIX):
        return Rejection(404, "NOT_FOUND", f"This bridge serves only the WebSocket endpoint {NATIVE_PATH} of the API.")
    return Rejection(404, "NOT_FOUND", f"Unknown path. Clients connect to {CLIENT_PATH} or {NATIVE_PATH}.")
