"""The server for Autobahn's fuzzing client: our HTTP server, a link that pulls or pushes, and an echo of everything.

Run: python -m tests.autobahn.echo_server [port] [push]. Its limits allow section 9 (16 MiB messages, 64-byte
fragments); other tests check limits. Do not use this server for anything else.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.carriers import carrier_for
from bridge.transport.http import text_response
from bridge.transport.http_server import serve_tcp
from bridge.transport.push_link import PushLink

if TYPE_CHECKING:
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.http_server import WebSocketUpgrade
    from bridge.transport.link import Link, LinkClosed
    from bridge.transport.websocket import WebSocketLink

#: The largest message of section 9, and the frames of its finest cut: 4 MiB by 64 bytes, and an empty last one.
MAX_SIZE: Final = 16 * 2**20
MAX_FRAGMENTS: Final = 4 * 2**20 // 64 + 1


async def echo(link: Link) -> None:
    """Echo messages until the peer closes, which raises LinkClosed."""
    while True:
        message = await link.receive()
        await (link.send_text(message) if isinstance(message, str) else link.send_binary(message))


class PushEcho:
    """Echoes what a PushLink hands over."""

    def __init__(self, link: PushLink) -> None:
        self._link = link

    def on_text(self, data: bytes) -> None:
        assert self._link.send_text(data)

    def on_binary(self, data: bytes) -> None:
        assert self._link.send_binary(data)

    def on_control_frames(self, frames: int) -> None:
        """Fragments and pings are welcome."""

    def on_too_large(self, reason: str) -> None:
        raise AssertionError(reason)


async def push_echo(accepted: WebSocketLink) -> LinkClosed:
    """Echo messages until the peer closes."""
    link = PushLink(accepted, max_unsent_bytes=4 * MAX_SIZE, make_carrier=carrier_for)
    return await link.run(PushEcho(link))


async def _accept_and_push(upgrade: WebSocketUpgrade) -> None:
    await push_echo(await upgrade.accept(max_size=MAX_SIZE, max_fragments=MAX_FRAGMENTS))


async def _accept(upgrade: WebSocketUpgrade) -> None:
    await echo(await upgrade.accept(max_size=MAX_SIZE, max_fragments=MAX_FRAGMENTS))


async def _no_page(_request: HttpRequest) -> HttpResponse:
    return text_response(404, "only WebSockets are served here")


async def serve_echo(
    port: int = 0, *, push: bool = False, task_status: trio.TaskStatus[tuple[str, int]] = trio.TASK_STATUS_IGNORED
) -> None:
    """Listen on loopback until cancelled; `task_status` gets the address. `push` lets links push their messages."""
    websocket = _accept_and_push if push else _accept
    await serve_tcp(http=_no_page, websocket=websocket, port=port, task_status=task_status)


async def _main(port: int, *, push: bool) -> None:
    async with trio.open_nursery() as nursery:
        host, bound = await nursery.start(partial(serve_echo, port, push=push))
        sys.stderr.write(f"echoing at ws://{host}:{bound}\n")


if __name__ == "__main__":
    trio.run(partial(_main, int(sys.argv[1]) if len(sys.argv) > 1 else 9101, push="push" in sys.argv[2:]))
