"""Name, TCP and TLS: what is said when they come up, and when they do not come at all."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import trio

At = Callable[..., Any]
Look = Callable[..., Awaitable[Any]]


class Names(trio.abc.HostnameResolver):
    """A name server with fixed answers; without any it hangs."""

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


async def test_the_addresses_of_a_name_are_shown_as_far_as_the_row_holds_them(at: At, look: Look) -> None:
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"))
    seen = await look(at(f"http://h.example.com:{await refused_port()}/v1"))
    assert seen.check("name").title == "h.example.com -> 127.0.0.1, 127.0.0.2, 127.0.0.3, …"
    assert [e.value for e in seen.check("name").evidence][-1] == "127.0.0.4"


async def test_with_a_proxy_it_is_the_proxy_s_name_that_is_looked_up(at: At, look: Look) -> None:
    trio.socket.set_custom_hostname_resolver(Names("127.0.0.1"))
    port = await refused_port()
    seen = await look(at("https://api.openai.com/v1", environment={"HTTPS_PROXY": f"http://proxy.corp:{port}"}))
    assert seen.check("name").title == f"the proxy proxy.corp:{port} of HTTPS_PROXY -> 127.0.0.1"
    assert seen.only().code == "ACCESS-PROXY-UNREACHABLE"


async def test_an_unknown_proxy_blames_the_variable_and_not_the_base_url(at: At, look: Look) -> None:
    class Nobody(Names):
        async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
            await trio.lowlevel.checkpoint()
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

    trio.socket.set_custom_hostname_resolver(Nobody())
    seen = await look(at("https://api.openai.com/v1", environment={"HTTPS_PROXY": "bogus"}))
    assert seen.bad() == [("name", "ACCESS-PROXY-UNKNOWN")]
    assert "Correct HTTPS_PROXY" in seen.only().fix
    assert "NO_PROXY=api.openai.com" in seen.only().fix
    assert "base URL" not in seen.only().cause + seen.only().fix
    assert seen.report.exit_code() == 3


async def test_a_name_server_that_hangs_could_not_be_asked(at: At, look: Look) -> None:
    trio.socket.set_custom_hostname_resolver(Names())
    seen = await look(at("https://api.openai.com/v1", timeout=0.05))
    assert seen.bad() == [("name", "ACCESS-NAME-NO-ANSWER")]
    assert seen.report.exit_code() == 3


async def test_tls_that_never_ends_could_not_be_looked_at(at: At, look: Look, listen: Any) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    seen = await look(at(f"https://127.0.0.1:{await listen(silent)}/v1", timeout=0.1))
    assert seen.bad() == [("tcp, tls", "ACCESS-NO-ANSWER")]
    assert seen.report.exit_code() == 3


async def test_a_mint_that_hangs_is_a_failure(at: At, look: Look, fake_service: Any, nursery: trio.Nursery) -> None:
    class Hanging(fake_service):  # type: ignore[misc] # handed over as a fixture
        async def http(self, request: Any) -> Any:
            return await super().http(request) if request.method == "GET" else await trio.sleep_forever()

    seen = await look(at(await Hanging().serve(nursery), timeout=0.2))
    assert seen.bad() == [("mint", "ACCESS-MINT-NO-ANSWER")]
    assert seen.report.exit_code() == 1
