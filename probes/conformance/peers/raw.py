"""A WebSocket of which every byte is the case's own: for frames that a library refuses to send.

The handshake and the reading stand on wsproto, without I/O; what is sent after the handshake is not checked.
"""

from __future__ import annotations

import os
import struct
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
from probes.conformance.peers.wire_log import CLIENT, TO_CLIENT
from probes.conformance.verdict import fail

if TYPE_CHECKING:
    from probes.conformance.peers.waiting import Waiter

TEXT, BINARY_FRAME, CONTINUATION, PING, CLOSE = 0x1, 0x2, 0x0, 0x9, 0x8
_FIN: Final = 0x80
_MASKED: Final = 0x80
_SHORT, _MEDIUM, _LONG = 125, 126, 127
_LONGEST_MEDIUM: Final = 0xFFFF


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """Make a client's frame, legal or not."""
    head = bytes([(_FIN if fin else 0) | reserved << 4 | opcode])
    size = len(payload)
    mask_bit = _MASKED if masked else 0
    if size <= _SHORT:
        head += bytes([mask_bit | size])
    elif size <= _LONGEST_MEDIUM:
        head += bytes([mask_bit | _MEDIUM]) + struct.pack(">H", size)
    else:
        head += bytes([mask_bit | _LONG]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


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
    _protocol: WSConnection = field(default_factory=lambda: WSConnection(ConnectionType.CLIENT))

    async def open(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Shake hands, or end the case."""
        request = Request(host=self.host, target=self.path, extra_headers=headers)
        await self.stream.send_all(self._protocol.send(request))
        with trio.move_on_after(SOON):
            while await self._read():
                pass
            return
        fail("the bridge accepts the upgrade", "it did not answer")

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
                fail("the bridge accepts the upgrade", f"HTTP {status}")
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

    async def until_ended(self, within: float = SOON) -> bool:
        """Read until the bridge ends TCP or has sent a close frame. Says whether it did."""
        with trio.move_on_after(within):
            while not self.ended and self.close_code is None:
                await self._read()
        return self.ended or self.close_code is not None

    async def until_pong(self, payload: bytes, within: float = SOON) -> bool:
        """Read until a pong with this payload came. Says whether it did."""
        with trio.move_on_after(within):
            while payload not in self.pongs and not self.ended:
                await self._read()
        return payload in self.pongs
