"""The raw other end of a link under test."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from websockets.frames import Frame, Opcode
from websockets.protocol import Side

from bridge.transport.codec import Codec
from bridge.transport.link import LinkClosed
from bridge.transport.websocket import WebSocketLink

SIDES = pytest.mark.parametrize("side", [Side.SERVER, Side.CLIENT])


def link_and_peer(
    side: Side, *, max_size: int | None = 1000
) -> tuple[WebSocketLink, trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]]:
    """A link, and the raw other end of its stream."""
    ours, theirs = trio.testing.memory_stream_pair()
    return WebSocketLink(ours, side, max_size=max_size, peer="test"), theirs


def peer_frame(side: Side, opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame as the peer of this side sends it: masked for a server."""
    return Frame(opcode, payload, fin).serialize(mask=side is Side.SERVER)


def peer_codec(side: Side) -> Codec:
    """A codec that reads the frames that this side sends."""
    return Codec(Side.CLIENT if side is Side.SERVER else Side.SERVER, max_size=None, max_fragments=100_000)


async def read_to_end(raw: trio.abc.ReceiveStream, side: Side) -> tuple[Codec, float]:
    """Read everything until the link closes the stream, and return when that was."""
    codec = peer_codec(side)
    while data := await raw.receive_some():
        if codec.is_open:
            codec.receive_data(data)
    return codec, trio.current_time()


async def closed_with(link: WebSocketLink) -> LinkClosed:
    try:
        while True:
            await link.receive()
    except LinkClosed as end:
        return end


class CloggedStream(trio.abc.Stream):
    """A stream whose writes send the first byte and then wait for `unclog`."""

    def __init__(self, inner: trio.abc.Stream) -> None:
        self.inner = inner
        self.unclog = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.inner.send_all(data[:1])
        await self.unclog.wait()
        await self.inner.send_all(data[1:])

    async def wait_send_all_might_not_block(self) -> None:
        await self.unclog.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.inner.aclose()
