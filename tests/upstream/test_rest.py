"""REST calls: responses, refusals, and why there may be no response."""

from __future__ import annotations

import gc
import ssl
import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
import trio.testing
import trustme

from bridge.transport.http import HttpRequest, HttpResponse, json_response, text_response
from bridge.transport.http_server import WebSocketUpgrade, serve_tcp
from bridge.upstream.dial.dial import FailureReason
from bridge.upstream.dial.tls import default_tls_context
from bridge.upstream.rest import (
    MAX_BODY_BYTES,
    RestFailed,
    RestRefused,
    list_models,
    make_upstream,
    open_rest_client,
    send_request,
)
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KEY = Secret("sk-test-0123456789abcdef")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies have no say here."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass
class Service:
    """Answers everything with one response and keeps the requests."""

    response: HttpResponse
    requests: list[HttpRequest] = field(default_factory=list)

    async def answer(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return self.response

    @asynccontextmanager
    async def running(self, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        async def no_socket(upgrade: WebSocketUpgrade) -> None:
            await upgrade.reject(text_response(404, "no socket"))

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                serve = partial(serve_tcp, http=self.answer, websocket=no_socket, ssl_context=ssl_context)
                _, port = await nursery.start(serve)
                yield f"{'https' if ssl_context else 'http'}://127.0.0.1:{port}"
                nursery.cancel_scope.cancel()


async def refused(response: HttpResponse) -> RestRefused:
    async with Service(response).running() as url, open_rest_client(upstream := make_upstream(url, KEY)) as client:
        with pytest.raises(RestRefused) as caught:
            await list_models(client, upstream)
    return caught.value


async def failed(url: str, ssl_context: ssl.SSLContext | None = None) -> RestFailed:
    upstream = make_upstream(url, KEY)
    with trio.fail_after(20):
        async with open_rest_client(upstream, ssl_context=ssl_context) as client:
            with pytest.raises(RestFailed) as caught:
                await list_models(client, upstream)
    assert KEY.reveal() not in str(caught.value)
    return caught.value


@asynccontextmanager
async def tcp_server(handler: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[int]:
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host="127.0.0.1"))
            yield listeners[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()


async def test_models_come_with_the_day_of_their_end() -> None:
    rows = [
        {"id": "gpt-realtime", "shutdown_date": None},
        {"id": "old", "shutdown_date": "2027-01-20"},
        {"id": "odd", "shutdown_date": "soon"},
        {"id": 5},
        "nonsense",
    ]
    service = Service(json_response(200, {"object": "list", "data": rows}, (("x-request-id", "req_1"),)))
    async with (
        service.running() as url,
        open_rest_client(upstream := make_upstream(url, KEY, project="proj_1")) as client,
    ):
        models = await list_models(client, upstream)
    assert dict(models.ids) == {"gpt-realtime": None, "old": date(2027, 1, 20), "odd": None}
    assert models.request_id == "req_1"
    [request] = service.requests
    assert (request.method, request.path) == ("GET", "/v1/models")
    assert request.header("authorization") == f"Bearer {KEY.reveal()}"
    assert request.header("openai-project") == "proj_1"


async def test_a_refusal_gives_the_error_the_headers_and_the_request_id() -> None:
    error = {"message": "no", "type": "insufficient_quota", "code": "insufficient_quota", "param": None}
    headers = (("retry-after", "7"), ("apim-request-id", "abc"))
    caught = await refused(json_response(429, {"error": error}, headers))
    assert (caught.status, caught.error, caught.request_id) == (429, error, "abc")
    assert ("retry-after", "7") in caught.headers
    assert str(caught) == "HTTP 429 insufficient_quota"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "text"}', b"\xff", b"[" * 100_000])
async def test_a_refusal_without_an_error_object_is_one_too(body: bytes) -> None:
    caught = await refused(HttpResponse(502, (), body))
    assert (caught.status, caught.error, caught.body) == (502, {}, body)


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"{}", b'{"data": 1}'])
async def test_200_with_something_else_is_no_list_of_models(body: bytes) -> None:
    caught = await refused(HttpResponse(200, (), body))
    assert str(caught) == "HTTP 200 without a list of models"


async def test_a_redirect_is_not_followed() -> None:
    assert (await refused(HttpResponse(302, (("location", "http://127.0.0.1:1/"),)))).status == 302


async def test_an_endless_body_is_cut() -> None:
    assert len((await refused(HttpResponse(500, (), b"x" * (MAX_BODY_BYTES + 1)))).body) == MAX_BODY_BYTES


async def test_a_body_that_claims_compression_keeps_its_status() -> None:
    service = Service(HttpResponse(403, (("content-encoding", "gzip"),), b"not gzip at all"))
    async with service.running() as url, open_rest_client(upstream := make_upstream(url, KEY)) as client:
        with pytest.raises(RestRefused) as caught:
            await list_models(client, upstream)
    assert (caught.value.status, caught.value.body) == (403, b"not gzip at all")
    assert service.requests[0].header_values("accept-encoding") == ("identity",)
    assert service.requests[0].header_values("user-agent") == ("sherpa-realtime",)


