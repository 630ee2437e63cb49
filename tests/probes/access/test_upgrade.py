"""Refused upgrades: by a proxy that strips the upgrade, by a gateway that refuses its own client secret, or by both."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from bridge.simulator.embedded import open_simulator
from bridge.transport.http import HttpRequest, HttpResponse, json_response
from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from probes.events.probe import events
from reports.model import Finding, Severity
from tests.probes.proxies import IdleCutProxy, StrippingProxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    At = Callable[..., Any]
    CheckAccess = Callable[..., Awaitable[Any]]
    Listen = Callable[..., Awaitable[int]]

KEY = "sk-litellm-0123456789abcdef"
NOT_FOUND = json_response(404, {"detail": "Not Found"})


@dataclass
class LiteLlm:
    """LiteLLM's proxy as recorded (1.108): its secrets are for WebRTC; on the socket it answers them 403, no body."""

    upgrades: list[str] = field(default_factory=list)
    refuses_after_101: bool = False
    """Accepts the upgrade with a secret, then closes: no such version was seen, but other gateways do it."""

    async def http(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/v1/models" and request.header("authorization") != f"Bearer {KEY}":
            error = {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}
            return json_response(400, {"error": error})
        if request.path == "/v1/models":
            return json_response(200, {"data": [{"id": "gpt-realtime-2.1", "mode": "realtime"}]})
        if request.path == "/v1/realtime/client_secrets":
            return json_response(200, {"value": "gAAAAABencrypted-0123456789", "expires_at": 0, "session": {}})
        return NOT_FOUND

    async def websocket(self, upgrade: WebSocketUpgrade) -> None:
        token = (upgrade.request.header("authorization") or "").removeprefix("Bearer ")
        self.upgrades.append(token)
        if token != KEY and not self.refuses_after_101:
            await upgrade.reject(HttpResponse(403, (("content-type", "text/plain; charset=utf-8"),), b""))
            return
        link = await upgrade.accept()
        if token != KEY:
            await link.close(1008, "Invalid token")
            return
        session: dict[str, Any] = {"id": "sess_1", "type": "realtime", "audio": {}}
        await link.send_text(msgspec.json.encode({"type": "session.created", "session": session}))
        while True:
            update = msgspec.json.decode(await link.receive())["session"]
            await link.send_text(msgspec.json.encode({"type": "session.updated", "session": session | update}))

    async def serve(self, nursery: trio.Nursery) -> int:
        _, port = await nursery.start(partial(serve_tcp, http=self.http, websocket=self.websocket))
        return int(port)


async def test_a_proxy_that_strips_the_upgrade_before_the_service_is_named(
    at: At, check_access: CheckAccess, listen: Listen
) -> None:
    async with open_simulator() as simulator:
        port = await listen(StrippingProxy(simulator.port).serve)
        result = await check_access(at(f"http://127.0.0.1:{port}/v1"))
    assert result.bad() == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]
    assert ("server", "nginx/1.22.1") in [(e.label, e.value) for e in result.only().evidence]
    assert [result.check(name).severity for name in ("key", "mint")] == [Severity.PASS] * 2


async def test_a_proxy_that_strips_the_upgrade_before_a_gateway_is_named(
    at: At, check_access: CheckAccess, listen: Listen, nursery: trio.Nursery
) -> None:
    gateway = LiteLlm()
    port = await listen(StrippingProxy(await gateway.serve(nursery)).serve)
    result = await check_access(at(f"http://127.0.0.1:{port}/v1", key=KEY))
    assert result.bad() == [("upgrade", "ACCESS-UPGRADE-STRIPPED")]
    assert gateway.upgrades == []


