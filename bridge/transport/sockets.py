"""What is asked of the socket under a stream: its far end, and a reset. Nothing for streams that have none."""

from __future__ import annotations

import socket
import struct

import trio

#: Linger for zero seconds: closing sends a reset instead of the usual end.
_RESET = struct.pack("ii", 1, 0)


def find_socket(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """Find the socket under a stream, through TLS; None when there is none."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None


def peer_name(stream: trio.abc.Stream) -> str:
    """Name the far end: `127.0.0.1:51234`, `[::1]:51234`, or `memory`."""
    sock = find_socket(stream)
    if sock is None:
        return "memory"
    try:
        host, port = sock.getpeername()[:2]
    except (OSError, ValueError):
        return "unknown"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def reset_stream(stream: trio.abc.Stream) -> None:
    """Close a stream without a goodbye: TCP is reset. Never blocks, never raises."""
    sock = find_socket(stream)
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    await trio.aclose_forcefully(stream)
