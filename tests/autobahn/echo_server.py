"""The server for Autobahn's fuzzing client: our HTTP server, a WebSocketLink, and a handler that echoes everything.

Run: python -m tests.autobahn.echo_server [port]. Its limits allow section 9 (16 MiB messages, 64-byte
fragments); other tests check limits. Do not use this server for anything else.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.http import text_response
from bridge.transport.http_server import serve_tcp

if TYPE_CHECKING:
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.http_server import WebSocketUpgrade
    from bridge.transport.link import Link

#: The largest message of section 9, and the frames of its finest cut: 4 MiB by 64 bytes, and an empty last one.
MAX_SIZE: Final = 16 * 2**20
MAX_FRAGMENTS: Final = 4 * 2**20 // 64 + 1


async def echo(link: Link) -> None:
    """Echo messages until the peer closes, which raises LinkClosed."""
    while True:
        message = await link.receive()
        await (link.send_text(message) if isinstance(message, str) else link.send_binary(message))


async def _accept(upgrade: WebSocketUpgrade) -> None:
    await echo(await upgrade.accept(max_size=MAX_SIZE, max_fragments=MAX_FRAGMENTS))


async def _no_page(_request: HttpRequest) -> HttpResponse:
    return text_response(404, "only WebSockets are served here")


async def serve_echo(
    port: int = 0, *, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
) -> None:
    """Listen on loopback until cancelled; `task_status` gets the address."""
    await serve_tcp(http=_no_page, websocket=_accept, port=port, task_status=task_status)


async def _main(port: int) -> None:
    async with trio.open_nursery() as nursery:
        host, bound = await nursery.start(partial(serve_echo, port))
        sys.stderr.write(f"echoing at ws://{host}:{bound}\n")


if __name__ == "__main__":
    trio.run(_main, int(sys.argv[1]) if len(sys.argv) > 1 else 9101)
