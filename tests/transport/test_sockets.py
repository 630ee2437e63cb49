"""The socket below a stream: peer name and reset."""

from __future__ import annotations

import os
import socket

import pytest
import trio
import trio.testing
from websockets.protocol import Side

from bridge.transport.sockets import UNREAD_SECONDS, bound_close, find_socket, peer_name, reset_stream
from bridge.transport.websocket import WebSocketLink


async def tcp_pair(host: str = "127.0.0.1") -> tuple[trio.SocketStream, trio.SocketStream]:
    [listener] = await trio.open_tcp_listeners(0, host=host)
    client = await trio.testing.open_stream_to_socket_listener(listener)
    server = await listener.accept()
    await listener.aclose()
    return client, server


async def test_the_peer_name_is_address_and_port() -> None:
    with trio.fail_after(5):
        client, server = await tcp_pair()
        port = client.socket.getsockname()[1]
        assert peer_name(server) == f"127.0.0.1:{port}"
        await client.aclose()
        await server.aclose()
        assert peer_name(server) == "unknown"
    assert peer_name(trio.testing.memory_stream_pair()[0]) == "memory"


async def test_small_frames_are_sent_at_once() -> None:
    with trio.fail_after(5):
        for stream in await tcp_pair():
            assert stream.socket.getsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY)
            await stream.aclose()


async def test_aborting_a_link_resets_the_connection() -> None:
    with trio.fail_after(5):
        client, server = await tcp_pair()
        await WebSocketLink(server, Side.SERVER).abort()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.receive_some()
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        await client.aclose()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no such option")
async def test_the_system_keeps_what_a_server_did_not_get_rid_of_for_half_a_minute_at_most() -> None:
    with trio.fail_after(5):
        client, server = await tcp_pair()
        same = socket.socket(fileno=os.dup(server.socket.fileno()))
        link = WebSocketLink(server, Side.SERVER)
        await client.aclose()
        await link.close()
        assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREAD_SECONDS * 1000
        same.close()
        bound_close(server)  # closed already: nothing happens
        bound_close(trio.testing.memory_stream_pair()[0])


async def test_resetting_twice_does_nothing() -> None:
    with trio.fail_after(5):
        client, server = await tcp_pair()
        await reset_stream(server)
        await reset_stream(server)
        await client.aclose()
    memory, _ = trio.testing.memory_stream_pair()
    await reset_stream(memory)
    assert find_socket(memory) is None
