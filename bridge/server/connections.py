"""Who has connections: how many from one address, how often, and who is behind a proxy that forwards TCP.

A connection is judged before anything is read from it but a PROXY header; `admission/policy.py` judges requests.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import trio

from bridge.server.addresses import counted_as
from bridge.server.admission.policy import host_from_peer
from bridge.server.proxy_protocol import BadProxyHeaderError, read_proxy_header
from bridge.transport.sockets import find_socket, peer_name, reset_stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bridge.server.dependencies import Dependencies

#: Connections from one address that have no session: handshakes, half-open connections, keep-alive connections. A
#: trusted proxy has as many as there are places: its clients are counted when they are known.
_MAX_IDLE_PER_ADDRESS: Final = 1024
#: The same over all addresses.
_SPARE_CONNECTIONS: Final = 4096
#: For the header of a proxy that forwards TCP: it sends it at once, and a lost packet is sent again after 3 s at most.
PROXY_HEADER_SECONDS: Final = 5.0


class ConnectionGate:
    """Lets connections in, and counts them while they are served. One per process."""

    def __init__(self, dependencies: Callable[[], Dependencies]) -> None:
        """`dependencies` are asked at each connection, since rules can change."""
        self._dependencies = dependencies
        self._connections: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many connections there are now."""
        return self._connections.total()

    async def serve(self, stream: trio.abc.Stream, serve: Callable[[trio.abc.Stream, str], Awaitable[None]]) -> None:
        """Serve a connection with the address and port of its client, or reset it. Raises only what `serve` does."""
        peer: str | None = peer_name(stream)
        if self._dependencies().rules.proxy_protocol:
            peer = await self._behind_proxy(stream, peer or "")
        if peer is not None:
            with self._counted(peer) as is_counted:
                if is_counted:
                    await serve(stream, peer)
                    return
        await reset_stream(stream)

    @contextmanager
    def _counted(self, peer: str) -> Iterator[bool]:
        """Count a connection while the block runs. False, and not counted, if it is one too many."""
        deps = self._dependencies()
        address = host_from_peer(peer)
        host = counted_as(address)
        idle = self._connections[host] - deps.active_sessions.in_process_from(host)
        trusted = deps.admission.is_trusted_proxy(address)
        too_many = idle >= _MAX_IDLE_PER_ADDRESS and not trusted
        too_often = not (trusted or deps.rates.may_connect(host, deps.now()))
        full = self._connections.total() >= deps.rules.max_sessions + _SPARE_CONNECTIONS
        if too_many or too_often or full:
            yield False
            return
        self._connections[host] += 1
        try:
            yield True
        finally:
            self._connections -= Counter([host])

    async def _behind_proxy(self, stream: trio.abc.Stream, proxy: str) -> str | None:
        """Return who is behind a proxy that forwards TCP, by the header it sends first; None without a valid one.

        Only a trusted proxy is read from: whoever may send a header can claim any address.
        """
        if not self._dependencies().admission.is_trusted_proxy(host_from_peer(proxy)):
            self._refuse(proxy, "The peer is not one of the trusted proxies")
            return None
        with self._counted(proxy) as is_counted:  # slow headers take places as slow handshakes do
            return await self._read_source(stream, proxy) if is_counted else None

    async def _read_source(self, stream: trio.abc.Stream, proxy: str) -> str | None:
        sock, why = find_socket(stream), "No PROXY header came in time"
        with trio.move_on_after(PROXY_HEADER_SECONDS):
            try:
                return proxy if sock is None else (await read_proxy_header(sock)).source or proxy
            except BadProxyHeaderError as error:
                why = str(error)
            except (OSError, trio.ClosedResourceError):
                return None  # it is gone
        self._refuse(proxy, why)
        return None

    def _refuse(self, peer: str, why: str) -> None:
        message = f"{why[:1].upper()}{why[1:]}. The setting proxy_protocol is on, so the connection was reset."
        self._dependencies().observer.client_refused("PROXY_HEADER", message, peer=peer)
