"""Servers that aren't a Realtime API, and failing networks: one clear finding, one exit code, never a traceback."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
import trustme

from bridge.transport.http import HttpRequest, HttpResponse, json_response
from reports.model import Severity

At = Callable[..., Any]
CheckAccess = Callable[..., Awaitable[Any]]
Listen = Callable[..., Awaitable[int]]

PAGE = HttpResponse(200, (("content-type", "text/html"),), b"<!doctype html><title>It works</title>")


class NoSuchName(trio.abc.HostnameResolver):
    """A DNS server that knows no name."""

    async def getaddrinfo(self, *_: object, **__: object) -> Any:
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, *_: object) -> Any:
        raise AssertionError


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def server_context(authority: trustme.CA, name: str = "localhost", days: int | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    begins = None if days is None else datetime.now(UTC) - timedelta(days=400)
    authority.issue_cert(name, not_before=begins, not_after=ends).configure_cert(context)
    return context


async def free_port() -> int:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = int(listener.socket.getsockname()[1])
    await listener.aclose()
    return port


async def test_an_unknown_host_could_not_be_checked(at: At, check_access: CheckAccess) -> None:
    trio.socket.set_custom_hostname_resolver(NoSuchName())
    result = await check_access(at("https://api.opanai.com/v1"))
    assert result.bad() == [("name", "ACCESS-HOST-UNKNOWN")]
    assert "nslookup api.opanai.com" in result.only().fix
    assert result.report.exit_code() == 3


async def test_a_port_where_nothing_listens_could_not_be_checked(at: At, check_access: CheckAccess) -> None:
    result = await check_access(at(f"http://127.0.0.1:{await free_port()}/v1"))
    assert result.bad() == [("tcp, tls", "ACCESS-NOTHING-LISTENING")]
    assert result.report.exit_code() == 3


async def test_a_server_that_never_answers_could_not_be_checked(
    at: At, check_access: CheckAccess, listen: Listen
) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    result = await check_access(at(f"http://127.0.0.1:{await listen(silent)}/v1", timeout=0.2))
    assert result.bad() == [("key", "ACCESS-NO-ANSWER")]
    assert result.report.exit_code() == 3


async def test_a_server_that_hangs_up_is_a_failure(at: At, check_access: CheckAccess, listen: Listen) -> None:
    async def rude(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.aclose()

    result = await check_access(at(f"http://127.0.0.1:{await listen(rude)}/v1"))
    assert result.bad() == [("key", "ACCESS-CLOSED-EARLY")]
    assert result.report.exit_code() == 1


async def test_a_server_that_speaks_no_http_is_a_failure(at: At, check_access: CheckAccess, listen: Listen) -> None:
    async def mail(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"220 mail.example.com ESMTP\r\n500 what is GET?\r\n\r\n")

    result = await check_access(at(f"http://127.0.0.1:{await listen(mail)}/v1"))
    assert result.bad() == [("key", "ACCESS-NOT-HTTP")]


async def test_a_web_page_is_no_realtime_server(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    result = await check_access(at(await fake_service(answer=lambda _: PAGE).serve(nursery)))
    assert result.bad() == [("upgrade", "ACCESS-NOT-A-WEBSOCKET")]
    assert "HTTP 200 (a web page)" in result.only().evidence[0].value
    assert [result.check(name).severity for name in ("key", "model", "mint")] == [Severity.SKIPPED] * 3
    assert result.report.exit_code() == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "ACCESS-NO-REALTIME-ROUTE"),
        (405, "ACCESS-NOT-A-WEBSOCKET"),
        (426, "ACCESS-UPGRADE-STRIPPED"),
        (502, "ACCESS-GATEWAY-FAILED"),
    ],
)
async def test_a_server_without_a_realtime_route_is_recognized_by_its_status(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, status: int, code: str
) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return json_response(status if request.header("upgrade") else 404, {"detail": "Not Found"})

    result = await check_access(at(await fake_service(answer=answer).serve(nursery)))
    assert result.bad() == [("upgrade", code)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed_and_names_where_it_leads(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, status: int
) -> None:
    service = fake_service(answer=lambda _: HttpResponse(status, (("location", "https://eu.example.com/v1/models"),)))
    result = await check_access(at(await service.serve(nursery)))
    assert result.bad() == [("key", "ACCESS-REDIRECTED")]
    assert "--base-url https://eu.example.com/v1" in result.only().fix
    assert len(service.requests) == 1


async def test_a_ws_address_and_one_without_a_path_are_read_as_what_they_mean(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(frames=({"type": "error", "error": {"type": "server_error"}},))
    base = await service.serve(nursery)
    result = await check_access(at(base.replace("http://", "ws://").removesuffix("/v1")))
    notes = [f.title for f in result.report.findings if f.code == "ACCESS-BASE-URL-READ"]
    assert notes == [f"ws:// was read as http://: {base}", f"/v1 was appended: {base}"]
    assert [request.path for request in service.requests] == [
        "/v1/models",
        "/v1/realtime/client_secrets",
        "/v1/realtime",
    ]


async def test_a_good_certificate_passes_and_says_for_how_long(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, authority: trustme.CA
) -> None:
    service = fake_service(answer=lambda _: PAGE)
    base = await service.serve(nursery, server_context(authority, days=61))
    result = await check_access(at(base, ssl_context=trusting(authority)))
    assert result.check("tcp, tls").title == "TLSv1.3, certificate valid for 60 days"
    assert result.bad() == [("upgrade", "ACCESS-NOT-A-WEBSOCKET")]


async def test_a_certificate_that_ends_this_week_is_a_warning(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, authority: trustme.CA
) -> None:
    base = await fake_service(answer=lambda _: PAGE).serve(nursery, server_context(authority, days=3))
    result = await check_access(at(base, ssl_context=trusting(authority)))
    assert result.check("tcp, tls").code == "ACCESS-CERTIFICATE-ENDS-SOON"


@pytest.mark.parametrize(
    ("name", "days", "trusted", "words"),
    [
        ("localhost", 61, False, "issuer is not trusted"),
        ("other.example.com", 61, True, "for another host, namely other.example.com"),
        ("localhost", -1, True, "has expired"),
    ],
)
async def test_a_bad_certificate_is_a_failure_that_says_why(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, authority: trustme.CA,
    name: str, days: int, trusted: bool, words: str,
) -> None:  # fmt: skip
    base = await fake_service(answer=lambda _: PAGE).serve(nursery, server_context(authority, name, days))
    result = await check_access(at(base, ssl_context=trusting(authority) if trusted else None))
    assert result.bad() == [("tcp, tls", "ACCESS-CERTIFICATE-REFUSED")]
    assert words in result.only().evidence[0].value
    assert result.report.exit_code() == 1


async def test_https_to_a_plaintext_port_is_reported(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    base = await fake_service(answer=lambda _: PAGE).serve(nursery)
    result = await check_access(at(base.replace("http://", "https://")))
    assert result.bad() == [("tcp, tls", "ACCESS-NOT-TLS")]


async def test_plain_http_to_a_tls_port_is_one_failure(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, authority: trustme.CA
) -> None:
    base = await fake_service(answer=lambda _: PAGE).serve(nursery, server_context(authority))
    result = await check_access(at(base.replace("https://", "http://")))
    assert [check for check, _ in result.bad()] == ["key"]
    assert result.only().code in ("ACCESS-CLOSED-EARLY", "ACCESS-NOT-HTTP")
    assert "scheme (http or https)" in result.only().fix


async def test_a_proxy_that_refuses_is_its_own_finding_and_is_named(
    at: At, check_access: CheckAccess, listen: Listen
) -> None:
    async def refusing(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    port = await listen(refusing)
    environment = {"HTTPS_PROXY": f"http://carla:s3cr3t-pass@127.0.0.1:{port}"}
    result = await check_access(at("https://api.openai.com/v1", environment=environment))
    assert result.bad() == [("tcp, tls", "ACCESS-PROXY-REFUSED")]
    assert f"127.0.0.1:{port} of HTTPS_PROXY" in [e.value for e in result.only().evidence]
    assert "s3cr3t" not in str(result.report)
    assert result.report.exit_code() == 1


async def test_a_web_server_in_place_of_a_proxy_is_reported(at: At, check_access: CheckAccess, listen: Listen) -> None:
    async def web(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 501 Unsupported method ('CONNECT')\r\nContent-Length: 0\r\n\r\n")

    environment = {"HTTPS_PROXY": f"http://127.0.0.1:{await listen(web)}"}
    result = await check_access(at("https://api.openai.com/v1", environment=environment))
    assert result.bad() == [("tcp, tls", "ACCESS-NOT-A-PROXY")]
    assert "501" in result.only().cause


async def test_a_proxy_that_is_not_there_could_not_be_asked(at: At, check_access: CheckAccess) -> None:
    environment = {"https_proxy": f"http://127.0.0.1:{await free_port()}"}
    result = await check_access(at("https://api.openai.com/v1", environment=environment))
    assert result.bad() == [("tcp, tls", "ACCESS-PROXY-UNREACHABLE")]
    assert result.report.exit_code() == 3


async def test_a_key_that_is_repeated_by_the_server_is_never_shown(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    key = "sk-proj-repeatedByTheServer0123"

    def answer(request: HttpRequest) -> HttpResponse:
        message = f"Incorrect key: {request.header('authorization')}"
        return json_response(401, {"error": {"code": "invalid_api_key", "message": message}}, (("via", key),))

    result = await check_access(at(await fake_service(answer=answer).serve(nursery), key=key))
    assert result.bad() == [("key", "ACCESS-KEY-REFUSED")]
    assert key not in str(result.report)
    assert "Incorrect key: Bearer sk-…0123" in [e.value for e in result.only().evidence]


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_a_key_that_may_not_list_models_goes_on_to_the_socket(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery, status: int
) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(status, {"error": {"message": "Missing scopes: api.model.read"}})
        return json_response(200, {"value": "ek_0123456789abcdefghijkl", "session": {}})

    service = fake_service(answer=answer, frames=("not json",))
    result = await check_access(at(await service.serve(nursery)))
    assert result.check("key").severity is Severity.SKIPPED
    assert result.bad() == [("session", "ACCESS-NOT-REALTIME")]


async def test_a_list_and_errors_of_the_wrong_types_break_nothing(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return json_response(200, {"data": [{"id": ["x"]}, {"id": {}}, 5, {"id": "gpt-realtime-2.1"}]})
        return json_response(403, {"error": {"code": ["unhashable"], "message": {}}})

    result = await check_access(at(await fake_service(answer=answer).serve(nursery)))
    assert result.check("model").severity is Severity.PASS
    assert result.bad() == [("mint", "ACCESS-NO-REALTIME-ACCESS")]


async def test_a_gateway_with_a_path_of_its_own_before_azure_keeps_it(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(frames=("not json",))
    result = await check_access(at(await service.serve(nursery), azure=True))
    assert [request.path for request in service.requests][-1] == "/v1/realtime"
    assert service.requests[-1].header("api-key")
    (note,) = [f.title for f in result.report.findings if f.code == "ACCESS-BASE-URL-READ"]
    assert note.startswith("the path /v1 was kept")


async def test_a_client_secret_as_the_key_is_tried_on_the_socket_alone(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(frames=("not json",))
    result = await check_access(at(await service.serve(nursery), key="ek_68af296e8e408191a1120ab63"))
    assert [request.path for request in service.requests] == ["/v1/realtime"]
    assert result.check("mint").severity is Severity.SKIPPED


async def test_the_socket_is_opened_with_the_minted_secret_which_is_never_shown(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    secret = "ek_0123456789abcdefghijkl"
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": f"not {secret}"}}
    service = fake_service(frames=(error,))
    result = await check_access(at(await service.serve(nursery)))
    assert service.requests[-1].header("authorization") == f"Bearer {secret}"
    assert "not …ijkl" in [e.value for e in result.only().evidence]
    assert secret not in str(result.report)


async def test_azure_s_socket_is_opened_with_the_key_itself(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    service = fake_service(frames=("not json",))
    base = (await service.serve(nursery)).removesuffix("/v1")
    await check_access(at(base, azure=True, key="0123456789abcdef0123456789abcdef"))
    assert service.requests[-1].header("api-key") == "0123456789abcdef0123456789abcdef"
    assert service.requests[-1].path == "/openai/v1/realtime"
