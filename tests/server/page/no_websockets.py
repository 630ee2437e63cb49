"""A proxy before a bridge that refuses WebSockets, as some companies' do. It can also hold streams back, and cut."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFUSAL = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class NoWebSockets(socketserver.ThreadingTCPServer):
    """Passes each connection on, unless it begins with an upgrade."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, bridge: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        host, _, port = bridge.partition(":")
        self.bridge = (host, int(port))
        self.blocks = True
        self.refused = 0
        self.holds_streams = False
        """Whether server-sent events arrive only when their response is over."""
        self.open: set[socket.socket] = set()
        self.address = "{}:{}".format(*self.server_address)

    def cut(self) -> None:
        """Cut every connection, in the middle of what it carries."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(socketserver.BaseRequestHandler):
    server: NoWebSockets

    def handle(self) -> None:
        with suppress(OSError):  # either side may go at any time
            self._handle(self.request)

    def _handle(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65_536)
            if not piece:
                return
            head += piece
        if self.server.blocks and b"\r\nupgrade: websocket" in head.lower():
            self.server.refused += 1
            client.sendall(_REFUSAL)
            return
        with socket.create_connection(self.server.bridge) as bridge:
            self.server.open |= {client, bridge}
            bridge.sendall(head)
            back = threading.Thread(target=_pass_on, args=(bridge, client, self.server.holds_streams), daemon=True)
            back.start()
            _pass_on(client, bridge)
            back.join()
            self.server.open -= {client, bridge}


def _pass_on(source: socket.socket, target: socket.socket, holds_streams: bool = False) -> None:
    held = b""
    with suppress(OSError):
        while piece := source.recv(65_536):
            if held or (holds_streams and b"content-type: text/event-stream" in piece.lower()):
                held += piece
            else:
                target.sendall(piece)
        target.sendall(held)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def without_websockets(bridge: str) -> Iterator[NoWebSockets]:
    """Run the proxy before the bridge at this address while the block runs."""
    with NoWebSockets(bridge) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