async def test_a_gateway_that_refuses_its_own_secret_is_opened_with_the_key(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    gateway = LiteLlm()
    result = await check_access(at(f"http://127.0.0.1:{await gateway.serve(nursery)}/v1", key=KEY))
    assert result.bad() == [("upgrade", "ACCESS-SECRET-REFUSED")]
    assert result.check("upgrade").evidence[0].value == "HTTP 403 for the secret, 101 for the API key"
    assert result.check("confirm").severity is Severity.PASS
    assert gateway.upgrades == ["gAAAAABencrypted-0123456789", KEY]
    assert result.report.exit_code() == 0


async def test_a_secret_that_is_refused_behind_the_101_is_named_as_well(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    gateway = LiteLlm(refuses_after_101=True)
    result = await check_access(at(f"http://127.0.0.1:{await gateway.serve(nursery)}/v1", key=KEY))
    assert result.bad() == [("session", "ACCESS-SECRET-REFUSED")]
    assert "1008 Invalid token; for the API key: a session" in result.check("session").evidence[0].value
    assert result.check("confirm").severity is Severity.PASS


async def test_a_service_that_refuses_secret_and_key_alike_refuses_the_key(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    async def http(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(200, {"data": [{"id": "gpt-realtime-2.1"}]})
        return json_response(200, {"value": "ek_0123456789abcdefghijkl", "session": {}})

    async def websocket(upgrade: WebSocketUpgrade) -> None:
        link = await upgrade.accept()
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key"}
        await link.send_text(msgspec.json.encode({"type": "error", "error": error}))
        await link.close(3000, "invalid_request_error.invalid_api_key")

    _, port = await nursery.start(partial(serve_tcp, http=http, websocket=websocket))
    result = await check_access(at(f"http://127.0.0.1:{port}/v1"))
    assert result.bad() == [("session", "ACCESS-KEY-REFUSED")]


async def test_a_refusal_is_reported_although_looking_into_it_gets_no_answer(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    async def http(request: HttpRequest) -> HttpResponse:
        if request.path.endswith("/realtime"):
            await trio.sleep_forever()
        return json_response(404, {"detail": "Not Found"})

    async def websocket(upgrade: WebSocketUpgrade) -> None:
        await upgrade.reject(NOT_FOUND)

    _, port = await nursery.start(partial(serve_tcp, http=http, websocket=websocket))
    result = await check_access(at(f"http://127.0.0.1:{port}/v1", timeout=0.5))
    assert result.bad() == [("upgrade", "ACCESS-NO-REALTIME-ROUTE")]


async def test_a_model_that_a_gateway_does_not_list_is_tried_all_the_same(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    base = f"http://127.0.0.1:{await LiteLlm().serve(nursery)}/v1"
    result = await check_access(at(base, key=KEY, model="gpt-realtime-2"))
    assert result.bad() == [("model", "ACCESS-MODEL-NOT-LISTED"), ("upgrade", "ACCESS-SECRET-REFUSED")]
    assert result.check("confirm").severity is Severity.PASS


async def test_a_bad_key_at_a_gateway_without_a_database_is_a_bad_key(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    base = f"http://127.0.0.1:{await LiteLlm().serve(nursery)}/v1"
    result = await check_access(at(base, key="sk-litellm-wrong0123456789"))
    assert result.bad() == [("key", "ACCESS-KEY-REFUSED")]
    assert result.check("key").evidence[0].value == "HTTP 400"
    assert "the keys that 127.0.0.1 accepts" in result.only().fix


async def test_a_400_without_a_known_code_is_not_about_a_body_that_a_get_does_not_have(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(answer=lambda _: json_response(400, {"error": {"message": "Unknown header"}}))
    result = await check_access(at(await service.serve(nursery)))
    assert result.bad() == [("key", "ACCESS-LIST-REFUSED")]
    assert "no body" in result.only().cause


@pytest.mark.parametrize(("key", "code"), [(KEY, ""), ("sk-litellm-wrong0123456789", "EVENTS-KEY-REFUSED")])
async def test_a_403_for_a_bad_key_is_the_key_for_events_as_well(
    at: At, nursery: trio.Nursery, key: str, code: str
) -> None:
    target = at(f"http://127.0.0.1:{await LiteLlm().serve(nursery)}/v1", key=key, timeout=0.5)
    found = [item async for item in events(target, script="text") if isinstance(item, Finding)]
    assert [f.code for f in found if f.severity is Severity.FAIL and f.check == "connect"] == ([code] if code else [])


async def test_a_proxy_that_cuts_quiet_connections_is_named(at: At, check_access: CheckAccess, listen: Listen) -> None:
    async with open_simulator() as simulator:
        port = await listen(IdleCutProxy(simulator.port, 1.0).serve)
        key = simulator.key_for("slow-created")
        result = await check_access(at(f"http://127.0.0.1:{port}/v1", key=key, timeout=10.0))
    assert result.bad() == [("session", "ACCESS-IDLE-CUT")]


async def test_a_connection_that_breaks_after_a_pause_only_once_is_no_idle_timeout(
    at: At, check_access: CheckAccess, nursery: trio.Nursery
) -> None:
    connections = 0

    async def websocket(upgrade: WebSocketUpgrade) -> None:
        nonlocal connections
        connections += 1
        link = await upgrade.accept()
        await trio.sleep(1 if connections == 1 else 60)
        await link.abort()

    _, port = await nursery.start(partial(serve_tcp, http=LiteLlm().http, websocket=websocket))
    result = await check_access(at(f"http://127.0.0.1:{port}/v1", key=KEY, timeout=10.0))
    assert result.bad() == [("session", "ACCESS-DROPPED")]
    assert connections == 2