async def test_cancelling_within_a_body_leaves_nothing_behind() -> None:
    async def dribble(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await stream.receive_some()

    async with tcp_server(dribble) as port, open_rest_client(make_upstream(f"http://127.0.0.1:{port}", KEY)) as client:
        with trio.move_on_after(0.05) as scope:
            await send_request(client, "GET", f"http://127.0.0.1:{port}/")
        assert scope.cancelled_caught


async def test_dns_refused_and_certificate_failures_are_distinguished() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = default_tls_context()
    authority.configure_trust(trusting)
    assert (await failed("https://no-such-host.invalid")).reason is FailureReason.NAME_UNKNOWN
    service = Service(json_response(200, {"data": []}))
    async with service.running(context) as url:
        assert (await failed(url)).reason is FailureReason.CERTIFICATE
        async with open_rest_client(upstream := make_upstream(url, KEY), ssl_context=trusting) as client:
            assert dict((await list_models(client, upstream)).ids) == {}
    assert (await failed(url)).reason is FailureReason.REFUSED  # it is gone now
    async with service.running() as url:
        assert (await failed(url.replace("http", "https"))).reason is FailureReason.NOT_TLS


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", FailureReason.CLOSED_EARLY),
        (b"HTTP/1.1 200 OK\r\n", FailureReason.CLOSED_EARLY),
        (b"SSH-2.0\r\n\r\n", FailureReason.NOT_WEBSOCKET),
    ],
)
async def test_half_an_answer_and_no_http_are_distinguished(answer: bytes, reason: FailureReason) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    async with tcp_server(serve) as port:
        assert (await failed(f"http://127.0.0.1:{port}")).reason is reason


async def test_a_proxy_is_obeyed_and_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    async with tcp_server(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2@127.0.0.1:{port}")
        asked = await failed("https://service.invalid")
    gone = await failed("https://service.invalid")
    assert (asked.reason, gone.reason) == (FailureReason.PROXY_REFUSED, FailureReason.PROXY_UNREACHABLE)
    assert "407" in asked.detail
    assert f"127.0.0.1:{port}" in gone.detail
    assert "hunter2" not in asked.detail + gone.detail


async def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.invalid:1")
    service = Service(json_response(200, {"data": []}))
    async with service.running() as url, open_rest_client(upstream := make_upstream(url, KEY)) as client:
        await list_models(client, upstream)
    assert len(service.requests) == 1


async def test_a_socks_proxy_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.invalid:1")
    with pytest.raises(ValueError, match="use an http:// proxy"):
        open_rest_client(make_upstream("https://service.invalid", KEY))


@pytest.mark.parametrize("key", ["sk-ключ", "sk-…"])
async def test_a_key_that_cannot_be_sent_is_reported_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent") as caught:
        open_rest_client(make_upstream("http://127.0.0.1:1", Secret(key)))
    assert key not in str(caught.value)


async def test_a_key_with_a_line_break_is_reported_and_not_shown() -> None:
    async with Service(text_response(200, "x")).running() as url:
        upstream = make_upstream(url, Secret("sk-a\nb"))
        async with open_rest_client(upstream) as client:
            with pytest.raises(RestFailed, match="forbidden characters") as caught:
                await list_models(client, upstream)
    assert "sk-a" not in str(caught.value)


async def test_cancelling_a_call_closes_its_connection() -> None:
    closed = trio.Event()

    async def never_answer(stream: trio.SocketStream) -> None:
        while await stream.receive_some():
            pass
        closed.set()

    async with (
        tcp_server(never_answer) as port,
        open_rest_client(make_upstream(f"http://127.0.0.1:{port}", KEY)) as client,
    ):
        with trio.move_on_after(0.05) as scope:
            await send_request(client, "POST", f"http://127.0.0.1:{port}/", {"a": 1})
        assert scope.cancelled_caught
        await closed.wait()


async def test_a_call_that_is_cancelled_while_its_body_is_sent_leaves_no_open_generator() -> None:
    class Sending(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            async for _ in request.stream:  # type: ignore[union-attr]  # AsyncClient sends asynchronous streams only
                scope.cancel()
                await trio.lowlevel.checkpoint()
            raise AssertionError("the call goes on although it is cancelled")

    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        async with httpx.AsyncClient(transport=Sending()) as client:
            with trio.CancelScope() as scope:
                await send_request(client, "POST", "http://127.0.0.1/v1/realtime/client_secrets", {"session": {}})
        await trio.testing.wait_all_tasks_blocked()
        gc.collect()
        await trio.testing.wait_all_tasks_blocked()
    assert scope.cancelled_caught
    assert [str(warning.message) for warning in given] == []


async def test_a_transport_of_another_kind_gets_the_body_too() -> None:
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append((request.headers["content-length"], request.headers["content-type"], request.content))
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await send_request(client, "POST", "http://127.0.0.1/v1/realtime/client_secrets", {"session": {}})
    assert bodies == [("14", "application/json", b'{"session":{}}')]
