"""Opens sockets to the bridge, WebSockets and others, and keeps the clients of a case running."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import httpx
import trio
from trio_websocket import ConnectionRejected, wrap_client_stream

from bridge.protocol.audio.tracer import TracerSource
from probes.conformance.peers.client import MAX_MESSAGE_BYTES, BridgeClient
from probes.conformance.peers.raw import RawSocket
from probes.conformance.peers.refused import Refused
from probes.conformance.verdict import fail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from probes.conformance.peers.waiting import Waiter
    from probes.conformance.profile import Profile
    from probes.conformance.tested.bridges import BridgeAddress
    from probes.conformance.tested.process import BridgeProcess

_CONNECT_SECONDS: Final = 10.0
#: A long poll of the REST fallback lasts up to 25 s.
_HTTP_SECONDS: Final = 40.0


def _refusal(error: BaseException) -> Refused:
    """Return what a failed handshake says; the newest exceptions are the innermost of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ConnectionRejected):
        return Refused(error.status_code, (error.body or b"").decode(errors="replace"))
    return Refused(None, why=f"the handshake failed: {error!r}")


@dataclass(slots=True, kw_only=True)
class SocketOpener:
    """Opens a case's sockets to the bridge. `nursery` is the case's own."""

    nursery: trio.Nursery
    address: BridgeAddress
    profile: Profile
    waiter: Waiter
    process: BridgeProcess | None
    """The bridge's process, if the suite started it."""
    token: str = ""
    """The client token that the bridge asks for; empty if none."""
    first_caller: int = 1
    clients: list[BridgeClient] = field(default_factory=list)
    raw_sockets: list[RawSocket] = field(default_factory=list)

    async def upgrade(
        self,
        path: str | None = None,
        *,
        headers: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),
        authorized: bool = True,
    ) -> BridgeClient | Refused:
        """Open a WebSocket to the bridge. It ends the case if the bridge can't be reached."""
        resource = path or self.address.path or self.profile.path
        sent = [*headers, *([("Authorization", f"Bearer {self.token}")] if self.token and authorized else [])]
        stream = await self.open_stream()
        client: BridgeClient | None = None
        try:
            with trio.move_on_after(_CONNECT_SECONDS):
                serve = partial(self._serve, stream, resource, sent, subprotocols)
                client = await self.nursery.start(serve)
        except Exception as error:  # noqa: BLE001 - trio-websocket lets many kinds escape; all mean that it failed
            await trio.aclose_forcefully(stream)
            return _refusal(error)
        if client is None:
            await trio.aclose_forcefully(stream)
            return Refused(None, why=f"no answer to the upgrade within {_CONNECT_SECONDS:g} s")
        return client

    async def _serve(
        self,
        stream: trio.SocketStream | trio.SSLStream[trio.SocketStream],
        resource: str,
        headers: Sequence[tuple[str, str]],
        subprotocols: Sequence[str],
        *,
        task_status: trio.TaskStatus[BridgeClient],
    ) -> None:
        """Shake hands and keep a client running. Once it runs, nothing that the bridge sends ends the case."""
        client: BridgeClient | None = None
        try:
            async with trio.open_nursery() as nursery:
                socket = await wrap_client_stream(
                    nursery,
                    stream,
                    self.address.authority,
                    resource,
                    subprotocols=subprotocols or None,
                    extra_headers=[(name.encode(), value.encode()) for name, value in headers],
                    max_message_size=MAX_MESSAGE_BYTES,
                )
                client = BridgeClient(
                    socket=socket,
                    stream=stream,
                    profile=self.profile,
                    waiter=self.waiter,
                    name=f"client {len(self.clients) + 1}",
                    source=TracerSource(self.first_caller + len(self.clients)),
                )
                self.clients.append(client)
                task_status.started(client)
                await client.run()
        except Exception as error:
            if client is None:
                raise
            client.fail_with(error)

    async def open_stream(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        """Open TCP, and TLS where the URL says so, to the bridge."""
        try:
            with trio.fail_after(_CONNECT_SECONDS):
                if not self.address.secure:
                    return await trio.open_tcp_stream(self.address.host, self.address.port)
                context = ssl.create_default_context()
                return await trio.open_ssl_over_tcp_stream(
                    self.address.host, self.address.port, ssl_context=context, https_compatible=True
                )
        except trio.TooSlowError:
            fail("the bridge accepts connections", f"{self.address.authority}: no answer in {_CONNECT_SECONDS:g} s")
        except OSError as error:
            fail("the bridge accepts connections", f"{self.address.authority}: {error}{self._how_it_ended()}")

    def _how_it_ended(self) -> str:
        if self.process is None or self.process.is_running:
            return ""
        return f"; the bridge ended {self.process.how_it_ended()}{self.process.last_lines()}"

    async def raw(self, path: str | None = None) -> RawSocket | Refused:
        """Open a WebSocket whose frames the case writes itself."""
        resource = path or self.address.path or self.profile.path
        socket = RawSocket(await self.open_stream(), self.waiter, self.address.authority, resource)
        self.raw_sockets.append(socket)
        refused = await socket.open([(b"Authorization", f"Bearer {self.token}".encode())] if self.token else [])
        return refused or socket

    async def http(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: Any = None,
        token: str | None = None,
    ) -> httpx.Response:
        """Send one HTTP request to the bridge. It ends the case if there is no answer."""
        bearer = self.token if token is None else token
        sent = {**({"Authorization": f"Bearer {bearer}"} if bearer else {}), **(headers or {})}
        url = f"{'https' if self.address.secure else 'http'}://{self.address.authority}{path}"
        try:
            async with httpx.AsyncClient(timeout=_HTTP_SECONDS, trust_env=False, verify=self.address.secure) as client:
                return await client.request(method, url, headers=sent, content=content, json=json)
        except httpx.HTTPError as error:
            fail(f"the bridge answers {method} {path}", f"{type(error).__name__}: {error}{self._how_it_ended()}")

    async def accepts_connections(self) -> bool:
        """Whether the bridge still listens."""
        try:
            stream = await trio.open_tcp_stream(self.address.host, self.address.port)
        except OSError:
            return False
        await stream.aclose()
        return True
