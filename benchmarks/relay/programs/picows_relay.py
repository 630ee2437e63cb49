"""A relay that only forwards, on picows and uvloop: about the least that a round trip can cost in Python.

Run with the upstream's URL; it prints its port. It parses nothing, buffers nothing and has no sessions. A client must
not send before the upstream's first event.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_connect, ws_create_server


class Side(WSListener):
    """One of the two connections of a call: what it receives goes to the other."""

    def __init__(self) -> None:
        self.other: WSTransport | None = None

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Forward the frame."""
        if self.other is not None and frame.msg_type == WSMsgType.TEXT:
            self.other.send(WSMsgType.TEXT, frame.get_payload_as_bytes())

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Close the other connection too."""
        if self.other is not None:
            self.other.disconnect()


class Client(Side):
    """The client's side, which dials the upstream."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = upstream

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Start to dial; a client waits for the upstream's first event before it sends."""
        self._dialling = asyncio.get_running_loop().create_task(self._dial(transport))

    async def _dial(self, transport: WSTransport) -> None:
        def joined() -> WSListener:
            side = Side()
            side.other = transport
            return side

        self.other, _ = await ws_connect(joined, self._upstream)


async def main(upstream: str) -> None:
    """Serve until killed."""

    def accept(_request: WSUpgradeRequest) -> WSListener:
        return Client(upstream)

    server = await ws_create_server(accept, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
