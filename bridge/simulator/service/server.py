"""The simulated service: one port for REST and sockets. Routes, credentials, scenarios; the session is `script.py`."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import trio

from bridge.protocol.dialects.detection import GA_SUBPROTOCOL, Dialect, Kind
from bridge.simulator.errors.http_errors import in_azure_words
from bridge.simulator.errors.service_errors import ENDINGS, REST_STATUS
from bridge.simulator.faults.base import BadHandshake, Fault, HttpAnswer, Place, Visit, behaviour_under
from bridge.simulator.faults.pipeline import Wire
from bridge.simulator.faults.scenarios import SCENARIOS, Scenario, scenario_for_key
from bridge.simulator.service.admission import SOCKET_PATHS, Wish, admit, credential_of, key_is_good, wish_of
from bridge.simulator.service.connection import AudioCounter, Connection
from bridge.simulator.service.control import Control
from bridge.simulator.service.journal import Arrivals, SessionRecord
from bridge.simulator.service.rest import Call, Rest
from bridge.simulator.service.secrets import MemorySecrets, Minted, SecretStore
from bridge.simulator.session.behaviour import AZURE_SESSION_SECONDS, SESSION_SECONDS, Behaviour, Ending
from bridge.simulator.session.session import Opening, Script
from bridge.simulator.settings import Settings
from bridge.transport.http_server import Upgrade, serve_stream, serve_tcp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bridge.transport.http import Request, Response

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
_MAX_MESSAGE = 24 * 2**20


class Simulator:
    """A simulated service. `http` and `websocket` are a door's handlers; `serve` opens a port of its own."""

    def __init__(self, settings: Settings | None = None, secrets: SecretStore | None = None) -> None:
        self.settings = settings or Settings()
        self.arrivals = Arrivals()
        self.live: dict[str, Connection] = {}
        """Running sessions by their id."""
        self.assigned: dict[str, tuple[Scenario, tuple[Fault, ...]]] = {}
        """What the control API or a test chose for a key; `""` is every key without a choice of its own. Bounded."""
        self._secrets: SecretStore = secrets or MemorySecrets()
        self._rest = Rest(self._secrets, self.settings.unix_time, self.settings.seed)
        self._attempts: Counter[tuple[str, Place]] = Counter()
        self._opened = 0
        self._control = Control(self) if self.settings.control else None

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one client on a stream that is open already, a memory stream for one."""
        await serve_stream(stream, http=self.http, websocket=self.websocket)

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
        self.assigned[key] = (SCENARIOS[scenario], tuple(faults))
        if len(self.assigned) > _MAX_KEYS:
            del self.assigned[next(known for known in self.assigned if known)]

    def choose_no_more(self, key: str = "") -> None:
        """Take a choice back: from the next visit on this key gets what the settings say."""
        self.assigned.pop(key, None)

    def forget(self) -> None:
        """Forget what arrived, what was chosen and how often each key came."""
        self.arrivals.clear()
        self.assigned.clear()
        self._attempts.clear()

    # Who comes, and what awaits them

    def _play(self, key: str) -> tuple[Scenario, tuple[Fault, ...]] | None:
        """Give scenario and faults of a key; None for one that asks for a scenario that does not exist."""
        if key in self.assigned:
            scenario, faults = self.assigned[key]
        else:
            base, faults = self.assigned.get("", (SCENARIOS[self.settings.scenario], ()))
            asked = scenario_for_key(key, base.name)
            if asked is None:
                return None
            scenario = asked
        return scenario, (*scenario.faults, *faults, *self.settings.faults)

    def _attempt(self, key: str, place: Place) -> int:
        self._attempts[key, place] += 1
        if len(self._attempts) > _MAX_KEYS:
            del self._attempts[next(iter(self._attempts))]
        return self._attempts[key, place]

    # REST

    async def http(self, request: Request) -> Response:
        """Answer one REST request."""
        path = request.path.rstrip("/")
        if path.startswith("/_sim/") and self._control is not None:
            return self._control.answer(request)
        method = request.method if request.method in _METHODS else "(other)"
        self.arrivals.requests[f"{method} {path if path in _COUNTED else '(other)'}"] += 1
        azure = path.startswith("/openai/")
        key = credential_of(request, azure=azure)
        if key is None:
            return self._rest.error(401, ENDINGS["no_credential"])
        play = self._play(key) if key_is_good(key, azure=azure) else None
        if play is None:
            return self._rest.error(401, _no_such_key(key))
        place = _place(path.removeprefix("/openai"))
        visit = Visit(place=place, attempt=self._attempt(key, place), azure=azure)
        refused = next((answer for fault in play[1] if (answer := fault.admit(visit))), None)
        if isinstance(refused, HttpAnswer):
            return self._rest.refusal(refused)
        return self._rest.answer(Call(request, key, realtime_models=play[0].realtime_models))

    # The socket

    async def websocket(self, upgrade: Upgrade) -> None:
        """Serve one upgrade: refuse it as Azure does, or accept it and refuse behind the 101, or play the session."""
        request = upgrade.request
        wish = wish_of(request, upgrade.subprotocols)
        self.arrivals.dialed(self.settings.unix_time())
        self.arrivals.requests[f"GET {request.path.rstrip('/') if wish else '(other)'} websocket"] += 1
        if wish is None:
            message = f"Invalid URL (GET {request.path[:200]})"
            ending = Ending(type="invalid_request_error", code=None, message=message)
            await upgrade.refuse(self._rest.error(404, ending))
            return
        minted = self._secrets.find(wish.credential or "", self.settings.unix_time())
        key = minted.key if minted else wish.credential or ""
        play = self._play(key)
        scenario, faults = play or (SCENARIOS["good"], ())
        attempt = self._attempt(key, Place.SOCKET)
        visit = Visit(place=Place.SOCKET, attempt=attempt, azure=wish.azure)
        answer = next((answer for fault in faults if (answer := fault.admit(visit))), None)
        opening = _no_such_key(key) if play is None else self._admit(wish, scenario, minted)
        match answer, opening:
            case HttpAnswer(), _:
                await upgrade.refuse(self._rest.refusal(answer))
            case BadHandshake(), _:
                await _spoil(upgrade, answer)
            case None, Ending() if wish.azure:
                await upgrade.refuse(self._azure_refusal(wish, opening))
            case None, _:
                behaviour = behaviour_under(faults, self._behaviour(wish), attempt)
                await self._session(upgrade, opening, behaviour, faults, key=key, scenario=scenario.name)
            case _:
                assert_never(answer)

    def _admit(self, wish: Wish, scenario: Scenario, minted: Minted | None) -> Opening | Ending:
        mode = scenario.dialect or self.settings.dialect
        return admit(wish, mode, minted, self.settings.unix_time())

    def _azure_refusal(self, wish: Wish, ending: Ending) -> Response:
        """Azure says over HTTP, and in other words, what OpenAI says behind the 101 (reports)."""
        status = REST_STATUS.get(ending.code or "no_credential", 400)
        spoken = in_azure_words(status, ending)
        if wish.query.get("api-version") and wish.where == "azure":
            spoken = replace(spoken, message="Access denied: this address takes no api-version.")
        return self._rest.error(status, spoken)

    def _behaviour(self, wish: Wish) -> Behaviour:
        seconds = AZURE_SESSION_SECONDS if wish.azure else SESSION_SECONDS
        return Behaviour(
            pace=self.settings.pace,
            session_seconds=seconds / self.settings.time_scale,
            session_minutes=round(seconds / 60),
        )

    async def _session(
        self,
        upgrade: Upgrade,
        opening: Opening | Ending,
        behaviour: Behaviour,
        faults: Sequence[Fault],
        *,
        key: str,
        scenario: str,
    ) -> None:
        if isinstance(opening, Ending):
            # The credential is judged first, also where a scenario is what makes it bad.
            if behaviour.ending not in _CREDENTIAL_ENDINGS:
                behaviour = replace(behaviour, ending=opening)
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
        counter = AudioCounter(record, self.arrivals.tracer(key))
        script = Script(opening, behaviour=behaviour, seed=seed, now=trio.current_time(), on_audio=counter)
        record.session_id = script.session_id
        self.arrivals.open(record)
        connection = Connection(script, Wire(faults, seed), record, self.settings.ping_seconds)
        subprotocol = GA_SUBPROTOCOL if GA_SUBPROTOCOL in upgrade.subprotocols else None
        link = await upgrade.accept(subprotocol, _proxy_headers(seed), max_size=_MAX_MESSAGE)
        self.live[script.session_id] = connection
        try:
            await connection.run(link)
        finally:
            del self.live[script.session_id]
            counter.finish()


#: The paths that are counted by name.
_COUNTED = frozenset({*SOCKET_PATHS, *_MINT_PATHS, "/v1/models", "/openai/v1/models"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Keys of which it is remembered what was chosen for them and how often they came; the oldest are forgotten.
_MAX_KEYS = 10_000
_CREDENTIAL_ENDINGS = (ENDINGS["invalid_api_key"], ENDINGS["no_credential"])
#: A session that is refused at once needs a kind to be refused in.
_REFUSED = Opening(dialect=Dialect.GA, kind=Kind.CONVERSATION, model="", unix_time=0)


def _place(path: str) -> Place:
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return Place.MODELS
    return Place.MINT if path in _MINT_PATHS else Place.ELSEWHERE


def _no_such_key(key: str) -> Ending:
    """Refuse a key; one that asks for an unknown scenario is told so."""
    if not key.startswith("sk-scenario-"):
        return ENDINGS["invalid_api_key"]
    known = ", ".join(SCENARIOS)
    return replace(
        ENDINGS["invalid_api_key"], message=f"This simulator has no scenario '{key[12:80]}'. It has: {known}."
    )


def _proxy_headers(seed: int) -> tuple[tuple[str, str], ...]:
    """What a recorded 101 carries; there is no request id on a WebSocket."""
    return (("server", "sherpa-sim"), ("x-openai-proxy-wasm", "v0.1"), ("cf-ray", f"{seed & (2**64 - 1):016x}-SIM"))


async def _spoil(upgrade: Upgrade, how: BadHandshake) -> None:
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
