"""Two proxies between a probe and a server, as nginx behaves with a configuration that wasn't written for WebSockets.

What they do was recorded from nginx 1.22: by default it speaks HTTP/1.0 to the server and drops `Upgrade` and
`Connection`; after `proxy_read_timeout` without traffic it ends the TCP connection, without a Close frame.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import trio

NGINX = b"nginx/1.22.1"
_HOP_BY_HOP = (b"upgrade:", b"connection:")


@dataclass(frozen=True)
class StrippingProxy:
    """Forwards one request per connection, without its `Upgrade`."""

    port: int
    """Where the server listens."""

    async def serve(self, stream: trio.SocketStream) -> None:
        head, body = await _read_head(stream)
        if not head:
            return
        request, *lines = head.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(_HOP_BY_HOP)]
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as server:
            await server.send_all(b"\r\n".join((request, *kept, b"Connection: close", b"", b"")) + body)
            body += await self._rest(stream, lines, len(body), server)
            head, start = await _read_head(server)
            status, *headers = head.split(b"\r\n")
            shown = [line for line in headers if not line.lower().startswith((b"connection:", b"server:"))]
            await stream.send_all(b"\r\n".join((status, b"Server: " + NGINX, *shown, b"Connection: close", b"", start)))
            async for chunk in server:
                await stream.send_all(chunk)
        await stream.aclose()

    async def _rest(self, stream: trio.SocketStream, lines: list[bytes], had: int, server: trio.SocketStream) -> bytes:
        """Pass on what is left of the request's body."""
        lengths = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
        rest = b""
        while lengths and had + len(rest) < lengths[0]:
            chunk = await stream.receive_some()
            await server.send_all(chunk)
            rest += chunk
        return rest


@dataclass(frozen=True)
class IdleCutProxy:
    """Relays bytes, and ends a connection on which nothing came for this many seconds."""

    port: int
    seconds: float

    async def serve(self, stream: trio.SocketStream) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as server, trio.open_nursery() as nursery:
            deadline = nursery.cancel_scope
            deadline.deadline = trio.current_time() + self.seconds
            nursery.start_soon(self._relay, stream, server, deadline)
            nursery.start_soon(self._relay, server, stream, deadline)
        await trio.aclose_forcefully(stream)

    async def _relay(self, source: trio.SocketStream, sink: trio.SocketStream, deadline: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for chunk in source:
                deadline.deadline = trio.current_time() + self.seconds
                await sink.send_all(chunk)
        deadline.cancel()


async def _read_head(stream: trio.SocketStream) -> tuple[bytes, bytes]:
    """Read up to the end of a head; return it without its last line break, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = await stream.receive_some()
        if not chunk:
            return b"", b""
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest
