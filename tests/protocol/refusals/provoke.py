"""Provokes refusals: how to set up the simulator and what to do as its client, over real sockets on loopback.

A provocation is a value. `observe` carries it out and returns what came back, without interpreting it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

import httpx
import trio

from bridge.protocol.refusals.lookup import HttpExchange
from bridge.simulator.embedded import RunningSimulator, open_simulator
from bridge.simulator.faults.registry import parse_fault
from bridge.simulator.settings import Settings
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import dial
from bridge.upstream.dial.errors import DialFailed, DialPhase
from bridge.upstream.dial.tls import unused_tls_context

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

#: A test that waits longer than this for one answer on loopback has failed.
TIMEOUT_SECONDS = 8.0
MODEL = "gpt-realtime-2.1"
KEY = "sk-simulated-key"

Event: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Until:
    """Read on until an event of this type has come."""

    type: str


Step: TypeAlias = Event | str | bytes | Until | Callable[[Sequence[Event]], Event]
"""An event to send, a raw text or binary frame, a wait, or an event made of what has come so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How the simulator is set up. `faults` are in the syntax of `sherpa-sim --fault`."""

    scenario: str = "good"
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProvocation(Setup):
    """Open a socket and do these steps; ends with the first error, or with the close."""

    path: str = "/v1/realtime"
    query: str = f"model={MODEL}"
    key: str = KEY
    headers: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeProvocation(Setup):
    """Ask for a WebSocket and be answered with something else."""

    path: str = "/v1/realtime"
    query: str = f"model={MODEL}"
    headers: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {KEY}"),)
    exchange: HttpExchange = HttpExchange.HANDSHAKE


@dataclass(frozen=True, slots=True, kw_only=True)
class RestProvocation(Setup):
    """Make a REST call."""

    method: str = "POST"
    path: str = "/v1/realtime/client_secrets"
    body: bytes = b"{}"
    key: str = KEY
    headers: tuple[tuple[str, str], ...] = ()
    exchange: HttpExchange = HttpExchange.REST


@dataclass(frozen=True, slots=True)
class TlsProvocation:
    """Begin a TLS handshake where plain HTTP is spoken: libraries report 1015, which is never on the wire."""


Provocation: TypeAlias = SessionProvocation | UpgradeProvocation | RestProvocation | TlsProvocation


@dataclass(frozen=True, slots=True)
class SessionObservation:
    """What a socket gave: the first error if there was one, and the close if there was one."""

    error: Mapping[str, Any] | None
    closed: tuple[int | None, str] | None
    """Code and reason; None: the session goes on."""


@dataclass(frozen=True, slots=True)
class HttpObservation:
    """What HTTP gave."""

    exchange: HttpExchange
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def error(self) -> Mapping[str, Any]:
        """The error object of the body; empty where it holds none."""
        try:
            found = json.loads(self.body).get("error")
        except (ValueError, AttributeError):
            return {}
        return found if isinstance(found, dict) else {}


Observation: TypeAlias = SessionObservation | HttpObservation


async def observe(how: Provocation) -> Observation:
    """Carry a provocation out. Raises TooSlowError when nothing comes, AssertionError when no refusal comes."""
    setup = how if isinstance(how, Setup) else Setup()
    faults = tuple(parse_fault(text) for text in setup.faults)
    with trio.fail_after(TIMEOUT_SECONDS):
        async with open_simulator(Settings(scenario=setup.scenario, faults=faults, pace=50.0)) as running:
            match how:
                case SessionProvocation():
                    return await _converse(running, how)
                case UpgradeProvocation():
                    return await _upgrade(running, how)
                case RestProvocation():
                    return await _fetch(running, how)
                case TlsProvocation():
                    return await _speak_tls(running)
                case _:
                    assert_never(how)


def _url(running: RunningSimulator, path: str, query: str, scheme: str = "ws") -> str:
    return f"{scheme}://{running.host}:{running.port}{path}" + (f"?{query}" if query else "")


async def _converse(running: RunningSimulator, how: SessionProvocation) -> SessionObservation:
    headers = (*how.headers, *((("authorization", f"Bearer {how.key}"),) if how.key else ()))
    upgraded = await dial(_url(running, how.path, how.query), headers=headers)
    talking = _Talking(upgraded.link)
    async with upgraded.link:
        try:
            for step in how.steps:
                await talking.do(step)
            while talking.error is None:
                await talking.read()
        except LinkClosed as end:
            return SessionObservation(talking.error, (end.code, end.reason))
        return SessionObservation(talking.error, await talking.how_it_ends())


class _Talking:
    """A client that remembers what came."""

    def __init__(self, link: WebSocketLink) -> None:
        self._link = link
        self.events: list[Event] = []
        self.error: Mapping[str, Any] | None = None

    async def read(self) -> Event:
        """Read one event, and remember the first error anywhere in it."""
        event: Event = json.loads(await self._link.receive())
        self.events.append(event)
        self.error = self.error or _error_in(event)
        return event

    async def do(self, step: Step) -> None:
        """Do one step; nothing more once an error has come."""
        match step:
            case Until(wanted):
                while self.error is None and (await self.read())["type"] != wanted:
                    pass
            case bytes():
                await self._link.send_binary(step)
            case str():
                await self._link.send_text(step)
            case _:
                event = step(self.events) if callable(step) else step
                await self._link.send_text(json.dumps(event))

    async def how_it_ends(self) -> tuple[int | None, str] | None:
        """Ask something harmless: it is answered, or the socket is closed by then."""
        with suppress(LinkClosed):  # the reading below tells how
            await self._link.send_text('{"type":"input_audio_buffer.clear"}')
        try:
            while (await self.read())["type"] != "input_audio_buffer.cleared":
                pass
        except LinkClosed as end:
            return (end.code, end.reason)
        return None


def _error_in(event: Event) -> Mapping[str, Any] | None:
    """An `error` event, a failed response, a failed transcription."""
    details = (event.get("response") or {}).get("status_details") or {}
    found: Mapping[str, Any] | None = event.get("error") or details.get("error")
    return found


async def _upgrade(running: RunningSimulator, how: UpgradeProvocation) -> HttpObservation:
    try:
        upgraded = await dial(_url(running, how.path, how.query), headers=how.headers)
    except HandshakeRefused as refused:
        return HttpObservation(how.exchange, refused.status, refused.body, dict(refused.headers))
    await upgraded.link.abort()
    raise AssertionError("the upgrade was not refused")


async def _fetch(running: RunningSimulator, how: RestProvocation) -> HttpObservation:
    url = _url(running, how.path, "", "http")
    headers = [*how.headers, *([("authorization", f"Bearer {how.key}")] if how.key else [])]
    async with httpx.AsyncClient(verify=unused_tls_context(), trust_env=False) as client:
        answer = await client.request(how.method, url, headers=headers, content=how.body)
    return HttpObservation(how.exchange, answer.status_code, answer.content, dict(answer.headers))


async def _speak_tls(running: RunningSimulator) -> SessionObservation:
    try:
        await dial(_url(running, "/v1/realtime", f"model={MODEL}", "wss"))
    except DialFailed as failed:
        return SessionObservation(None, (1015 if failed.phase is DialPhase.TLS else 1006, ""))
    raise AssertionError("TLS was spoken")
