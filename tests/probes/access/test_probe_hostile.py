"""Servers with arbitrary responses: the run ends with short findings, without a crash, and without showing the key."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bridge.config.resolve import Flags, read_config
from bridge.transport.http import HttpRequest, HttpResponse, json_response
from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from probes.runner.redaction import Secrets
from probes.targets.service import make_service_target
from reports.model import Severity
from reports.render import json as as_json
from reports.render.terminal import page as terminal

if TYPE_CHECKING:
    from pathlib import Path

    from reports.model import Report

At = Callable[..., Any]
CheckAccess = Callable[..., Awaitable[Any]]

KEY = "9f86d081884c7d659a2feaa0c55ad015"
DEEP = b"[" * 100_000
LIST = {"data": [{"id": "gpt-realtime-2.1"}]}
MINTED = {"value": "ek_0123456789abcdefghijkl", "expires_at": 0, "session": {"id": "sess_1"}}
CREATED: dict[str, Any] = {"type": "session.created", "session": {"type": "realtime", "id": "sess_1", "expires_at": 0}}
NUMBER = int("9" * 400)


def everything(report: Report) -> str:
    """Everything that a user sees of the report."""
    code = report.exit_code()
    return as_json.render(report, code) + terminal.render(report, code, verbose=True)


def check_harmless(report: Report) -> None:
    text = everything(report)
    assert "CRASHED" not in text
    assert len(as_json.render(report, 0).encode()) < 64 * 1024
    assert not any(KEY[at : at + 12] in text for at in range(len(KEY) - 11))
    assert re.findall(r"ek_\w{8,}", text) == []
    assert report.findings


@dataclass
class Hostile:
    """A server with a given response for each step, and a good one by default."""

    models: HttpResponse = field(default_factory=lambda: json_response(200, LIST))
    minted: HttpResponse = field(default_factory=lambda: json_response(200, MINTED))
    upgrade: HttpResponse | None = None
    first: str | bytes = field(default_factory=lambda: written(CREATED).decode())
    then: str | bytes = ""

    async def http(self, request: HttpRequest) -> HttpResponse:
        return self.models if request.method == "GET" else self.minted

    async def socket(self, upgrade: WebSocketUpgrade) -> None:
        if self.upgrade is not None:
            await upgrade.reject(self.upgrade)
            return
        link = await upgrade.accept()
        for frame in (self.first, self.then):
            await (link.send_binary(frame) if isinstance(frame, bytes) else link.send_text(frame))
            await link.receive()


async def report_of(
    at: At, check_access: CheckAccess, service: Hostile, *, timeout: float = 2.0, **options: Any
) -> Report:
    """Run `access` against the server and return its report with all output."""
    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(partial(serve_tcp, http=service.http, websocket=service.socket))
        result = await check_access(at(f"http://localhost:{port}/v1", key=KEY, timeout=timeout), **options)
        nursery.cancel_scope.cancel()
    report: Report = result.report
    return report


def written(value: object) -> bytes:
    return json.dumps(value).encode()


BYTES = st.one_of(
    st.binary(max_size=300),
    st.sampled_from([DEEP, b"", b"\xff\xfe", KEY.encode(), b"x" * 270 + KEY.encode(), b'{"a":' * 5000]),
)
WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [KEY, KEY.upper(), KEY[:20], "x" * 290 + KEY, "y" * 100_000, "\r\nx: y", "session.created", "error", "ek_öä"]
    ),
)
NAMES = st.sampled_from(
    [
        "type", "session", "error", "code", "message", "param", "value", "client_secret", "expires_at", "id", "data",
        "audio", "event_id", "object", "output_modalities", "instructions", "shutdown_date", "model",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.just(NUMBER), st.floats(allow_nan=False), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(NAMES, WORDS), inner, max_size=6)),
    max_leaves=12,
)
SHAPED = st.one_of(
    VALUES,
    st.fixed_dictionaries({"type": st.sampled_from(["session.created", "session.updated", "error"])},
                          optional={"session": VALUES, "error": VALUES}),
    st.fixed_dictionaries({}, optional={"value": VALUES, "expires_at": VALUES, "session": VALUES, "data": VALUES}),
)  # fmt: skip


BODIES = st.one_of(BYTES, SHAPED.map(written))
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["retry-after", "via", "server", "location", "x-request-id", "openai-organization"]),
        st.sampled_from(["9" * 5000, KEY, "z" * 190 + KEY, "https://" + "h" * 3000, "20", "Bearer abc0def1ghi"]),
    ),
    max_size=4,
)
RESPONSES = st.builds(
    HttpResponse,
    st.sampled_from([200, 200, 200, 400, 401, 403, 404, 429, 500, 301]),
    HEADERS.map(tuple),
    BODIES,
)  # fmt: skip
FRAMES = st.one_of(BODIES, BODIES.map(lambda body: body.decode(errors="replace")))
FUZZED = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@FUZZED
@given(step=st.sampled_from(["models", "minted", "upgrade"]), response=RESPONSES)
@example(step="upgrade", response=HttpResponse(404, (), DEEP))
@example(step="models", response=HttpResponse(200, (("openai-organization", "o" * 60_000),), written(LIST)))
def test_any_http_answer_ends_in_findings(at: At, check_access: CheckAccess, step: str, response: HttpResponse) -> None:
    trio.run(checked, at, check_access, Hostile(**{step: response}))  # type: ignore[arg-type] # one of the three


@FUZZED
@given(first=FRAMES, every_form=st.integers(0, 7))
@example(first=DEEP.decode(), every_form=0)
@example(first=DEEP, every_form=0)
def test_any_first_frame_ends_in_findings(
    at: At, check_access: CheckAccess, first: str | bytes, every_form: int
) -> None:
    trio.run(partial(checked, every_form=not every_form), at, check_access, Hostile(first=first))


@FUZZED
@given(then=FRAMES)
def test_any_answer_to_the_configuration_ends_in_findings(at: At, check_access: CheckAccess, then: str | bytes) -> None:
    trio.run(checked, at, check_access, Hostile(then=then))


async def checked(at: At, check_access: CheckAccess, service: Hostile, *, every_form: bool = False) -> None:
    check_harmless(await report_of(at, check_access, service, timeout=0.15, every_form=every_form))


def codes(report: Report) -> list[str]:
    return [f.code for f in report.findings if f.severity in (Severity.FAIL, Severity.ERROR, Severity.WARNING)]


@pytest.mark.parametrize("expires", [NUMBER, -1, 2**62, "soon", True])
async def test_an_invalid_time_is_left_out(at: At, check_access: CheckAccess, expires: object) -> None:
    session = {**CREATED["session"], "expires_at": expires}
    service = Hostile(
        minted=HttpResponse(200, (), written({**MINTED, "expires_at": expires})),
        first=written({"type": "session.created", "session": session}).decode(),
    )
    report = await report_of(at, check_access, service)
    check_harmless(report)
    assert next(f for f in report.findings if f.check == "mint").title == "client secret …ijkl"


@pytest.mark.parametrize("value", ["ek_a\r\nx: y", "ek_ö", "ek_a b", "ek_" + "a" * 9000, "ek_\x00"])
async def test_a_secret_that_no_header_can_hold_is_a_finding_at_the_mint(
    at: At, check_access: CheckAccess, value: str
) -> None:
    report = await report_of(at, check_access, Hostile(minted=json_response(200, {**MINTED, "value": value})))
    assert codes(report) == ["ACCESS-SECRET-UNSENDABLE"]
    check_harmless(report)


@pytest.mark.parametrize(
    "response",
    [
        json_response(200, {"secret": "ek_abcdefgh0123456789"}),
        json_response(200, {"client_secret": "ek_abcdefgh0123456789"}),
        json_response(404, {"token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"}),
        json_response(404, {"detail": "sess-abcdefgh0123456789"}),
    ],
)
async def test_a_secret_in_an_answer_of_another_shape_is_hidden_by_its_own(
    at: At, check_access: CheckAccess, response: HttpResponse
) -> None:
    report = await report_of(at, check_access, Hostile(minted=response))
    mint = next(f for f in report.findings if f.check == "mint")
    assert mint.code == "ACCESS-MINT-NOT-OFFERED"
    assert "…" in mint.evidence[0].value
    assert not re.search("abcdefgh|eyJh", everything(report))


async def test_a_session_s_id_is_shown_short(at: At, check_access: CheckAccess) -> None:
    session = {**CREATED["session"], "id": "s" * 500_000}
    minted = json_response(200, {**MINTED, "session": session})
    first = written({"type": "session.created", "session": session}).decode()
    report = await report_of(at, check_access, Hostile(minted=minted, first=first))
    check_harmless(report)
    assert len(next(f for f in report.findings if f.check == "session").title) < 150


async def test_an_endless_retry_after_is_not_repeated_as_advice(at: At, check_access: CheckAccess) -> None:
    report = await report_of(at, check_access, Hostile(models=json_response(429, {}, (("retry-after", "9" * 5000),))))
    (finding,) = [f for f in report.findings if f.severity is Severity.FAIL]
    assert "999" not in finding.fix


async def test_a_session_whose_fields_have_no_shape_is_not_called_ga(at: At, check_access: CheckAccess) -> None:
    first = '{"type":"session.created","session":{"audio":5,"type":[]}}'
    assert codes(await report_of(at, check_access, Hostile(first=first)))[:1] == ["ACCESS-UNKNOWN-DIALECT"]


async def test_a_refused_key_of_a_foreign_server_names_its_host_and_the_key_s_source(
    check_access: CheckAccess, tmp_path: Path
) -> None:
    place = tmp_path / "key.txt"
    place.write_text(KEY)
    service = Hostile(models=json_response(401, {"error": {"code": "invalid_api_key", "message": "no"}}))
    async with trio.open_nursery() as nursery:
        _, port = await nursery.start(partial(serve_tcp, http=service.http, websocket=service.socket))
        config = read_config(Flags(base_url=f"http://localhost:{port}/v1", api_key_file=str(place)), {}, tmp_path)
        result = await check_access(make_service_target(config, {}, secrets=Secrets(config.secrets())))
        nursery.cancel_scope.cancel()
    fix = result.only().fix
    assert result.only().code == "ACCESS-KEY-REFUSED"
    assert str(place) in fix
    assert "localhost" in fix
    assert "platform.openai.com" not in fix
    assert "OPENAI_API_KEY" not in fix
