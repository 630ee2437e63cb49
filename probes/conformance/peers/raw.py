"""A WebSocket of which every byte is the case's own: for frames that a library refuses to send.

The handshake and the reading stand on wsproto, without I/O; what is sent after the handshake is not checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    Pong,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from probes.conformance.bounds import SOON
from probes.conformance.peers.frames import frame, frame_head
from probes.conformance.peers.refused import Refused
from probes.conformance.peers.wire_log import CLIENT, TO_CLIENT
from probes.conformance.verdict import fail

if TYPE_CHECKING:
    from probes.conformance.peers.waiting import Waiter
_BLOCK: Final = 256 * 1024


@dataclass(slots=True)
class RawSocket:
    """One WebSocket, opened, with the rest in the case's hands."""

    stream: trio.abc.Stream
    waiter: Waiter
    host: str
    path: str
    texts: list[str] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    close_code: int | None = None
    """The code of the bridge's close frame; None until one came."""
    ended: bool = False
    """Whether TCP has ended."""
    _refused: Refused | None = None
    _protocol: WSConnection = field(default_factory=lambda: WSConnection(ConnectionType.CLIENT))

    async def open(self, headers: list[tuple[bytes, bytes]]) -> Refused | None:
        """Shake hands. Return how the bridge refused; a bridge that doesn't answer ends the case."""
        request = Request(host=self.host, target=self.path, extra_headers=headers)
        await self.stream.send_all(self._protocol.send(request))
        with trio.move_on_after(SOON) as waiting:
            while await self._read():
                pass
        if waiting.cancelled_caught:
            fail("the bridge accepts the upgrade", "it did not answer")
        return self._refused

    async def _read(self) -> bool:
        """Read once. False if the handshake is done, or the socket has ended."""
        try:
            data = await self.stream.receive_some(65_536)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            self.ended = True
            self.waiter.log.add(TO_CLIENT, "ends TCP", "raw")
            return False
        try:
            self._protocol.receive_data(bytes(data))
            events = list(self._protocol.events())
        except RemoteProtocolError as error:
            fail("the bridge speaks WebSocket", f"an invalid frame: {error}")
        taken = [self._take(event) for event in events]
        return all(taken)

    def _take(self, event: Event) -> bool:
        match event:
            case AcceptConnection():
                return False
            case RejectConnection(status_code=status):
                self._refused = Refused(status)
                return False
            case TextMessage(data=text):
                self.texts.append(text)
            case Pong(payload=payload):
                self.pongs.append(bytes(payload))
            case CloseConnection(code=code):
                self.close_code = code
            case Ping() | BytesMessage() | _:
                pass
        self.waiter.log.add(TO_CLIENT, type(event).__name__, "raw")
        return True

    async def send(self, data: bytes, what: str) -> None:
        """Send bytes."""
        self.waiter.log.add(CLIENT, what, "raw")
        try:
            await self.stream.send_all(data)
        except trio.BrokenResourceError:
            self.ended = True

    async def send_frame(
        self, opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True
    ) -> None:
        """Send one frame, legal or not."""
        await self.send(frame(opcode, payload, fin=fin, reserved=reserved, masked=masked), f"frame {opcode:#x}")

    async def send_endless(self, opcode: int, *, size: int, most: int) -> None:
        """Announce a frame of `size` bytes and send at most `most` of it, until the bridge ends the socket."""
        await self.send(frame_head(opcode, size) + b"\0\0\0\0", f"frame of {size} bytes")
        block = b"x" * _BLOCK
        with trio.move_on_after(4 * SOON):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_on)
                for _ in range(most // _BLOCK):
                    if self.ended or self.close_code is not None:
                        break
                    try:
                        await self.stream.send_all(block)
                    except (trio.BrokenResourceError, trio.ClosedResourceError):
                        break
                nursery.cancel_scope.cancel()

    async def blast(self, data: bytes, *, seconds: float) -> None:
        """Send the same bytes again and again, as fast as they are taken, until the bridge ends the socket.

        At most for so many seconds, and longer on a machine that is late: it sends more slowly, too.
        """
        self.waiter.log.add(CLIENT, f"blocks of {len(data)} bytes", "raw")
        async with self.waiter.bounded(seconds), trio.open_nursery() as nursery:
            nursery.start_soon(self._read_on)
            while not self.ended and self.close_code is None:
                try:
                    await self.stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
            with trio.move_on_after(SOON):
                await self._until_over()
            nursery.cancel_scope.cancel()

    async def _until_over(self) -> None:
        while not self.ended and self.close_code is None:
            await self.waiter.log.changed()

    async def _read_on(self) -> None:
        while not self.ended and self.close_code is None:
            await self._read()

    async def until_ended(self, within: float = SOON) -> bool:
        """Read until the bridge ends TCP or has sent a close frame. Says whether it did."""
        async with self.waiter.bounded(within):
            while not self.ended and self.close_code is None:
                await self._read()
        return self.ended or self.close_code is not None

    async def until_tcp_ended(self, within: float = SOON) -> bool:
        """Read until the bridge ends TCP. Says whether it did."""
        async with self.waiter.bounded(within):
            while not self.ended:
                await self._read()
        return self.ended

    async def until_pong(self, payload: bytes, within: float = SOON) -> bool:
        """Read until a pong with this payload came. Says whether it did."""
        async with self.waiter.bounded(within):
            while payload not in self.pongs and not self.ended:
                await self._read()
        return payload in self.pongs

    async def until_text(self, part: str, within: float = SOON) -> bool:
        """Read until a text message with this part came. Says whether it did."""
        async with self.waiter.bounded(within):
            while not any(part in text for text in self.texts) and not self.ended:
                await self._read()
        return any(part in text for text in self.texts)
