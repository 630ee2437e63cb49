"""Requests and frames as an attacker writes them: by hand."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import trio

from tests.hardening.harness import CLIENT_PATH, TOKEN

if TYPE_CHECKING:
    from tests.hardening.harness import BridgeProcess

KEY_LINE = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


def upgrade_request(
    *lines: str, path: str = CLIENT_PATH, key: str = KEY_LINE, token: str = TOKEN, end: str = "\r\n"
) -> bytes:
    """An upgrade that would be let in, and what else is asked to stand in it."""
    usual = (f"GET {path} HTTP/1.1", "Host: bridge.test", "Upgrade: websocket", "Connection: Upgrade")
    rest = ("Sec-WebSocket-Version: 13", *((key,) if key else ()), f"Authorization: Bearer {token}", *lines)
    return (end.join((*usual, *rest)) + end + end).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """One frame, whatever the rules say; `masked` as clients do it."""
    first = (0x80 if last else 0) | rsv << 4 | opcode
    if len(payload) < 126:
        size = bytes([(0x80 if masked else 0) | len(payload)])
    else:
        size = bytes([(0x80 if masked else 0) | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return bytes([first]) + size + payload
    return bytes([first]) + size + b"\0\0\0\0" + payload  # a mask of zeros changes nothing


async def status_of(house: BridgeProcess, request: bytes, *, seconds: float = 5) -> int:
    """Send a request and give the status of the answer; 0 when the connection ends without one."""
    stream = await house.open_tcp()
    answer = b""
    async with stream:
        with trio.fail_after(seconds):
            with suppress(trio.BrokenResourceError):  # it may have heard enough
                await stream.send_all(request)
            with suppress(trio.BrokenResourceError):
                while b"\r\n" not in answer and (data := await stream.receive_some()):
                    answer += data
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


async def receive_until_closed(stream: trio.abc.Stream, *, seconds: float) -> bytes:
    """Read all there is to the end of the TCP connection, which must come in time."""
    found = b""
    with trio.fail_after(seconds):
        with suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                found += data
    return found


def random_bytes(n_bytes: int) -> bytes:
    """Bytes that nothing can be made of."""
    return os.urandom(n_bytes)
