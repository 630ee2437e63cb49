"""Two WebSocket links joined in memory, without a handshake: for tests and for simulation on a virtual clock."""

from __future__ import annotations

import trio.testing
from websockets.protocol import Side

from bridge.protocol.events.limits import MAX_MESSAGE_BYTES
from bridge.transport.websocket import WebSocketLink


def memory_link_pair(
    *, max_size: int | None = MAX_MESSAGE_BYTES, defer_close: bool = False
) -> tuple[WebSocketLink, WebSocketLink]:
    """Return a client's and a server's link. Real frames go between them; sending never blocks.

    `max_size` applies to both, `defer_close` to the server's.
    """
    ours, theirs = trio.testing.memory_stream_pair()
    return (
        WebSocketLink(ours, Side.CLIENT, max_size=max_size, peer="memory:server"),
        WebSocketLink(theirs, Side.SERVER, max_size=max_size, peer="memory:client", defer_close=defer_close),
    )
