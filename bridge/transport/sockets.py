"""What the toolkit needs of the socket below a stream: the peer's address, a reset, and an end within bounds."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import Final

import trio

#: SO_LINGER on, zero seconds: closing the socket sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)
#: How long the system goes on offering bytes to a peer that does not take them, after the socket was closed.
UNREAD_SECONDS: Final = 30.0


def find_socket(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """Return the socket below a stream, through TLS; None for a stream without a socket."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None


def peer_name(stream: trio.abc.Stream) -> str:
    """Return the peer's address: `127.0.0.1:51234`, `[::1]:51234`, `memory` without a socket, or `unknown`."""
    sock = find_socket(stream)
    if sock is None:
        return "memory"
    try:
        host, port = sock.getpeername()[:2]
    except (OSError, ValueError):
        return "unknown"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def reset_stream(stream: trio.abc.Stream) -> None:
    """Close a stream at once; a TCP connection is reset. Never blocks, never raises."""
    sock = find_socket(stream)
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    await trio.aclose_forcefully(stream)


def bound_close(stream: trio.abc.Stream, seconds: float = UNREAD_SECONDS) -> None:
    """Let the system keep what is unsent for so long at most, once the stream is closed. Call it before you close it.

    Without this, Linux keeps the socket of a peer that is there and never reads for minutes. Elsewhere nothing happens.
    """
    sock, option = find_socket(stream), getattr(socket, "TCP_USER_TIMEOUT", None)
    if sock is not None and option is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # it is closed already
            sock.setsockopt(socket.IPPROTO_TCP, option, int(seconds * 1000))
