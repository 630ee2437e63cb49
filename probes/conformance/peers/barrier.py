"""Waits until a server has served everything that was sent to it before: a plain HTTP request behind it.

Connections are accepted in their order, so between two cases an answer of the bridge shows that it knows of the clients
that left, and an answer of the upstream that no dial of the bridge is left over for the next case.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import trio

_SECONDS: Final = 2.0


async def until_answered(host: str, port: int) -> None:
    """Send a request, and wait for the first bytes of any answer, for the end, or for a bound."""
    request = f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    with trio.move_on_after(_SECONDS), suppress(OSError, trio.BrokenResourceError):
        async with await trio.open_tcp_stream(host, port) as stream:
            await stream.send_all(request.encode())
            await stream.receive_some()
