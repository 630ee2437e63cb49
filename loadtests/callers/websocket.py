"""The callers' WebSocket: websocket-client on gevent's own sockets, without monkey-patching.

Writing a frame and reading what has arrived are optimized, since each caller does both 50 times a second. One greenlet
may receive; several may send.
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

#: Every exception that means the end of a socket.
SOCKET_ERRORS = (OSError, websocket.WebSocketException)
_BINARY, _TEXT = 0x82, 0x81
_MASKED, _SHORT, _MIDDLE = 0x80, 126, 1 << 16
#: One read takes up to this many bytes: usually several frames.
_READ_BYTES = 65_536
_NO_CODE = 1005
#: Masking keys are drawn from a small set. Making a new one for each frame costs more than the rest of it. RFC 6455
#: wants unpredictable keys to protect proxies from browsers, which these callers are not.
_MASK_BITS = 4
_MASKS = tuple(os.urandom(4) for _ in range(1 << _MASK_BITS))
#: A close frame carries its code in 2 bytes, or none.
_CODE_BYTES = 2


class SocketClosed(ConnectionError):  # noqa: N818 - an end, not always a fault
    """The peer closed the socket with a close frame. `code` is its close code, or 1005 if it has none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class _Socket(websocket.WebSocket):
    """Reads all available data at once; websocket-client reads each header separately."""

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
    """A WebSocket of one caller. One greenlet sends while another receives."""

    _web: Any
    _sending: Any = field(default_factory=Semaphore)
    """Held while a frame is written: by the sender, and by the receiver for its pongs."""

    @classmethod
    def connect(cls, address: str, headers: tuple[str, ...] = (), *, read_bytes: int = 0) -> Self:
        """Connect and upgrade. Raises one of SOCKET_ERRORS. Bound the time with `gevent.Timeout`.

        Sends no `Origin` unless `headers` has one: callers are not web pages, and a bridge may allow only its own.

        `read_bytes` limits the receive buffer of the kernel, so that the bridge notices a slow reader.
        """
        stream = _open_stream(address, read_bytes)
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
        web.lock = wire._sending  # the library's own frames (pongs, closes) take this lock, too
        return wire

    def send(self, frame: str | bytes) -> bool:
        """Send text, or bytes as a binary frame. Raises one of SOCKET_ERRORS.

        Returns whether the kernel took the frame without a wait: if not, the bridge is blocking this caller.
        """
        data = frame.encode() if isinstance(frame, str) else frame
        head = _TEXT if isinstance(frame, str) else _BINARY
        encoded = _masked(head, data)
        loop = gevent.get_hub().loop
        before = loop.iteration
        with self._sending:
            if self._web.sock is None:
                raise websocket.WebSocketConnectionClosedException("the socket is closed")
            self._web.sock.sendall(encoded)
        return bool(loop.iteration == before)

    def receive(self) -> str | bytes:
        """Return the next data frame and answer pings on the way. Raises SocketClosed or another of SOCKET_ERRORS."""
        opcode: int
        data: bytes
        opcode, data = self._web.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise SocketClosed(int.from_bytes(data[:_CODE_BYTES], "big") if len(data) >= _CODE_BYTES else _NO_CODE)
        return data if opcode == websocket.ABNF.OPCODE_BINARY else data.decode(errors="replace")

    def send_close(self) -> None:
        """Send a close frame with code 1000. Raises one of SOCKET_ERRORS."""
        self._web.send_close()

    def abort(self) -> None:
        """Drop the socket without a close frame and wake the receiver. Never raises."""
        stream = self._web.sock
        if stream is not None:
            with suppress(OSError):  # the peer was faster
                stream.shutdown(socket.SHUT_RDWR)
            self._web.shutdown()


def _open_stream(address: str, read_bytes: int) -> Any:
    parts = urlsplit(address)
    is_tls = parts.scheme == "wss"
    host, port = parts.hostname or "", parts.port or (443 if is_tls else 80)
    stream = _dial(host, port, read_bytes)
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _tls_context().wrap_socket(stream, server_hostname=host) if is_tls else stream
    except BaseException:
        stream.close()
        raise


def _tls_context() -> gevent.ssl.SSLContext:
    """Load the system's certificates. gevent's default context blocks all greenlets unless the process is patched."""
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context


def _dial(host: str, port: int, read_bytes: int) -> Any:
    """Try each address in turn. The receive buffer must be set before connecting."""
    last: OSError = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        stream = gevent.socket.socket(family, kind, protocol)
        try:
            if read_bytes:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
            stream.connect(address)
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
    """Encode one frame. The mask is applied to the whole payload at once, as one large number."""
    size = len(data)
    mask_index = random.getrandbits(_MASK_BITS)
    masked = int.from_bytes(data, "little") ^ _repeated_mask(mask_index, size)
    if size < _SHORT:
        opening = bytes((head, _MASKED | size))
    elif size < _MIDDLE:
        opening = struct.pack("!BBH", head, _MASKED | _SHORT, size)
    else:
        opening = struct.pack("!BBQ", head, _MASKED | _SHORT + 1, size)
    return b"".join((opening, _MASKS[mask_index], masked.to_bytes(size, "little")))


@lru_cache(maxsize=512)
def _repeated_mask(mask_index: int, size: int) -> int:
    return int.from_bytes((_MASKS[mask_index] * (size // 4 + 1))[:size], "little")
