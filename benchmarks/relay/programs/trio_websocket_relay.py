"""A relay that only forwards, on trio-websocket. Run with the upstream's URL; it prints its port."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    WebSocketServer,
    open_websocket_url,
    serve_websocket,
)


async def _forward(source: WebSocketConnection, target: WebSocketConnection, scope: trio.CancelScope) -> None:
    with suppress(ConnectionClosed):
        while True:
            await target.send_message(await source.get_message())
    scope.cancel()


async def _relay(upstream: str, request: WebSocketRequest) -> None:
    client = await request.accept()
    async with open_websocket_url(upstream) as service, trio.open_nursery() as nursery:
        nursery.start_soon(_forward, client, service, nursery.cancel_scope)
        nursery.start_soon(_forward, service, client, nursery.cancel_scope)


async def main(upstream: str) -> None:
    """Serve until killed."""
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, partial(_relay, upstream), "127.0.0.1", 0, ssl_context=None)
        server: WebSocketServer = await nursery.start(serve)
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, sys.argv[1])
