"""The REST fallback of one process: its requests, its sessions, and those that other workers hand over.

It is put together here, of what the bridge gives it. What requests mean is in `routes.py`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from bridge.server.admission.policy import Admitted, Rejection
from bridge.server.fallback.client import FallbackClient
from bridge.server.fallback.routes import FallbackRoutes, no_other_process
from bridge.server.fallback.sessions import FallbackSessions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bridge.server.admission.policy import AdmissionPolicy
    from bridge.server.config.settings import ClientRules
    from bridge.server.fallback.other_workers import OtherWorkers
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics
    from bridge.telemetry.observer import TelemetryObserver
    from bridge.transport.http import HttpAnswer, HttpRequest, HttpResponse
    from bridge.transport.http_server import HttpHandler

#: How long a session that is over keeps its place, for the client to fetch why.
_FETCH_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class FallbackTelemetry:
    """Where sessions are logged and counted."""

    observer: TelemetryObserver
    metrics: Metrics
    log: Log


class Fallback:
    """The REST fallback of one process."""

    def __init__(
        self,
        process_name: str,
        others: OtherWorkers | None,
        *,
        admit: Callable[[HttpRequest], Admitted | Rejection],
        forget: Callable[[Admitted], None],
        serve: Callable[[FallbackClient], Awaitable[None]],
        rules: Callable[[], ClientRules],
        telemetry: FallbackTelemetry,
        admission: AdmissionPolicy,
        clock: Callable[[], datetime],
    ) -> None:
        """`admit` counts a client and returns where, `forget` ends that; `serve` runs the session of a client."""
        self._others, self._admit, self._forget, self._serve = others, admit, forget, serve
        self._rules, self._telemetry, self._clock = rules, telemetry, clock
        self._sessions = FallbackSessions(process_name, self._serve_session)
        self._routes = FallbackRoutes(
            sessions=self._sessions,
            admit=self._admit_client,
            check_origin=admission.check_origin,
            locked=lambda: rules().locked,
            hand_over=no_other_process if others is None else others.hand_over,
        )

    async def run(self, http: HttpHandler, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run sessions until cancelled. `http` answers what other workers hand over."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._sessions.run)
            if self._others is not None:
                await nursery.start(self._others.serve, http)
            task_status.started()

    async def respond(self, request: HttpRequest) -> HttpAnswer | None:
        """Return the answer to a request; None if its path is not the fallback's."""
        return await self._routes.respond(request)

    def reject_body(self, request: HttpRequest, status: int, text: str) -> HttpResponse:
        """Return the answer to a request whose body is too large (413) or came too slowly (408)."""
        return self._routes.reject_body(request, status, text)

    def _admit_client(self, request: HttpRequest) -> FallbackClient | Rejection:
        admitted = self._admit(request)
        if isinstance(admitted, Rejection):
            return admitted
        return FallbackClient(
            client_id=str(uuid.uuid4()),
            peer=request.peer,
            admitted=admitted,
            limits=self._rules().rates,
            locked=self._rules().locked,
            clock=self._clock,
        )

    async def _serve_session(self, client: FallbackClient) -> None:
        """Serve one session to its end. Raises only Cancelled."""
        telemetry, who = self._telemetry, client.admitted.log_fields
        fields = {"clientId": client.client_id, "peer": client.peer, "endpoint": "fallback", **who}
        telemetry.metrics.increment("clients_total", 1, "fallback")
        telemetry.observer.client_event("client.connected", "A client connected", **fields)
        try:
            await self._serve(client)
        except Exception as error:  # noqa: BLE001 - a bug in one session must end only that session
            telemetry.observer.internal_error(client.client_id, error)
        finally:
            client.end()
            with trio.move_on_after(_FETCH_SECONDS):
                await client.fetched.wait()
            self._forget(client.admitted)
            telemetry.observer.client_event("client.disconnected", "A client disconnected", **fields)
