"""A peer that is connected and reads nothing: closing closes the real socket, even if it is cancelled at any time."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
import trustme
from websockets.protocol import Side

from bridge.transport.link import LinkClosed
from bridge.transport.sockets import find_socket
from bridge.transport.websocket import CLOSE_SECONDS, WebSocketLink
from bridge.upstream.dial.tls import default_tls_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

#: More than the kernel takes for a peer that does not read.
_MUCH = b"a" * (16 * 2**20)


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Give a server's and a client's settings for TLS."""
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), default_tls_context()
    authority.issue_cert("localhost").configure_cert(serving)
    authority.configure_trust(trusting)
    return serving, trusting


@asynccontextmanager
async def half_open(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None,
) -> AsyncGenerator[tuple[WebSocketLink, trio.abc.Stream], None]:
    """Join a link with a peer that reads nothing, over loopback."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, await trio.testing.open_stream_to_socket_listener(listener) as theirs:
        ours: trio.abc.Stream = await listener.accept()
        if contexts is None:
            yield WebSocketLink(ours, Side.SERVER), theirs
            return
        ours = trio.SSLStream(ours, contexts[0], server_side=True, https_compatible=True)
        peer = trio.SSLStream(theirs, contexts[1], server_hostname="localhost", https_compatible=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.do_handshake)
            await ours.do_handshake()
        yield WebSocketLink(ours, Side.SERVER), theirs


async def _blocked_send(link: WebSocketLink) -> None:
    with pytest.raises(LinkClosed):
        await link.send_text(_MUCH)


@pytest.mark.parametrize("after", [0.0, 0.05])
@pytest.mark.parametrize("blocked", [False, True], ids=["idle", "blocked"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_close_that_is_cancelled_leaves_no_socket_open(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], tls: bool, blocked: bool, after: float
) -> None:
    with trio.fail_after(5):
        async with half_open(contexts if tls else None) as (link, _), trio.open_nursery() as nursery:
            ours = find_socket(link.stream)
            assert ours is not None
            if blocked:
                nursery.start_soon(_blocked_send, link)
                await trio.testing.wait_all_tasks_blocked(0.02)  # the kernel's buffers are full
            began = trio.current_time()
            with trio.move_on_after(after):
                await link.close(1001, "bye")
            assert trio.current_time() - began < CLOSE_SECONDS / 2
            assert ours.fileno() == -1
