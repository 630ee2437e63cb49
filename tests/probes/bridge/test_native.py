"""The native endpoint of different bridges, and the service itself."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.transport.http import HttpRequest, HttpResponse, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_connection
from bridge.transport.link import LinkClosed
from probes.bridge.probe import CHECKS
from probes.targets.bridge import EndpointKind
from reports.model import Report, Severity
from reports.redaction import Secret
from tests.driver.harness import simulated_upstream
from tests.probes.bridge.faulty_bridge import FaultyBridge, memory_target
from tests.probes.bridge.test_probe import at_row, bad, checked, run_probe

if TYPE_CHECKING:
    from bridge.simulator.service.server import Simulator

URL = "ws://localhost:1/v1"
CREATED = {"type": "session.created", "event_id": "e", "session": {"type": "realtime", "id": "s", "model": "m"}}
UPDATED = {"type": "session.updated", "event_id": "e", "session": {"type": "realtime", "id": "s"}}
OTHER_SESSION = {**UPDATED, "session": {"type": "realtime", "id": "another"}}
COMMITTED = {"type": "input_audio_buffer.committed", "event_id": "e"}
DELTA = {"type": "response.output_audio.delta", "event_id": "e", "delta": "AAAA"}
DONE = {"type": "response.done", "event_id": "e", "response": {"status": "completed"}}
NO = {"type": "invalid_request_error", "code": "invalid_json", "message": "No."}
ERROR = {"type": "error", "error": NO}
OWN_ERROR = {"type": "error", "error": {**NO, "event_id": "event_sherpa_bridge"}}
#: As recorded from LiteLLM's proxy 1.108 when its upstream connection was cut; close 1011 followed.
LOST = {
    "type": "error",
    "error": {"type": "server_error", "message": "upstream websocket closed with code 1006: no close frame received"},
}
NO_QUOTA = {"type": "error", "error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "No."}}

#: The responses of a native endpoint by event; "" is for invalid events, "first" for what it sends first.
GOOD: dict[str, tuple[Any, ...]] = {
    "first": (CREATED,),
    "session.update": (UPDATED,),
    "input_audio_buffer.commit": (COMMITTED,),
    "response.create": (DELTA, DONE),
    "": (ERROR,),
}


@dataclass
class Doorman:
    """A native endpoint with given responses."""

    answers: dict[str, tuple[Any, ...]]

    async def serve(self, stream: trio.abc.Stream) -> None:
        await serve_connection(stream, http=self.http, websocket=self.websocket)

    async def http(self, _request: HttpRequest) -> HttpResponse:
        return text_response(404, "no pages")

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        link = await upgrade.accept()
        received = "first"
        while True:
            for answer in self.answers.get(received, ()):
                if answer == "close":
                    await link.close(1011, "oops")
                    raise LinkClosed(1011, by_peer=False)
                await link.send_text(answer if isinstance(answer, str) else json.dumps(answer))
            try:
                received = json.loads(await link.receive()).get("type")
            except ValueError:
                received = ""


async def check_native(answers: dict[str, tuple[Any, ...]]) -> Report:
    async with trio.open_nursery() as nursery:
        report = await run_probe(memory_target(nursery, Doorman(answers), URL))
        nursery.cancel_scope.cancel()
    return report


async def test_a_door_that_says_the_least_passes(autojump_clock: trio.testing.MockClock) -> None:
    report = await check_native(GOOD)
    assert bad(report) == []
    assert [f.check for f in checked(report)] == [check.name for check in CHECKS[EndpointKind.NATIVE]]
    assert at_row(report, "tracer").code == "BRIDGE-TRACER-UNSEEN"
    assert at_row(report, "early speech").code == "BRIDGE-EARLY-SPEECH-UNSEEN"


@pytest.mark.parametrize(
    ("event", "answers", "row", "code"),
    [
        ("first", (), "session", "BRIDGE-NO-SESSION-READY"),
        ("first", ({"type": "connected", "clientId": "c"},), "session", "BRIDGE-OTHER-DOOR"),
        ("first", ("hello",), "session", "BRIDGE-NOT-A-BRIDGE"),
        ("first", ("close",), "session", "BRIDGE-HUNG-UP"),
        ("session.update", (), "session", "BRIDGE-NO-SESSION-READY"),
        ("session.update", (ERROR,), "session", "BRIDGE-UPSTREAM-ERROR"),
        ("session.update", (OWN_ERROR,), "session", "BRIDGE-INVALID-JSON"),
        ("input_audio_buffer.commit", (OTHER_SESSION, COMMITTED), "speech in", "BRIDGE-UPSTREAM-LOST"),
        ("input_audio_buffer.commit", (), "speech in", "BRIDGE-SPEECH-NOT-TAKEN"),
        ("response.create", (DONE,), "speech out", "BRIDGE-NO-SPEECH-OUT"),
        ("response.create", (DELTA,), "speech out", "BRIDGE-ANSWER-UNFINISHED"),
        ("response.create", (DELTA, LOST, "close"), "speech out", "BRIDGE-NOT-RECONNECTED"),
        ("response.create", (DELTA, LOST), "speech out", "BRIDGE-UPSTREAM-ERROR"),
        ("response.create", (DELTA, NO_QUOTA, "close"), "speech out", "BRIDGE-QUOTA-EXHAUSTED"),
        ("first", (LOST, "close"), "session", "BRIDGE-UPSTREAM-UNAVAILABLE"),
        ("", (), "errors", "BRIDGE-ERROR-SWALLOWED"),
        ("", ({"type": "error", "error": "bad"},), "errors", "BRIDGE-ERROR-MALFORMED"),
        ("", ({"type": "error", "error": {"type": "bridge_error"}},), "errors", "BRIDGE-ERROR-MALFORMED"),
        ("", ("close",), "errors", "BRIDGE-ERROR-FATAL"),
    ],
)
async def test_a_door_that_does_one_thing_wrong(
    event: str, answers: tuple[Any, ...], row: str, code: str, autojump_clock: trio.testing.MockClock
) -> None:
    wrong = dict(GOOD)
    if event == "input_audio_buffer.commit":
        wrong["response.create"] = ()
    report = await check_native({**wrong, event: answers})
    assert bad(report)[0] == (row, code)
    assert len(bad(report)) == 1


async def test_an_answer_that_is_cancelled_is_none(autojump_clock: trio.testing.MockClock) -> None:
    cancelled = {**DONE, "response": {"status": "cancelled"}}
    finding = at_row(await check_native({**GOOD, "response.create": (cancelled,)}), "speech out")
    assert finding.code == "BRIDGE-NO-SPEECH-OUT"
    assert finding.evidence[0].value == "response.done with status cancelled, without audio"


async def test_speech_that_an_endpoint_reports_as_dropped_is_reported(autojump_clock: trio.testing.MockClock) -> None:
    notice = {"type": "bridge_error", "code": "audio_dropped", "message": "60 ms of audio and 0 other messages."}
    report = await check_native({**GOOD, "session.update": ({"type": "error", "error": notice}, UPDATED)})
    assert bad(report) == [("early speech", "BRIDGE-SPEECH-DROPPED")]
    assert at_row(report, "early speech").evidence[0].value == "60 ms"


async def test_a_client_endpoint_under_a_native_url_is_recognized(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        report = await run_probe(memory_target(nursery, FaultyBridge(), URL))
        nursery.cancel_scope.cancel()
    assert bad(report) == [("session", "BRIDGE-OTHER-DOOR")]


@dataclass
class Service:
    """The simulator itself, as the simplest native endpoint."""

    simulator: Simulator

    async def serve(self, stream: trio.abc.Stream) -> None:
        await self.simulator.serve_stream(stream)

    async def http(self, request: HttpRequest) -> HttpResponse:
        return await self.simulator.http(request)


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("good", []),
        ("echo", []),
        ("invalid-key", [("session", "BRIDGE-AUTHENTICATION-FAILED")]),
        ("beta-refused", [("session", "BRIDGE-DIALECT-REFUSED")]),
        ("update-refused", [("session", "BRIDGE-MIXED-SHAPES")]),
    ],
)
async def test_the_service_itself_is_checked_with_its_key_as_the_token(
    scenario: str, expected: list[tuple[str, str]], autojump_clock: trio.testing.MockClock
) -> None:
    key = Secret(SCENARIOS[scenario].key)
    async with simulated_upstream(key=key) as (simulator, _), trio.open_nursery() as nursery:
        target = memory_target(nursery, Service(simulator), URL, token=key)
        report = await run_probe(
            replace(target, upstream_tracer=partial(simulator.journal.tracer_account, key.reveal()))
        )
        nursery.cancel_scope.cancel()
    assert bad(report) == expected
    if not expected:
        assert {f.severity for f in checked(report) if f.check != "health"} == {Severity.PASS}
