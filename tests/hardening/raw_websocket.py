"""Requests and frames written by hand, as an attacker does."""

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
    """Return a valid upgrade request with additional header lines."""
    usual = (f"GET {path} HTTP/1.1", "Host: bridge.test", "Upgrade: websocket", "Connection: Upgrade")
    rest = ("Sec-WebSocket-Version: 13", *((key,) if key else ()), f"Authorization: Bearer {token}", *lines)
    return (end.join((*usual, *rest)) + end + end).encode("latin-1")


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """Return one frame, valid or not; clients send `masked` ones."""
    first = (0x80 if last else 0) | rsv << 4 | opcode
    if len(payload) < 126:
        size = bytes([(0x80 if masked else 0) | len(payload)])
    else:
        size = bytes([(0x80 if masked else 0) | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return bytes([first]) + size + payload
    return bytes([first]) + size + b"\0\0\0\0" + payload  # a mask of zeros changes nothing


async def status_of(bridge: BridgeProcess, request: bytes, *, seconds: float = 5) -> int:
    """Send a request and return the status of the response; 0 if the connection ends without one."""
    stream = await bridge.open_tcp()
    answer = b""
    async with stream:
        with trio.fail_after(seconds):
            with suppress(trio.BrokenResourceError):  # the bridge may have closed already
                await stream.send_all(request)
            with suppress(trio.BrokenResourceError):
                while b"\r\n" not in answer and (data := await stream.receive_some()):
                    answer += data
    return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else 0


async def receive_until_closed(stream: trio.abc.Stream, *, seconds: float) -> bytes:
    """Read to the end of the TCP connection, which must come within `seconds`."""
    found = b""
    with trio.fail_after(seconds):
        with suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                found += data
    return found


def random_bytes(n_bytes: int) -> bytes:
    """Return random bytes."""
    return os.urandom(n_bytes)
