"""The simulated service: REST and WebSockets on one port.

It routes requests, looks up the scenario of each API key, and applies the scenario's faults. What happens within a
session is decided in `bridge.simulator.session`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import trio

from bridge.protocol.dialects.detection import GA_SUBPROTOCOL, Dialect, SessionKind
from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.simulator.errors.http_errors import azure_error
from bridge.simulator.errors.service_errors import REST_STATUS, SERVICE_ERRORS, ServiceError
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, ClientAttempt, HttpRefusal, apply_faults
from bridge.simulator.faults.pipeline import FaultPipeline
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.service.admission import (
    SOCKET_ROUTES,
    UpgradeRequest,
    admit,
    find_credential,
    is_valid_key,
    parse_upgrade,
)
from bridge.simulator.service.connection import AudioCounter, Connection
from bridge.simulator.service.control import ControlApi
from bridge.simulator.service.journal import SessionRecord
from bridge.simulator.service.rest import RestApi, RestCall
from bridge.simulator.service.secrets import MemorySecretStore, SecretRecord, SecretStore
from bridge.simulator.service.state import ScenarioChoice, SimulatorState
from bridge.simulator.session.behaviour import AZURE_SESSION_SECONDS, SESSION_SECONDS, SessionBehaviour
from bridge.simulator.session.recorded import RecordedSession
from bridge.simulator.session.session import SessionSetup, SimulatedSession
from bridge.transport.http_server import WebSocketUpgrade, serve_connection, serve_tcp

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from bridge.simulator.faults.scenarios import SimulatorScenario
    from bridge.simulator.settings import Settings
    from bridge.transport.http import HttpRequest, HttpResponse

_MINT_PATHS = frozenset(
    {
        "/v1/realtime/client_secrets",
        "/v1/realtime/translations/client_secrets",
        "/v1/realtime/sessions",
        "/v1/realtime/transcription_sessions",
        "/realtimeapi/sessions",
        "/v1/realtime/calls",
    }
)
#: The paths that the journal counts by name; all others count as `(other)`.
_COUNTED_PATHS = frozenset({*SOCKET_ROUTES, *_MINT_PATHS, "/v1/models", "/openai/v1/models"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CREDENTIAL_ERRORS = (SERVICE_ERRORS["invalid_api_key"], SERVICE_ERRORS["no_credential"])
#: The session in which a refusal is sent: the service refuses a WebSocket after it has accepted the upgrade.
_REFUSED_SESSION = SessionSetup(dialect=Dialect.GA, kind=SessionKind.CONVERSATION, model="", unix_time=0)


class Simulator(SimulatorState):
    """A simulated service. Serve it on a port (`serve`) or on one connection (`serve_stream`).

    `http` and `websocket` are handlers for `bridge.transport.http_server`.
    """

    def __init__(self, settings: Settings | None = None, secrets: SecretStore | None = None) -> None:
        """`secrets` keeps the client secrets; by default they are kept in memory."""
        super().__init__(settings)
        self._secrets: SecretStore = secrets or MemorySecretStore()
        self._rest = RestApi(self._secrets, self.settings.unix_time, self.settings.seed)
        self._session_count = 0
        self._control = ControlApi(self) if self.settings.control else None

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one client on an open stream, such as a memory stream, until either side closes it."""
        await serve_connection(stream, http=self.http, websocket=self.websocket)

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        ssl_context: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen until cancelled, with TLS if there is a context. `task_status.started` gets the bound host and port.

        Raises OSError if it cannot listen there.
        """
        await serve_tcp(
            http=self.http,
            websocket=self.websocket,
            host=host,
            port=port,
            ssl_context=ssl_context,
            task_status=task_status,
        )

    # REST

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer one REST request: count it, check its key, then let its scenario refuse it or the API answer."""
        path = request.path.rstrip("/")
        if path.startswith("/_sim/") and self._control is not None:
            return self._control.handle(request)
        method = request.method if request.method in _METHODS else "(other)"
        self.journal.requests[f"{method} {path if path in _COUNTED_PATHS else '(other)'}"] += 1
        azure = path.startswith("/openai/")
        key = find_credential(request, azure=azure)
        if key is None:
            return self._rest.error(401, SERVICE_ERRORS["no_credential"])
        choice = self.choice_for(key) if is_valid_key(key, azure=azure) else None
        if choice is None:
            return self._rest.error(401, _invalid_key(key))
        endpoint = _rest_endpoint(path.removeprefix("/openai"))
        attempt = ClientAttempt(endpoint=endpoint, number=self.count_attempt(key, endpoint), is_azure=azure)
        refusal = _first_refusal(choice, attempt)
        if isinstance(refusal, HttpRefusal):
            return self._rest.refusal(refusal)
        return self._rest.handle(RestCall(request, key, realtime_models=choice.scenario.realtime_models))

    # WebSockets

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Serve one upgrade: refuse it over HTTP, break the handshake, or accept it and run the session.

        Like OpenAI, it accepts the upgrade of a session that it refuses, and sends the error after the 101. Like Azure,
        it refuses over HTTP at Azure URLs.
        """
        request = upgrade.request
        requested = parse_upgrade(request, upgrade.subprotocols)
        self.journal.record_dial(self.settings.unix_time())
        self.journal.requests[f"GET {request.path.rstrip('/') if requested else '(other)'} websocket"] += 1
        if requested is None:
            message = f"Invalid URL (GET {request.path[:200]})"
            error = ServiceError(type="invalid_request_error", code=None, message=message)
            await upgrade.reject(self._rest.error(404, error))
            return
        secret = self._secrets.find(requested.credential or "", self.settings.unix_time())
        key = secret.key if secret else requested.credential or ""
        choice = self.choice_for(key)
        setup = self._admit(requested, choice.scenario, secret) if choice else _invalid_key(key)
        if self.settings.recording is not None and setup not in _CREDENTIAL_ERRORS and isinstance(setup, ServiceError):
            setup = _REFUSED_SESSION  # a recording is played whatever was asked for: its refusals are its own
        key_is_valid = setup not in _CREDENTIAL_ERRORS
        choice = choice or ScenarioChoice(SCENARIOS["good"])
        number = self.count_attempt(key, ApiEndpoint.SOCKET)
        attempt = ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=number, is_azure=requested.is_azure)
        refusal = _first_refusal(choice, attempt)
        match refusal, setup:
            case HttpRefusal(), _:
                await upgrade.reject(self._rest.refusal(refusal))
            case BadHandshake(), _:
                await _break_handshake(upgrade, refusal)
            case None, ServiceError() if requested.is_azure:
                await upgrade.reject(self._azure_refusal(requested, setup))
            case None, _ if requested.joins_call and key_is_valid:
                await upgrade.reject(self._rest.unknown_call())
            case None, _:
                behaviour = apply_faults(choice.faults, self._behaviour(requested), number)
                await self._run_session(upgrade, setup, behaviour, choice, key=key)
            case _:
                assert_never(refusal)

    def make_connection(
        self, session: SimulatedSession | RecordedSession, pipeline: FaultPipeline, record: SessionRecord
    ) -> Connection:
        """Make the connection that runs a session. A test bench overrides this, to see every frame."""
        return Connection(session, pipeline, record, self.settings.ping_seconds)

    def _admit(
        self, requested: UpgradeRequest, scenario: SimulatorScenario, secret: SecretRecord | None
    ) -> SessionSetup | ServiceError:
        mode = scenario.dialect or self.settings.dialect
        return admit(requested, mode, secret, self.settings.unix_time())

    def _azure_refusal(self, requested: UpgradeRequest, error: ServiceError) -> HttpResponse:
        """Azure sends over HTTP, and words differently, what OpenAI sends after the 101 (user reports)."""
        status = REST_STATUS.get(error.code or "no_credential", 400)
        shown = azure_error(status, error)
        if requested.query.get("api-version") and requested.route == "azure":
            shown = replace(shown, message="Access denied: this address takes no api-version.")
        return self._rest.error(status, shown)

    def _behaviour(self, requested: UpgradeRequest) -> SessionBehaviour:
        seconds = AZURE_SESSION_SECONDS if requested.is_azure else SESSION_SECONDS
        return SessionBehaviour(
            pace=self.settings.pace,
            session_seconds=seconds / self.settings.time_scale,
            stated_minutes=round(seconds / 60),
        )

    async def _run_session(
        self,
        upgrade: WebSocketUpgrade,
        setup: SessionSetup | ServiceError,
        behaviour: SessionBehaviour,
        choice: ScenarioChoice,
        *,
        key: str,
    ) -> None:
        if isinstance(setup, ServiceError):
            # The service checks the credential first, so a scenario's own credential error wins over any other.
            if behaviour.refusal not in _CREDENTIAL_ERRORS:
                behaviour = replace(behaviour, refusal=setup)
            setup = _REFUSED_SESSION
        self._session_count += 1
        seed = hash((self.settings.seed, self._session_count))
        record = SessionRecord(
            session_id="",
            key=key,
            scenario=choice.scenario.name,
            dialect=setup.dialect,
            kind=setup.kind,
            model=setup.model,
            opened_at=self.settings.unix_time(),
        )
        counter = AudioCounter(record, self.journal.tracer_account(key))
        session = self._session(setup, behaviour, seed, counter)
        record.session_id = session.session_id
        self.journal.add_session(record)
        connection = self.make_connection(session, FaultPipeline(choice.faults, seed), record)
        subprotocol = GA_SUBPROTOCOL if GA_SUBPROTOCOL in upgrade.subprotocols else None
        link = await upgrade.accept(subprotocol, _proxy_headers(seed), max_size=MAX_MESSAGE_BYTES)
        self.connections[session.session_id] = connection
        try:
            await connection.run(link)
        finally:
            del self.connections[session.session_id]
            counter.finish()

    def _session(
        self, setup: SessionSetup, behaviour: SessionBehaviour, seed: int, counter: AudioCounter
    ) -> SimulatedSession | RecordedSession:
        if self.settings.recording is None:
            return SimulatedSession(setup, behaviour=behaviour, seed=seed, now=trio.current_time(), on_audio=counter)
        return RecordedSession(
            self.settings.recording,
            session_id=f"sess_recorded{self._session_count:08}",
            unix_time=self.settings.unix_time(),
            speed=self.settings.pace,
            now=trio.current_time(),
            on_audio=counter,
        )


def _rest_endpoint(path: str) -> ApiEndpoint:
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return ApiEndpoint.MODELS
    return ApiEndpoint.MINT if path in _MINT_PATHS else ApiEndpoint.OTHER_REST


def _first_refusal(choice: ScenarioChoice, attempt: ClientAttempt) -> HttpRefusal | BadHandshake | None:
    """Return the answer of the first fault that refuses the attempt."""
    return next((refusal for fault in choice.faults if (refusal := fault.refuse(attempt))), None)


def _invalid_key(key: str) -> ServiceError:
    """Refuse a key. If it names a scenario that does not exist, the message lists those that do."""
    if not key.startswith("sk-scenario-"):
        return SERVICE_ERRORS["invalid_api_key"]
    known = ", ".join(SCENARIOS)
    message = f"This simulator has no scenario '{key[12:80]}'. It has: {known}."
    return replace(SERVICE_ERRORS["invalid_api_key"], message=message)


def _proxy_headers(seed: int) -> tuple[tuple[str, str], ...]:
    """The headers of a recorded 101. A WebSocket gets no `x-request-id`."""
    return (("server", "sherpa-sim"), ("x-openai-proxy-wasm", "v0.1"), ("cf-ray", f"{seed & (2**64 - 1):016x}-SIM"))


async def _break_handshake(upgrade: WebSocketUpgrade, how: BadHandshake) -> None:
    """Send a broken answer to the upgrade, then wait until the client closes the connection."""
    stream = upgrade.stream
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    answers: Mapping[BadHandshake, bytes] = {
        BadHandshake.WRONG_ACCEPT: head + b"sec-websocket-accept: d3JvbmcgYWNjZXB0IGtleSE=\r\n\r\n",
        BadHandshake.NOT_HTTP: b"220 mail.example.com ESMTP\r\n",
        BadHandshake.NEVER: b"",
    }
    if how is BadHandshake.CLOSED:
        return
    with suppress(trio.BrokenResourceError):
        await stream.send_all(answers[how])
        while await stream.receive_some():
            pass
