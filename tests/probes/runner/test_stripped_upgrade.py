"""What shows that a proxy keeps the upgrade from the server, by answers that real servers and proxies gave."""

from __future__ import annotations

import httpx
import pytest

from bridge.transport.link import HandshakeRefused
from probes.runner.findings import CheckRow
from probes.runner.stripped_upgrade import (
    PlainAnswer,
    ask_without_upgrade,
    is_same,
    stripped_because,
    stripped_finding,
)

NOT_FOUND = b'{"detail":"Not Found"}'
SERVICE_404 = b'{"error":{"message":"Invalid URL (GET /v1/realtime)","type":"invalid_request_error","code":null}}'

#: Answers of servers that saw no upgrade: status, headers, body.
UPGRADE_REQUIRED = {
    "ws": HandshakeRefused(426, (("content-type", "text/plain"),), b"Upgrade Required"),
    "websockets": HandshakeRefused(
        426, (("upgrade", "websocket"),), b"Failed to open a WebSocket connection: missing Connection header.\n"
    ),
    "sherpa-bridge": HandshakeRefused(426, (("upgrade", "websocket"),), b'{"code": "UPGRADE_REQUIRED"}'),
    "aiohttp": HandshakeRefused(400, (), b'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".'),
    "tornado": HandshakeRefused(400, (), b'Can "Upgrade" only to "WebSocket".'),
    "gorilla": HandshakeRefused(400, (("upgrade", "websocket"),), b"Bad Request\n"),
}


@pytest.mark.parametrize("name", UPGRADE_REQUIRED)
def test_a_server_that_asks_for_an_upgrade_saw_none(name: str) -> None:
    assert "saw no 'Upgrade: websocket'" in stripped_because(UPGRADE_REQUIRED[name], None)


def test_the_service_answers_404_to_an_ordinary_get_only() -> None:
    refused = HandshakeRefused(404, (("server", "nginx/1.22.1"),), SERVICE_404)
    assert "never to an upgrade" in stripped_because(refused, PlainAnswer(404, SERVICE_404))
    elsewhere = SERVICE_404.replace(b"/v1/realtime", b"/v2/realtime")
    assert not stripped_because(HandshakeRefused(404, (), elsewhere), PlainAnswer(404, elsewhere))


def test_envoy_refuses_an_upgrade_that_it_is_not_configured_for() -> None:
    refused = HandshakeRefused(403, (("server", "envoy"), ("content-length", "0")), b"")
    assert "403 from Envoy" in stripped_because(refused, PlainAnswer(404, NOT_FOUND))
    assert not stripped_because(refused, PlainAnswer(403, b""))
    assert not stripped_because(refused, None)


def test_the_same_answer_proves_it_only_where_the_socket_exists() -> None:
    refused, plain = HandshakeRefused(404, (), NOT_FOUND), PlainAnswer(404, NOT_FOUND)
    assert stripped_because(refused, plain, socket_exists=True) == "HTTP 404, with 'Upgrade: websocket' and without it"
    assert not stripped_because(refused, plain)
    assert not stripped_because(refused, None, socket_exists=True)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502])
def test_a_refusal_of_the_key_or_the_load_says_nothing_about_the_upgrade(status: int) -> None:
    assert not stripped_because(HandshakeRefused(status, (), b"no"), PlainAnswer(status, b"no"), socket_exists=True)


def test_another_answer_without_the_upgrade_shows_that_it_arrived() -> None:
    # Recorded from LiteLLM's proxy: 403 for a bad key on the socket, 404 for a GET of the same URL.
    assert not stripped_because(HandshakeRefused(403, (), b""), PlainAnswer(404, NOT_FOUND), socket_exists=True)


def test_request_ids_and_times_do_not_make_two_answers_different() -> None:
    first = b'{"timestamp": "2026-11-28T17:43:35", "path": "/x", "id": "req_4da5e709d4713d60"}'
    second = b'{"timestamp": "2026-11-28T17:43:36", "path": "/x", "id": "req_9558867f5ba91faf"}'
    assert is_same(HandshakeRefused(404, (), first), PlainAnswer(404, second))
    assert not is_same(HandshakeRefused(404, (), first), PlainAnswer(404, NOT_FOUND))


async def test_the_second_request_has_the_same_headers_and_no_upgrade() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, content=NOT_FOUND * 1000)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        plain = await ask_without_upgrade(client, "wss://voice.example.com/v1/realtime?model=m", (("X-A", "b"),))
    assert plain is not None
    assert (plain.status, len(plain.body)) == (404, 4096)
    (request,) = seen
    assert str(request.url) == "https://voice.example.com/v1/realtime?model=m"
    assert request.headers["x-a"] == "b"
    assert "upgrade" not in request.headers


async def test_no_answer_to_the_second_request_is_no_evidence() -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("closed")

    async with httpx.AsyncClient(transport=httpx.MockTransport(broken)) as client:
        assert await ask_without_upgrade(client, "ws://127.0.0.1/x") is None
        assert await ask_without_upgrade(client, "") is None


def test_the_finding_has_the_lines_for_each_proxy() -> None:
    finding = stripped_finding(CheckRow("events", "connect"), "why")
    assert finding.code == "EVENTS-UPGRADE-STRIPPED"
    assert [line.split()[1].strip(",") for line in finding.fix.splitlines()] == ["nginx", "HAProxy", "Envoy"]
    for words in ("proxy_set_header Upgrade $http_upgrade;", "timeout tunnel 1h", "{upgrade_type: websocket}"):
        assert words in finding.fix
