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

from bridge.driver.client import FaceClosed
from bridge.driver.driver import run_session
from bridge.protocol.dialects.detection import GA_SUBPROTOCOL, KEY_SUBPROTOCOL_PREFIX
from bridge.server.admission.policy import No, host_of
from bridge.server.clients.frame_reader import Reader
from bridge.server.clients.json_client import SherpaFace, utc_now
from bridge.server.clients.native_client import NativeFace, wish_from_query
from bridge.server.http.responses import metrics_page, native_problem, problem, state_page
from bridge.telemetry.metrics import CONTENT_TYPE, render
from bridge.transport.http_server import Upgrade, serve_stream
from bridge.transport.sockets import close_hard, peer_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from bridge.driver.settings import DriverSettings
    from bridge.server.admission.policy import Admission
    from bridge.server.admission.session_counts import Present
    from bridge.server.config.settings import ClientRules
    from bridge.server.http.health import Health
    from bridge.telemetry.log import Log
    from bridge.telemetry.metrics import Metrics, Snapshot
    from bridge.telemetry.observer import Observer
    from bridge.transport.http import Request, Response
    from bridge.transport.websocket import WebSocketLink
    from bridge.upstream.connector import Connector

SHERPA_PATH: Final = "/api/openai/realtime"
NATIVE_PATH: Final = "/v1/realtime"
FALLBACK_PATH: Final = f"{SHERPA_PATH}/sessions"

