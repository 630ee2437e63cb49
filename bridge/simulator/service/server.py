"""The simulated service: one port for REST and sockets. Routes, credentials, scenarios; the session is `script.py`."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import trio

from bridge.protocol.dialects.detection import GA_SUBPROTOCOL, Dialect, SessionKind
from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.simulator.errors.http_errors import azure_error
from bridge.simulator.errors.service_errors import REST_STATUS, SERVICE_ERRORS
from bridge.simulator.faults.base import ApiEndpoint, BadHandshake, ClientAttempt, Fault, HttpRefusal, apply_faults
from bridge.simulator.faults.pipeline import FaultPipeline
from bridge.simulator.faults.scenarios import SCENARIOS, SimulatorScenario, scenario_for_key
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
from bridge.simulator.service.journal import Journal, SessionRecord
from bridge.simulator.service.rest import RestApi, RestCall
from bridge.simulator.service.secrets import MemorySecretStore, SecretRecord, SecretStore
from bridge.simulator.session.behaviour import AZURE_SESSION_SECONDS, SESSION_SECONDS, ServiceError, SessionBehaviour
from bridge.simulator.session.session import SessionSetup, SimulatedSession
from bridge.simulator.settings import Settings
from bridge.transport.http_server import WebSocketUpgrade, serve_connection, serve_tcp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
#: A message may be this long: 15 MiB of audio in base64 and what stands around it.


class Simulator:
    """A simulated service. `http` and `websocket` are a door's handlers; `serve` opens a port of its own."""

    def __init__(self, settings: Settings | None = None, secrets: SecretStore | None = None) -> None:
        self.settings = settings or Settings()
        self.journal = Journal()
        self.connections: dict[str, Connection] = {}
        """Running sessions by their id."""
        self.choices: dict[str, tuple[SimulatorScenario, tuple[Fault, ...]]] = {}
        """What the control API or a test chose for a key; `""` is every key without a choice of its own. Bounded."""
        self._secrets: SecretStore = secrets or MemorySecretStore()
        self._rest = RestApi(self._secrets, self.settings.unix_time, self.settings.seed)
        self._attempts: Counter[tuple[str, ApiEndpoint]] = Counter()
        self._opened = 0
        self._control = ControlApi(self) if self.settings.control else None

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one client on a stream that is open already, a memory stream for one."""
        await serve_connection(stream, http=self.http, websocket=self.websocket)

    async def serve(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen until cancelled; `task_status.started` gets the bound host and port."""
        await serve_tcp(http=self.http, websocket=self.websocket, host=host, port=port, task_status=task_status)

    def choose(self, scenario: str = "good", faults: Sequence[Fault] = (), *, key: str = "") -> None:
        """Let this key, or every key without a choice of its own, get this from its next visit on."""
        self.choices[key] = (SCENARIOS[scenario], tuple(faults))
        if len(self.choices) > _MAX_KEYS:
            del self.choices[next(known for known in self.choices if known)]

    def clear_choice(self, key: str = "") -> None:
        """Take a choice back: from the next visit on this key gets what the settings say."""
        self.choices.pop(key, None)

    def reset(self) -> None:
        """Forget what arrived, what was chosen and how often each key came."""
        self.journal.clear()
        self.choices.clear()
        self._attempts.clear()

    # Who comes, and what awaits them

    def _choice_for(self, key: str) -> tuple[SimulatorScenario, tuple[Fault, ...]] | None:
        """Give scenario and faults of a key; None for one that asks for a scenario that does not exist."""
        if key in self.choices:
            scenario, faults = self.choices[key]
        else:
            base, faults = self.choices.get("", (SCENARIOS[self.settings.scenario], ()))
            asked = scenario_for_key(key, base.name)
            if asked is None:
                return None
            scenario = asked
        return scenario, (*scenario.faults, *faults, *self.settings.faults)

    def _count_attempt(self, key: str, place: ApiEndpoint) -> int:
        self._attempts[key, place] += 1
        if len(self._attempts) > _MAX_KEYS:
            del self._attempts[next(iter(self._attempts))]
        return self._attempts[key, place]

    # REST

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer one REST request."""
        path = request.path.rstrip("/")
        if path.startswith("/_sim/") and self._control is not None:
            return self._control.handle(request)
        method = request.method if request.method in _METHODS else "(other)"
        self.journal.requests[f"{method} {path if path in _COUNTED else '(other)'}"] += 1
        azure = path.startswith("/openai/")
        key = find_credential(request, azure=azure)
        if key is None:
            return self._rest.error(401, SERVICE_ERRORS["no_credential"])
        play = self._choice_for(key) if is_valid_key(key, azure=azure) else None
        if play is None:
            return self._rest.error(401, _no_such_key(key))
        place = _place(path.removeprefix("/openai"))
        visit = ClientAttempt(endpoint=place, number=self._count_attempt(key, place), is_azure=azure)
        refused = next((answer for fault in play[1] if (answer := fault.refuse(visit))), None)
        if isinstance(refused, HttpRefusal):
            return self._rest.refusal(refused)
        return self._rest.handle(RestCall(request, key, realtime_models=play[0].realtime_models))

    # The socket

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        """Serve one upgrade: refuse it as Azure does, or accept it and refuse behind the 101, or play the session."""
        request = upgrade.request
        wish = parse_upgrade(request, upgrade.subprotocols)
        self.journal.record_dial(self.settings.unix_time())
        self.journal.requests[f"GET {request.path.rstrip('/') if wish else '(other)'} websocket"] += 1
        if wish is None:
            message = f"Invalid URL (GET {request.path[:200]})"
            ending = ServiceError(type="invalid_request_error", code=None, message=message)
            await upgrade.reject(self._rest.error(404, ending))
            return
        minted = self._secrets.find(wish.credential or "", self.settings.unix_time())
        key = minted.key if minted else wish.credential or ""
        play = self._choice_for(key)
        scenario, faults = play or (SCENARIOS["good"], ())
        attempt = self._count_attempt(key, ApiEndpoint.SOCKET)
        visit = ClientAttempt(endpoint=ApiEndpoint.SOCKET, number=attempt, is_azure=wish.is_azure)
        answer = next((answer for fault in faults if (answer := fault.refuse(visit))), None)
        opening = _no_such_key(key) if play is None else self._admit(wish, scenario, minted)
        match answer, opening:
            case HttpRefusal(), _:
                await upgrade.reject(self._rest.refusal(answer))
            case BadHandshake(), _:
                await _spoil(upgrade, answer)
            case None, ServiceError() if wish.is_azure:
                await upgrade.reject(self._azure_refusal(wish, opening))
            case None, _:
                behaviour = apply_faults(faults, self._behaviour(wish), attempt)
                await self._session(upgrade, opening, behaviour, faults, key=key, scenario=scenario.name)
            case _:
                assert_never(answer)

    def _admit(
        self, wish: UpgradeRequest, scenario: SimulatorScenario, minted: SecretRecord | None
    ) -> SessionSetup | ServiceError:
        mode = scenario.dialect or self.settings.dialect
        return admit(wish, mode, minted, self.settings.unix_time())

    def _azure_refusal(self, wish: UpgradeRequest, ending: ServiceError) -> HttpResponse:
        """Azure says over HTTP, and in other words, what OpenAI says behind the 101 (reports)."""
        status = REST_STATUS.get(ending.code or "no_credential", 400)
        spoken = azure_error(status, ending)
        if wish.query.get("api-version") and wish.route == "azure":
            spoken = replace(spoken, message="Access denied: this address takes no api-version.")
        return self._rest.error(status, spoken)

    def _behaviour(self, wish: UpgradeRequest) -> SessionBehaviour:
        seconds = AZURE_SESSION_SECONDS if wish.is_azure else SESSION_SECONDS
        return SessionBehaviour(
            pace=self.settings.pace,
            session_seconds=seconds / self.settings.time_scale,
            stated_minutes=round(seconds / 60),
        )

    async def _session(
        self,
        upgrade: WebSocketUpgrade,
        opening: SessionSetup | ServiceError,
        behaviour: SessionBehaviour,
        faults: Sequence[Fault],
        *,
        key: str,
        scenario: str,
    ) -> None:
        if isinstance(opening, ServiceError):
            # The credential is judged first, also where a scenario is what makes it bad.
            if behaviour.refusal not in _CREDENTIAL_ENDINGS:
                behaviour = replace(behaviour, refusal=opening)
            opening = _REFUSED
        self._opened += 1
        seed = hash((self.settings.seed, self._opened))
        record = SessionRecord(
            session_id="",
            key=key,
            scenario=scenario,
            dialect=opening.dialect,
            kind=opening.kind,
            model=opening.model,
            opened_at=self.settings.unix_time(),
        )
        counter = AudioCounter(record, self.journal.tracer_account(key))
        script = SimulatedSession(opening, behaviour=behaviour, seed=seed, now=trio.current_time(), on_audio=counter)
        record.session_id = script.session_id
        self.journal.add_session(record)
        connection = Connection(script, FaultPipeline(faults, seed), record, self.settings.ping_seconds)
        subprotocol = GA_SUBPROTOCOL if GA_SUBPROTOCOL in upgrade.subprotocols else None
        link = await upgrade.accept(subprotocol, _proxy_headers(seed), max_size=MAX_MESSAGE_BYTES)
        self.connections[script.session_id] = connection
        try:
            await connection.run(link)
        finally:
            del self.connections[script.session_id]
            counter.finish()


#: The paths that are counted by name.
_COUNTED = frozenset({*SOCKET_ROUTES, *_MINT_PATHS, "/v1/models", "/openai/v1/models"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Keys of which it is remembered what was chosen for them and how often they came; the oldest are forgotten.
_MAX_KEYS = 10_000
_CREDENTIAL_ENDINGS = (SERVICE_ERRORS["invalid_api_key"], SERVICE_ERRORS["no_credential"])
#: A session that is refused at once needs a kind to be refused in.
_REFUSED = SessionSetup(dialect=Dialect.GA, kind=SessionKind.CONVERSATION, model="", unix_time=0)


def _place(path: str) -> ApiEndpoint:
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return ApiEndpoint.MODELS
    return ApiEndpoint.MINT if path in _MINT_PATHS else ApiEndpoint.OTHER_REST


def _no_such_key(key: str) -> ServiceError:
    """Refuse a key; one that asks for an unknown scenario is told so."""
    if not key.startswith("sk-scenario-"):
        return SERVICE_ERRORS["invalid_api_key"]
    known = ", ".join(SCENARIOS)
    return replace(
        SERVICE_ERRORS["invalid_api_key"], message=f"This simulator has no scenario '{key[12:80]}'. It has: {known}."
    )


def _proxy_headers(seed: int) -> tuple[tuple[str, str], ...]:
    """What a recorded 101 carries; there is no request id on a WebSocket."""
    return (("server", "sherpa-sim"), ("x-openai-proxy-wasm", "v0.1"), ("cf-ray", f"{seed & (2**64 - 1):016x}-SIM"))


async def _spoil(upgrade: WebSocketUpgrade, how: BadHandshake) -> None:
    """Answer the upgrade wrongly, and wait for the client to leave."""
    stream = upgrade.stream
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    wrong: Mapping[BadHandshake, bytes] = {
        BadHandshake.WRONG_ACCEPT: head + b"sec-websocket-accept: d3JvbmcgYWNjZXB0IGtleSE=\r\n\r\n",
        BadHandshake.NOT_HTTP: b"220 mail.example.com ESMTP\r\n",
        BadHandshake.NEVER: b"",
    }
    if how is BadHandshake.CLOSED:
        return
    with suppress(trio.BrokenResourceError):
        await stream.send_all(wrong[how])
        while await stream.receive_some():
            pass
