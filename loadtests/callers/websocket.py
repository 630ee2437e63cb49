"""A WebSocket as callers need it: websocket-client on gevent's own sockets. It knows no protocol above frames.

What runs 50 times a second for each caller is made short: writing a frame, and reading what has come. Nothing needs to
be patched for it. One greenlet receives, several may send.
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

import gevent
import gevent.socket
import gevent.ssl
import websocket
from gevent.lock import Semaphore

from loadtests.callers.connect_errors import UpgradeRefused, upgrade_refusal

#: What ends a socket, whichever layer notices.
SOCKET_ERRORS = (OSError, websocket.WebSocketException)
_BINARY, _TEXT = 0x82, 0x81
_MASKED, _SHORT, _MIDDLE = 0x80, 126, 1 << 16
#: One read takes what came, up to this many bytes: several frames, as a rule.
_READ_BYTES = 65_536
_NO_CODE = 1005
#: Masks are drawn from a few that are made once: a fresh one for each frame costs more than the rest of it.
_MASK_BITS = 4
_MASKS = tuple(os.urandom(4) for _ in range(1 << _MASK_BITS))
#: A close frame has its code in so many bytes, or none.
_CODE_BYTES = 2


class SocketClosed(ConnectionError):  # noqa: N818 - an end, not always a fault
    """The peer closed in good form; `code` is the one it gave, 1005 where it gave none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class _Socket(websocket.WebSocket):
    """Reads what has come in one go, where the library asks the system for each header by itself."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.held = b""
        self.read_bytes = _READ_BYTES

    def _recv(self, bufsize: int) -> bytes:
        if not self.held:
            if self.sock is None:
                raise websocket.WebSocketConnectionClosedException("the socket is closed")
            self.held = self.sock.recv(self.read_bytes)
            if not self.held:
                raise websocket.WebSocketConnectionClosedException("the other side is gone")
        piece, self.held = self.held[:bufsize], self.held[bufsize:]
        return piece


@dataclass(slots=True)
class CallerSocket:
    """One open socket."""

    _web: Any
    _sending: Any = field(default_factory=Semaphore)
    """Frames are written whole: the speaker's, and the pongs of whoever reads."""

    @classmethod
    def connect(cls, address: str, headers: tuple[str, ...] = (), *, read_bytes: int = 0) -> Self:
        """Connect and upgrade. Raises one of BROKEN; bounded by the caller's `gevent.Timeout`.

        No `Origin` is sent but one among the headers: callers are no page, and a bridge may allow only its own pages.

        `read_bytes` keeps what the kernel takes in ahead of us to about as much, so that who reads slowly is felt.
        """
        stream = _connected(address, read_bytes)
        web: Any = _Socket(skip_utf8_validation=True)
        try:
            web.connect(address, header=list(headers), socket=stream, suppress_origin=True, redirect_limit=0)
        except websocket.WebSocketBadStatusException as refusal:
            stream.close()
            raise UpgradeRefused(refusal.status_code) from None
        except websocket.WebSocketException as error:
            stream.close()
            raise upgrade_refusal(web) or error from None
        except BaseException:
            stream.close()
            raise
        web.read_bytes = min(_READ_BYTES, read_bytes or _READ_BYTES)
        wire = cls(web)
        web.lock = wire._sending  # the library's own frames, pongs and closes, take their turn too
        return wire

    def send(self, frame: str | bytes) -> bool:
        """Send text, or bytes as binary; says whether the peer took it without a wait. Raises one of BROKEN."""
        data = frame.encode() if isinstance(frame, str) else frame
        head = _TEXT if isinstance(frame, str) else _BINARY
        whole = _masked(head, data)
        loop = gevent.get_hub().loop
        before = loop.iteration
        with self._sending:
            if self._web.sock is None:
                raise websocket.WebSocketConnectionClosedException("the socket is closed")
            self._web.sock.sendall(whole)
        return bool(loop.iteration == before)

    def receive(self) -> str | bytes:
        """Take the next frame; pings are answered on the way. Raises WireClosed, or another of BROKEN."""
        opcode: int
        data: bytes
        opcode, data = self._web.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise SocketClosed(int.from_bytes(data[:_CODE_BYTES], "big") if len(data) >= _CODE_BYTES else _NO_CODE)
        return data if opcode == websocket.ABNF.OPCODE_BINARY else data.decode(errors="replace")

    def send_close(self) -> None:
        """Send a close frame, 1000. Raises one of BROKEN."""
        self._web.send_close()

    def abort(self) -> None:
        """End it as a network does, without a close frame, and wake whoever reads. Never raises."""
        stream = self._web.sock
        if stream is not None:
            with suppress(OSError):  # the other side was faster
                stream.shutdown(socket.SHUT_RDWR)
            self._web.shutdown()


def _connected(address: str, read_bytes: int) -> Any:
    parts = urlsplit(address)
    is_tls = parts.scheme == "wss"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    stream = _dialled(host, port, read_bytes)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _trusting().wrap_socket(stream, server_hostname=host) if is_tls else stream
    except BaseException:
        stream.close()
        raise


def _trusting() -> gevent.ssl.SSLContext:
    """Trust what the system trusts. gevent's own default context would block all greenlets in a process not patched."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context


def _dialled(host: str, port: int, read_bytes: int) -> Any:
    """Try each address in turn; a small window must be asked for before the connection is made."""
    last: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _, place in gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        stream = gevent.socket.socket(family, kind, protocol)
        try:
            if read_bytes:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
            stream.connect(place)
        except OSError as error:
            stream.close()
            last = error
        except BaseException:
            stream.close()
            raise
        else:
            return stream
    raise last


def _masked(head: int, data: bytes) -> bytes:
    """Write one whole frame. The mask is laid over all of it at once, both as one large number."""
    size = len(data)
    which = random.getrandbits(_MASK_BITS)
    laid = int.from_bytes(data, "little") ^ _laid_mask(which, size)
    if size < _SHORT:
        opening = bytes((head, _MASKED | size))
    elif size < _MIDDLE:
        opening = struct.pack("!BBH", head, _MASKED | _SHORT, size)
    else:
        opening = struct.pack("!BBQ", head, _MASKED | _SHORT + 1, size)
    return b"".join((opening, _MASKS[which], laid.to_bytes(size, "little")))


@lru_cache(maxsize=512)
def _laid_mask(which: int, size: int) -> int:
    return int.from_bytes((_MASKS[which] * (size // 4 + 1))[:size], "little")