_DOORS: Final = (SHERPA_PATH, NATIVE_PATH)
_API: Final = "/v1/"
_SOCKET_ONLY: Final = No(
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
class Parts:
    """What a bridge is made of."""

    rules: ClientRules
    connector: Connector
    driver: DriverSettings
    admission: Admission
    present: Present
    health: Health
    observer: Observer
    metrics: Metrics
    log: Log
    all_workers: Callable[[Snapshot], Snapshot] = lambda own: own
    """Adds what other workers counted, and what their attempts came to."""
    kept_ready: Callable[[], int] = lambda: 0
    """Counts the upstream sessions that wait for a client."""
    clock: Callable[[], datetime] = utc_now
    """The time of day on every message."""
    others: Callable[[Request], Awaitable[Response | None]] | None = None
    """Asked about every path that is not served here: the REST fallback, the page. None: it does not know either."""


class Bridge:
    """Serves every connection that it is given."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._connections: Counter[str] = Counter()
        self._draining = trio.Event()
        self._empty = trio.Event()

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end. Raises nothing but Cancelled."""
        host = host_of(peer_name(stream))
        waiting = self._connections[host] - self._parts.present.from_address(host)
        most = self._parts.rules.max_sessions + _SPARE_CONNECTIONS
        if waiting >= _WAITING_PER_ADDRESS or self._connections.total() >= most:
            await close_hard(stream)
            return
        self._connections[host] += 1
        try:
            await serve_stream(stream, http=self.http, websocket=self.websocket, on_error=self._on_error)
        finally:
            self._connections -= Counter([host])

    def _on_error(self, error: Exception) -> None:
        self._parts.observer.trouble("", error)

    # Going down

    def drain(self) -> None:
        """Let nobody new in, and give the running sessions their time."""
        self._parts.admission.draining = True
        self._draining.set()
        self._parts.log.write("info", "bridge.draining", "Draining: no new sessions", sessions=self._parts.present.here)
        self._note_empty()

    async def wait_empty(self) -> None:
        """Wait until the last session of a draining bridge is gone."""
        await self._empty.wait()

    def _note_empty(self) -> None:
        if self._draining.is_set() and not self._parts.present.here:
            self._empty.set()

    # Plain HTTP

    async def http(self, request: Request) -> Response:
        """Answer one request."""
        if self._parts.others is not None and (answer := await self._parts.others(request)) is not None:
            return answer
        if request.path in _DOORS:
            return _refusal_at(request.path)(_SOCKET_ONLY)
        page = self._pages.get(request.path)
        if page is None:
            return _refusal_at(request.path)(_not_found(request.path))
        if request.method != "GET":
            return problem(No(405, "METHOD_NOT_ALLOWED", "This page can only be read."))
        return page(self)

    def _healthz(self) -> Response:
        return state_page(200, "ok")

    def _readyz(self) -> Response:
        if self._draining.is_set():
            return state_page(503, "draining")
        trouble = self._parts.health.trouble(self._parts.all_workers(self.look()).outcomes)
        return state_page(503, "upstream", trouble) if trouble else state_page(200, "ready")

    def _metrics(self) -> Response:
        return metrics_page(render(self._parts.all_workers(self.look())), CONTENT_TYPE)

    def look(self) -> Snapshot:
        """Give this process's figures as they are now."""
        self._parts.observer.look()
        self._parts.metrics.set("connections", self._connections.total())
        self._parts.metrics.set("prewarmed", self._parts.kept_ready())
        self._parts.metrics.set("workers", 1)
        self._parts.metrics.set("tasks", trio.lowlevel.current_statistics().tasks_living)
        snapshot = self._parts.metrics.snapshot()
        snapshot.outcomes = self._parts.health.outcomes
        return snapshot

    _pages: Final = {"/healthz": _healthz, "/readyz": _readyz, "/metrics": _metrics}

    # The doors

    async def websocket(self, upgrade: Upgrade) -> None:
        """Let a client in or refuse it, and serve its session to the end."""
        path = upgrade.request.path
        refuse = _refusal_at(path)
        if path not in _DOORS:
            await upgrade.refuse(refuse(_not_found(path)))
            return
        no = self._parts.admission.refusal(upgrade.request, upgrade.subprotocols)
        if no is not None:
            self._note_refusal(no, upgrade.request)
            await upgrade.refuse(refuse(no))
            return
        address = self._parts.admission.address_of(upgrade.request)
        self._parts.present.enter(address)  # no checkpoint since it was let in: the limit is exact
        try:
            await self._session(upgrade, native=path == NATIVE_PATH)
        finally:
            self._parts.present.leave(address)
            self._note_empty()

    async def _session(self, upgrade: Upgrade, *, native: bool) -> None:
        rules = self._parts.rules
        chosen = choose_subprotocol(upgrade.subprotocols, native=native)
        link = await upgrade.accept(chosen, max_size=rules.max_message_bytes, patient=True)
        face = self._face(link, upgrade.request, native=native)
        door = "native" if native else "sherpa"
        self._parts.metrics.count("clients_total", 1, door)
        fields = {"clientId": face.client_id, "peer": face.peer, "door": door}
        self._parts.log.write("info", "client.connected", "A client connected", **fields)
        try:
            with trio.fail_after(_GREETING_SECONDS):
                for frame in face.greeting():
                    await face.send(frame)
            await self._run(face)
        except (FaceClosed, trio.TooSlowError):
            return
        except Exception as error:  # noqa: BLE001 - whatever it was: it is this client's alone, and is told to both ends
            self._parts.observer.trouble(face.client_id, error)
            await link.close(_INTERNAL_ERROR, "internal error")
        finally:
            ended = {"closeCode": link.close_code, "closeReason": link.close_reason}
            self._parts.log.write("info", "client.disconnected", "A client's socket is over", **fields, **ended)

    async def _run(self, face: SherpaFace | NativeFace) -> None:
        parts = self._parts
        await run_session(
            face,
            parts.connector,
            settings=parts.driver,
            observe=parts.observer,
            chance=random.random,
            drain=self._draining,
        )

    def _face(self, link: WebSocketLink, request: Request, *, native: bool) -> SherpaFace | NativeFace:
        rules = self._parts.rules
        reader = Reader(link, max_bytes=rules.max_message_bytes, limits=rules.rates)
        client_id = str(uuid.uuid4())
        if native:
            wish = wish_from_query(request.query, rules.locked)
            return NativeFace(link, reader, client_id=client_id, wish=wish, locked=rules.locked)
        return SherpaFace(link, reader, client_id=client_id, locked=rules.locked, clock=self._parts.clock)

    def _note_refusal(self, no: No, request: Request) -> None:
        self._parts.metrics.count("refused_total", 1, no.code)
        fields = {"code": no.code, "peer": request.peer, "path": request.path, "origin": request.header("origin")}
        self._parts.log.write("warning", "client.refused", no.message, **fields)


def choose_subprotocol(offered: tuple[str, ...], *, native: bool) -> str | None:
    """Choose what to speak: browsers want one of those they offered, but never one that carries a credential."""
    if GA_SUBPROTOCOL in offered or native:
        return GA_SUBPROTOCOL if GA_SUBPROTOCOL in offered else None
    speakable = (one for one in offered if _TOKEN.fullmatch(one) and not one.startswith(KEY_SUBPROTOCOL_PREFIX))
    return next(speakable, None)


def _refusal_at(path: str) -> Callable[[No], Response]:
    """Say no in the words of whoever asks there: SDKs read error objects."""
    return native_problem if path.startswith(_API) else problem


def _not_found(path: str) -> No:
    if path.startswith(FALLBACK_PATH):
        return No(404, "NOT_FOUND", "This bridge does not serve the REST fallback: connect by WebSocket.")
    if path == "/":
        return No(404, "NOT_FOUND", "This bridge serves no page; /healthz, /readyz and /metrics tell how it is.")
    if path.startswith(_API):
        return No(404, "NOT_FOUND", f"Of the API only the WebSocket at {NATIVE_PATH} is served here.")
    return No(404, "NOT_FOUND", f"There is nothing here; clients connect to {SHERPA_PATH} or {NATIVE_PATH}.")
