"""DNS, TCP and TLS: the findings if they work, and if they don't."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import trio

At = Callable[..., Any]
CheckAccess = Callable[..., Awaitable[Any]]


class Names(trio.abc.HostnameResolver):
    """A DNS server with fixed responses; without any it never responds."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
        assert host
        await trio.lowlevel.checkpoint()
        if not self.addresses:
            await trio.sleep_forever()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port))) for address in self.addresses]

    async def getnameinfo(self, *_: object) -> Any:
        raise AssertionError


async def refused_port() -> int:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = int(listener.socket.getsockname()[1])
    await listener.aclose()
    return port


async def test_the_addresses_of_a_name_are_shown_as_far_as_the_row_holds_them(
    at: At, check_access: CheckAccess
) -> None:
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"))
    result = await check_access(at(f"http://h.example.com:{await refused_port()}/v1"))
    assert result.check("name").title == "h.example.com -> 127.0.0.1, 127.0.0.2, 127.0.0.3, …"
    assert [e.value for e in result.check("name").evidence][-1] == "127.0.0.4"


async def test_with_a_proxy_the_proxy_s_name_is_resolved(at: At, check_access: CheckAccess) -> None:
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.1"))
    port = await refused_port()
    result = await check_access(
        at("https://api.openai.com/v1", environment={"HTTPS_PROXY": f"http://proxy.corp:{port}"})
    )
    assert result.check("name").title == f"the proxy proxy.corp:{port} of HTTPS_PROXY -> 127.0.0.1"
    assert result.only().code == "ACCESS-PROXY-UNREACHABLE"


async def test_an_unknown_proxy_blames_the_variable_and_not_the_base_url(at: At, check_access: CheckAccess) -> None:
    class Nobody(Names):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            await trio.lowlevel.checkpoint()
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

    trio.socket.set_custom_hostname_resolver(Nobody())
    result = await check_access(at("https://api.openai.com/v1", environment={"HTTPS_PROXY": "bogus"}))
    assert result.bad() == [("name", "ACCESS-PROXY-UNKNOWN")]
    assert "Correct HTTPS_PROXY" in result.only().fix
    assert "NO_PROXY=api.openai.com" in result.only().fix
    assert "base URL" not in result.only().cause + result.only().fix
    assert result.report.exit_code() == 3


async def test_a_name_server_that_hangs_could_not_be_asked(at: At, check_access: CheckAccess) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    result = await check_access(at("https://api.openai.com/v1", timeout=0.05))
    assert result.bad() == [("name", "ACCESS-NAME-NO-ANSWER")]
    assert result.report.exit_code() == 3


async def test_tls_that_never_ends_could_not_be_checked(at: At, check_access: CheckAccess, listen: Any) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    result = await check_access(at(f"https://127.0.0.1:{await listen(silent)}/v1", timeout=0.1))
    assert result.bad() == [("tcp, tls", "ACCESS-NO-ANSWER")]
    assert result.report.exit_code() == 3


async def test_a_mint_that_hangs_is_a_failure(
    at: At, check_access: CheckAccess, fake_service: Any, nursery: trio.Nursery
) -> None:
    class Hanging(fake_service):  # type: ignore[misc] # handed over as a fixture
        async def http(self, request: Any) -> Any:
            return await super().http(request) if request.method == "GET" else await trio.sleep_forever()

    result = await check_access(at(await Hanging().serve(nursery), timeout=0.2))
    assert result.bad() == [("mint", "ACCESS-MINT-NO-ANSWER")]
    assert result.report.exit_code() == 1
