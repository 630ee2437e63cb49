"""The findings for a bridge's refusals, in each of their forms."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.client_protocol.errors import ClientCode
from bridge.transport.link import HandshakeRefused, LinkClosed
from probes.bridge.refusals import bridge_error_finding, connection_closed, session_stopped, upgrade_refused
from probes.problems.bridge_codes import BY_CLIENT_CODE
from probes.runner.findings import CheckRow
from probes.runner.redaction import Secrets
from probes.targets.bridge import BridgeTarget, make_bridge_target
from reports.redaction import Secret
from tests.probes.bridge.faulty_bridge import config

ROW = CheckRow("bridge", "session")


def target() -> BridgeTarget:
    return make_bridge_target("localhost:1", None, config(), secrets=Secrets(), environment={})


@pytest.mark.parametrize(
    ("tried", "other"),
    [
        ("ws://localhost:1", "sherpa-probe bridge --url ws://localhost:1/v1/realtime"),
        (
            "wss://voice.example.com/v1/realtime",
            "sherpa-probe bridge --url wss://voice.example.com/api/openai/realtime",
        ),
    ],
)
def test_where_nothing_is_known_under_a_path_the_other_door_is_named(tried: str, other: str) -> None:
    there = make_bridge_target(tried, None, config(), secrets=Secrets(), environment={})
    body = b'{"error": {"message": "Invalid URL (GET /somewhere)"}}'
    finding = upgrade_refused(ROW, there, HandshakeRefused(404, (), body))
    assert finding.code == "BRIDGE-NOT-FOUND"
    assert finding.fix.splitlines()[0].endswith(f": {other}")
    assert [evidence.value for evidence in finding.evidence] == ["HTTP 404", "Invalid URL (GET /somewhere)"]


def test_every_code_of_the_protocol_is_explained_but_those_of_the_upgrade_and_of_the_fallback() -> None:
    elsewhere = {ClientCode.UNAUTHORIZED, ClientCode.ORIGIN_NOT_ALLOWED, ClientCode.SESSION_GONE}
    assert set(ClientCode) - BY_CLIENT_CODE.keys() == elsewhere


@pytest.mark.parametrize(
    ("detail", "service"),
    [
        ({"upstream": {"type": "error", "error": {"code": "insufficient_quota"}}}, "NO-QUOTA"),
        ({"upstream": {"code": "rate_limit_exceeded"}}, "RATE-LIMITED"),
        ({"refusal": "KEY-REFUSED", "status": 401}, "KEY-REFUSED"),
        ({"code": "model_not_found"}, "MODEL-NOT-FOUND"),
        ({"closeCode": 1012}, "RESTARTING"),
        ({"closeCode": "1012", "upstream": None, "code": ["x"]}, ""),
        ("not an object", ""),
    ],
)
def test_what_the_service_said_is_found_in_the_detail(detail: Any, service: str) -> None:
    finding = bridge_error_finding(ROW, target(), {"type": "error", "code": "UPSTREAM_ERROR", "detail": detail})
    shown = {e.label: e.value for e in finding.evidence}
    assert finding.code == "BRIDGE-UPSTREAM-ERROR"
    assert shown.get("service", "").endswith(f"explain {service})" if service else "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "OOPS"}, "BRIDGE-UNKNOWN-CODE"),
        ({}, "BRIDGE-UNKNOWN-CODE"),
        ({"error": {"type": "bridge_error", "code": "quota_exhausted"}}, "BRIDGE-QUOTA-EXHAUSTED"),
        ({"error": {"type": "bridge_error", "code": "new"}}, "BRIDGE-UNKNOWN-CODE"),
        ({"error": {"type": "server_error", "message": "No. (bridge: rate_exceeded)"}}, "BRIDGE-RATE-EXCEEDED"),
        ({"error": {"type": "server_error", "message": "No. (bridge: new)"}}, "BRIDGE-UNKNOWN-CODE"),
        (
            {"error": {"message": "No. (bridge: session_initialization_failed, upstream_unavailable)"}},
            "BRIDGE-UPSTREAM-UNAVAILABLE",
        ),
        ({"code": "CONNECTION_LOST", "detail": {"cause": "CONNECTION_LOST"}}, "BRIDGE-UPSTREAM-UNAVAILABLE"),
        ({"code": "CONNECTION_LOST"}, "BRIDGE-CONNECTION-LOST"),
        ({"code": "ACCESS_DENIED", "detail": {"cause": "QUOTA_EXHAUSTED"}}, "BRIDGE-ACCESS-DENIED"),
    ],
)
def test_an_error_is_named_by_what_is_behind_it(error: dict[str, Any], code: str) -> None:
    assert bridge_error_finding(ROW, target(), {"type": "error", **error}).code == code


@pytest.mark.parametrize(
    ("error", "ready", "code"),
    [
        ({"type": "invalid_request_error", "code": "invalid_api_key"}, False, "BRIDGE-AUTHENTICATION-FAILED"),
        ({"type": "invalid_request_error", "code": "model_not_found"}, False, "BRIDGE-MODEL-NOT-AVAILABLE"),
        ({"type": "insufficient_quota", "code": "insufficient_quota"}, True, "BRIDGE-QUOTA-EXHAUSTED"),
        ({"type": "server_error", "code": None}, False, "BRIDGE-UPSTREAM-UNAVAILABLE"),
        ({"type": "server_error", "code": None}, True, "BRIDGE-UPSTREAM-ERROR"),
        ({"type": "invalid_request_error", "code": "invalid_value"}, True, "BRIDGE-UPSTREAM-ERROR"),
        ({"type": "x", "code": "invalid_value", "event_id": "event_of_somebody_else"}, True, "BRIDGE-UPSTREAM-ERROR"),
        ({"type": "x", "code": "invalid_value", "event_id": "event_sherpa_3"}, True, "BRIDGE-INVALID-VALUE"),
    ],
)
def test_an_error_that_the_bridge_passes_on_speaks_of_the_bridge_unless_the_probe_asked_for_it(
    error: dict[str, Any], ready: bool, code: str
) -> None:
    finding = bridge_error_finding(ROW, target(), {"type": "error", "error": error}, ready=ready)
    assert finding.code == code
    assert finding.evidence[0].value == f"error {error['code'] or error['type']}"
    assert any(e.label == "service" for e in finding.evidence) == (code != "BRIDGE-INVALID-VALUE")


def test_a_refused_key_may_be_the_clients_own_token() -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_api_key"}}
    there = make_bridge_target("localhost:1", Secret("a-token-0123456789"), config(), secrets=Secrets(), environment={})
    assert "use another token" in bridge_error_finding(ROW, there, error).fix
    assert "another token" not in bridge_error_finding(ROW, target(), error).fix


@pytest.mark.parametrize(
    ("message", "ready", "code"),
    [
        ({"type": "reconnecting", "reason": "gone"}, True, "BRIDGE-UPSTREAM-LOST"),
        ({"type": "session_closed", "reason": "draining"}, True, "BRIDGE-SERVER-BUSY"),
        ({"type": "session_closed", "reason": "budget"}, True, "BRIDGE-BUDGET-EXHAUSTED"),
        ({"type": "session_closed", "reason": "idle"}, True, "BRIDGE-CLIENT-TIME-OVER"),
        ({"type": "session_closed", "reason": "expired"}, True, "BRIDGE-SESSION-EXPIRED"),
        ({"type": "session_closed"}, True, "BRIDGE-UPSTREAM-LOST"),
        (
            {"type": "error", "error": {"type": "bridge_error", "code": "session_not_ready"}},
            True,
            "BRIDGE-UPSTREAM-LOST",
        ),
        (
            {"type": "error", "error": {"type": "bridge_error", "code": "session_not_ready"}},
            False,
            "BRIDGE-SESSION-NOT-READY",
        ),
        ({"type": "session.updated", "session": {"id": "another"}}, True, "BRIDGE-UPSTREAM-LOST"),
    ],
)
def test_a_message_that_ends_a_wait_says_why(message: dict[str, Any], ready: bool, code: str) -> None:
    assert session_stopped(ROW, target(), message, ready=ready).code == code


@pytest.mark.parametrize(
    ("closed", "code", "shown"),
    [
        (LinkClosed(1011, "oops", by_peer=True), "BRIDGE-HUNG-UP", "close 1011 oops"),
        (LinkClosed(1006, by_peer=True), "BRIDGE-HUNG-UP", "the connection ended without a Close frame"),
        (LinkClosed(4999, by_peer=True), "BRIDGE-HUNG-UP", "close 4999"),
        (
            LinkClosed(1007, "no UTF-8", by_peer=False),
            "BRIDGE-BROKEN-FRAMES",
            "closed with 1007 after an invalid frame: no UTF-8",
        ),
    ],
)
def test_a_close_is_reported_by_its_code(closed: LinkClosed, code: str, shown: str) -> None:
    finding = connection_closed(ROW, target(), closed)
    assert (finding.code, finding.evidence[0].value) == (code, shown)
    assert "CODE" not in finding.fix


@pytest.mark.parametrize(
    ("status", "body", "code", "shown"),
    [
        (401, b'{"error": {"code": "unauthorized", "message": "No."}}', "BRIDGE-UNAUTHORIZED", "HTTP 401 unauthorized"),
        (502, b"<html>Bad gateway</html>", "BRIDGE-GATEWAY-FAILED", "HTTP 502 (a web page)"),
        (302, b"", "BRIDGE-REDIRECTED", "HTTP 302"),
        (418, b"\xff\xfe", "BRIDGE-HTTP-ERROR", "HTTP 418 \ufffd\ufffd"),
    ],
)
def test_a_refused_upgrade_is_reported_by_status_and_body(status: int, body: bytes, code: str, shown: str) -> None:
    headers = (("Server", "nginx"), ("Set-Cookie", "secret=1"))
    finding = upgrade_refused(ROW, target(), HandshakeRefused(status, headers, body))
    assert (finding.code, finding.evidence[0].value) == (code, shown)
    assert [e.value for e in finding.evidence if e.label == "server"] == ["nginx"]
    assert "secret" not in str(finding)
    assert "base URL" not in finding.cause + finding.fix
