"""A secret for every session: against the simulator over real sockets, and in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
import trio
import trio.testing

from bridge.core.events import SessionConfigured, SessionCreated
from bridge.simulator.embedded import open_simulator
from bridge.simulator.settings import Settings
from bridge.transport.http import HttpRequest, HttpResponse, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_connection
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.failures import ConnectFailed
from bridge.upstream.rest import make_upstream
from reports.redaction import Secret
from tests.upstream.harness import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.upstream.dial.url import ParsedUrl
    from bridge.upstream.service import UpstreamService

KEY = Secret("sk-simulated-0000000000000000")


def at(base_url: str = "http://upstream.test/v1") -> UpstreamService:
    return make_upstream(base_url, KEY)


async def no_rest(_: HttpRequest) -> HttpResponse:
    raise NotImplementedError


async def test_a_minted_secret_opens_the_session_and_the_key_does_not() -> None:
    with trio.fail_after(10):
        async with open_simulator() as running, trio.open_nursery() as reading:
            connector = RealtimeConnector(at(running.base_url), mint_secrets=True, environment={})
            link = await opened(reading, connector, 1, {"voice": "echo"})
            created = await link.receive()
            link.configure({"voice": "echo"}, {})
            assert isinstance(await link.receive(), SessionConfigured)
            requests = dict(running.journal.requests)
            await link.close("done")
    assert requests == {"POST /v1/realtime/client_secrets": 1, "GET /v1/realtime websocket": 1}
    assert isinstance(created, SessionCreated)
    first: dict[str, Any] = msgspec.json.decode(created.frame)
    assert first["session"]["audio"]["output"]["voice"] == "echo"


@pytest.mark.parametrize(
    ("scenario", "code", "retry_after"),
    [
        ("invalid-key", "AUTHENTICATION_FAILED", None),
        ("mint-quota", "QUOTA_EXHAUSTED", None),
        ("rate-limited", "RATE_LIMITED", 20),
        ("mint-503", "UPSTREAM_UNAVAILABLE", 5),
    ],
)
async def test_a_refused_mint_fails_the_attempt(scenario: str, code: str, retry_after: float | None) -> None:
    with trio.fail_after(10):
        async with open_simulator(Settings(scenario=scenario)) as running:
            connector = RealtimeConnector(at(running.base_url), mint_secrets=True, environment={})
            with pytest.raises(ConnectFailed) as raised:
                await connector.open(1, {})
    failure = raised.value.failure
    assert (failure.code, failure.retry_after_seconds) == (code, retry_after)
    assert failure.detail["during"] == "mint"
    assert failure.detail["requestId"]


async def test_a_minted_secret_is_never_quoted() -> None:
    secret = "looks-like-no-key-0123456789"

    async def refuse(upgrade: WebSocketUpgrade) -> None:
        await upgrade.reject(text_response(403, "no", (("x-request-id", f"for {secret}"),)))

    async def body() -> AsyncIterator[bytes]:
        yield msgspec.json.encode({"value": secret, "session": {"id": "sess_minted"}})

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body())

    def client(_: UpstreamService) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(answer))

    async with trio.open_nursery() as nursery:

        async def stream(_: ParsedUrl) -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(partial(serve_connection, theirs, http=no_rest, websocket=refuse))
            await trio.lowlevel.checkpoint()
            return ours

        connector = RealtimeConnector(
            at(), mint_secrets=True, open_stream=stream, open_rest_client=client, environment={}
        )
        with pytest.raises(ConnectFailed) as raised:
            await connector.open(1, {})
    detail = raised.value.failure.detail
    assert detail["requestId"] == f"for {Secret(secret).hint}"
    assert detail["sessionId"] == "sess_minted"


async def test_minting_that_cannot_connect_fails_the_attempt() -> None:
    with trio.fail_after(10):
        connector = RealtimeConnector(at("http://127.0.0.1:9/v1"), mint_secrets=True, environment={})
        with pytest.raises(ConnectFailed) as raised:
            await connector.open(1, {})
    assert raised.value.failure.detail == {"reason": "refused"}
