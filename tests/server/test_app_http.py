"""Plain HTTP: liveness, readiness, metrics, and unknown paths."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bridge.client_protocol.native_errors import bridge_code
from bridge.server.config.settings import AdminSettings, ClientRules
from bridge.transport.link import HandshakeRefused
from reports.redaction import Secret
from tests.driver.harness import connect_failed
from tests.server.harness import CLIENT_PATH, NATIVE_URL, TOKEN, make_settings, running_bridge

if TYPE_CHECKING:
    import trio.testing


async def test_a_scraper_that_prefers_openmetrics_gets_it() -> None:
    async with running_bridge() as bridge:
        wire = bridge.stream()
        accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        await wire.send_all(f"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{accept}\r\n\r\n".encode())
        answer = b""
        while piece := await wire.receive_some():
            answer += piece
    assert b"content-type: application/openmetrics-text; version=1.0.0; charset=utf-8" in answer.lower()
    assert answer.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/healthz", 200, b'"ok"'),
        ("/readyz", 200, b'"ready"'),
        ("/metrics", 200, b"sherpa_bridge_sessions{"),
        ("/", 200, b"Voice console"),
        ("/api/openai/realtime", 426, b"WebSocket"),
        ("/v1/realtime", 426, b"WebSocket"),
        ("/api/openai/realtime/sessions/x/events", 401, b"UNAUTHORIZED"),
        ("/api/openai/realtime/openapi.json", 200, b"createSession"),
        ("/v1/models", 404, b"only the WebSocket endpoint /v1/realtime"),
        ("/ws", 404, b"/api/openai/realtime or /v1/realtime"),
        ("/%0d%0aSet-Cookie:x", 404, b"Unknown path"),
    ],
)
async def test_pages(path: str, status: int, words: bytes) -> None:
    async with running_bridge() as bridge:
        found, head, body = await bridge.get(path)
        assert found == status
        assert words in body
        assert b"set-cookie" not in head.lower()
        assert b"nosniff" in head


async def test_routes_accept_only_get_and_other_paths_no_websocket() -> None:
    async with running_bridge() as bridge:
        status, head, _ = await bridge.get("/healthz", "DELETE")
        assert (status, b"allow: GET, HEAD" in head) == (405, True)
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect("/ws")
        assert refused.value.status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_endpoint_without_an_upgrade_says_what_may_have_removed_it(method: str) -> None:
    async with running_bridge() as bridge:
        status, _, body = await bridge.get(CLIENT_PATH, method)
        assert (status, json.loads(body)["code"]) == (426, "UPGRADE_REQUIRED")
        assert b"proxy" in body


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [(NATIVE_URL, 426, "upgrade_required"), ("/v1/realtime/client_secrets", 404, "not_found")],
)
async def test_an_sdk_that_requests_another_path_gets_an_error_object(path: str, status: int, code: str) -> None:
    async with running_bridge() as bridge:
        found, _, body = await bridge.get(path, "POST")
        error = json.loads(body)["error"]
        assert (found, error["type"], error["code"]) == (status, "invalid_request_error", None)
        assert bridge_code(error) == code


async def test_an_sdk_without_the_token_is_refused_as_with_a_wrong_key() -> None:
    async with running_bridge(make_settings(ClientRules(token=Secret(TOKEN)))) as bridge:
        with pytest.raises(HandshakeRefused) as refused:
            await bridge.connect(NATIVE_URL)
        error = json.loads(refused.value.body)["error"]
        assert (refused.value.status, error["type"], error["code"]) == (401, "invalid_request_error", "invalid_api_key")


async def test_a_bridge_is_not_ready_if_its_upstream_always_fails(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with running_bridge() as bridge:
        assert bridge.upstream is not None
        bridge.upstream.fails = [connect_failed(retryable=False, code="ACCESS_DENIED") for _ in range(3)]
        for _ in range(3):
            client = await bridge.connect()
            await client.send("create_session")
            await client.receive_until("error")
            await client.link.close()
        status, _, body = await bridge.get("/readyz")
        assert (status, json.loads(body)["reason"]) == (503, "ACCESS_DENIED")
        _, _, metrics = await bridge.get("/metrics")
        assert b"sherpa_bridge_upstream_forbidden_total 3\n" in metrics
        assert b'sherpa_bridge_upstream_refusals_total{cause="ACCESS_DENIED"} 3\n' in metrics
        assert b'sherpa_bridge_clients_total{endpoint="client"} 3\n' in metrics


@pytest.mark.parametrize(
    ("path", "line", "status"),
    [
        ("/healthz", "", 200),
        ("/readyz", "", 401),
        ("/metrics", "", 401),
        ("/metrics", "Authorization: Bearer wrong", 401),
        ("/metrics", f"Authorization: Bearer {TOKEN}", 200),
        ("/readyz", f"authorization: bearer {TOKEN}", 200),
        ("/", f"Authorization: Bearer {TOKEN}", 404),
        (CLIENT_PATH, f"Authorization: Bearer {TOKEN}", 404),
    ],
)
async def test_the_admin_listener_serves_monitoring_to_whom_has_its_token(path: str, line: str, status: int) -> None:
    async with running_bridge() as bridge:
        assert await bridge.get_admin(path, Secret(TOKEN), *filter(None, [line])) == status


async def test_an_admin_listener_without_a_token_asks_for_none_and_serves_no_websocket() -> None:
    upgrade = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    async with running_bridge() as bridge:
        assert await bridge.get_admin("/metrics", None) == 200
        assert await bridge.get_admin(CLIENT_PATH, None, *upgrade, "Connection: Upgrade") == 404


async def test_with_an_admin_listener_clients_get_no_metrics() -> None:
    async with running_bridge(make_settings(admin=AdminSettings(host="127.0.0.1", port=9))) as bridge:
        assert [(await bridge.get(path))[0] for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 404]
