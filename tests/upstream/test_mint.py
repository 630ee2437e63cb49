"""Minting in both dialects, against answers as the published description gives them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.transport.http import HttpRequest, HttpResponse, json_response, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from bridge.upstream.mint import MintResult, mint
from bridge.upstream.rest import RestRefused, make_upstream, open_rest_client
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KEY = Secret("sk-test-0123456789abcdef")
GA_ANSWER = {
    "value": "ek_ga_secret",
    "expires_at": 1_790_000_600,
    "session": {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime"},
}
BETA_ANSWER = {
    "id": "sess_2",
    "object": "realtime.session",
    "model": "gpt-4o-realtime-preview",
    "expires_at": 0,
    "client_secret": {"value": "ek_beta_secret", "expires_at": 1_790_000_060},
}


class Service:
    """A service of one answer."""

    def __init__(self, answer: object, status: int = 200) -> None:
        self.answer = answer
        self.status = status
        self.asked: dict[str, Any] = {}
        self.path = ""

    async def handle(self, request: HttpRequest) -> HttpResponse:
        self.path = request.path
        self.asked = msgspec.json.decode(request.body, type=dict[str, Any])
        return json_response(self.status, self.answer, (("x-request-id", "req_1"),))

    async def no_socket(self, upgrade: WebSocketUpgrade) -> None:
        await upgrade.reject(text_response(404, "no socket"))

    async def mint(
        self, dialect: Dialect, kind: SessionKind, session: dict[str, object], seconds: int | None = None
    ) -> MintResult:
        serve = partial(serve_tcp, http=self.handle, websocket=self.no_socket)
        with trio.fail_after(10):
            async with running(serve) as (host, port):
                upstream = make_upstream(f"http://{host}:{port}", KEY, dialect=dialect)
                async with open_rest_client(upstream) as client:
                    return await mint(client, upstream, kind=kind, session=session, expires_seconds=seconds)


@asynccontextmanager
async def running(serve: Callable[..., Awaitable[object]]) -> AsyncIterator[tuple[str, int]]:
    """Serve while the block lasts; what the block raises comes out as it is."""
    raised: list[Exception] = []
    async with trio.open_nursery() as nursery:
        address = await nursery.start(serve)
        try:
            yield address
        except RestRefused as error:
            raised.append(error)
        nursery.cancel_scope.cancel()
    for refusal in raised:
        raise refusal


async def test_ga_wraps_the_session_names_its_type_and_finds_the_secret_on_top() -> None:
    service = Service(GA_ANSWER)
    minted = await service.mint(Dialect.GA, SessionKind.CONVERSATION, {"model": "gpt-realtime"}, 60)
    assert service.path == "/v1/realtime/client_secrets"
    assert service.asked == {
        "session": {"type": "realtime", "model": "gpt-realtime"},
        "expires_after": {"anchor": "created_at", "seconds": 60},
    }
    assert minted.secret.reveal() == "ek_ga_secret"
    assert (minted.session_id, minted.expires_at, minted.request_id) == ("sess_1", 1_790_000_600, "req_1")
    assert minted.session["model"] == "gpt-realtime"


async def test_the_beta_sends_the_session_flat_and_finds_the_secret_inside() -> None:
    service = Service(BETA_ANSWER)
    minted = await service.mint(Dialect.BETA, SessionKind.CONVERSATION, {"modalities": ["text"]})
    assert (service.path, service.asked) == ("/v1/realtime/sessions", {"modalities": ["text"]})
    assert minted.secret.reveal() == "ek_beta_secret"
    assert (minted.session_id, minted.expires_at) == ("sess_2", 1_790_000_060)
    assert "client_secret" not in minted.session


@pytest.mark.parametrize(
    ("kind", "session", "sent"),
    [
        (SessionKind.TRANSCRIPTION, {}, {"type": "transcription"}),
        (SessionKind.TRANSLATION, {"model": "m"}, {"model": "m"}),
        (SessionKind.CONVERSATION, {"type": "mine"}, {"type": "mine"}),
    ],
)
async def test_the_type_is_named_where_it_belongs_and_never_overruled(
    kind: SessionKind, session: dict[str, object], sent: dict[str, object]
) -> None:
    service = Service(GA_ANSWER)
    await service.mint(Dialect.GA, kind, session)
    assert service.asked == {"session": sent}


@pytest.mark.parametrize("answer", [{}, {"value": ""}, {"value": None}, {"client_secret": None}, [1], {"value": 5}])
async def test_an_answer_without_a_secret_is_refused(answer: object) -> None:
    with pytest.raises(RestRefused, match="HTTP 200 without a client secret"):
        await Service(answer).mint(Dialect.GA, SessionKind.CONVERSATION, {})


async def test_a_refused_mint_keeps_the_servers_error() -> None:
    error = {"type": "invalid_request_error", "code": "invalid_value", "param": "session.audio", "message": "no"}
    with pytest.raises(RestRefused) as caught:
        await Service({"error": error}, status=400).mint(Dialect.GA, SessionKind.CONVERSATION, {})
    assert (caught.value.status, caught.value.error) == (400, error)


async def test_a_minted_secret_is_not_shown() -> None:
    minted = await Service(GA_ANSWER).mint(Dialect.GA, SessionKind.CONVERSATION, {})
    assert "ek_ga_secret" not in repr(minted)
    assert "ek_ga_secret" not in str(minted.session)
