"""What moves the bytes of a `PushLink`: the reactor for sockets, also under TLS, and two tasks for any other stream.

`SocketCarrier` and `TlsCarrier` read and write a socket below trio's stream, which must stay unused meanwhile. When
they stop, they give everything back, so that the stream goes on where they were.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

import trio

from bridge.transport.reactor import current_reactor, has_reactor
from bridge.transport.send_buffer import WRITE_BYTES
from bridge.transport.stream_carrier import StreamCarrier

if TYPE_CHECKING:
    from bridge.transport.link import Carrier
    from bridge.transport.push_link import PushLink

__all__ = ["READ_BYTES", "TLS_PARTS", "SocketCarrier", "StreamCarrier", "TlsCarrier", "carrier_for"]

#: Bytes per read, and so the most that one socket is read in a round.
READ_BYTES: Final = 64 * 1024
#: The parts of trio's SSLStream that `TlsCarrier` needs; without them, such a stream gets a StreamCarrier.
TLS_PARTS: Final = ("_ssl_object", "_incoming", "_outgoing", "_delayed_outgoing")


def carrier_for(link: PushLink, stream: trio.abc.Stream) -> Carrier:
    """Return the best carrier for this stream. The handshake of TLS must be over."""
    if has_reactor():
        if isinstance(stream, trio.SocketStream):
            return SocketCarrier(link, stream.socket)
        if isinstance(stream, trio.SSLStream) and all(hasattr(stream, part) for part in TLS_PARTS):
            below = stream.transport_stream
            if isinstance(below, trio.SocketStream):
                return TlsCarrier(link, below.socket, stream)
    return StreamCarrier(link, stream)


class SocketCarrier:
    """Carries a link over a TCP socket that the reactor serves."""

    def __init__(self, link: PushLink, trio_socket: trio.socket.SocketType) -> None:
        self.fd = trio_socket.fileno()
        self._link, self._trio_socket = link, trio_socket
        self._socket: socket.socket | None = None
        """The same descriptor as trio's, which keeps it and closes it. Ours while the reactor serves us."""
        self._reactor = current_reactor()
        self._done = trio.Event()
        self._blocked = False
        """Whether the socket takes nothing, so that we wait until it is writable."""
        self._has_frames = True
        """Whether frames that were read are still to be handled; until then nothing more is read."""
        self._at_end = False
        """Whether the stream has ended, though the socket may not know."""

    async def run(self) -> None:
        """Carry until the link has ended; see Carrier."""
        if self.fd < 0:  # closed behind our back
            self._link.receive(b"", trio.current_time())
            return
        try:
            self._take_over()
            self._reactor.add(self)
            self._watch()
            self._reactor.flush_soon(self)
            await self._done.wait()
        finally:
            self.stop()

    def stop(self) -> None:
        """Touch the socket no more."""
        self._reactor.remove(self)
        if self._socket is not None:
            self._give_back(self._socket)
            self._socket = None
        self._done.set()

    def _take_over(self) -> None:
        sock = self._trio_socket
        self._socket = socket.socket(sock.family, sock.type, sock.proto, fileno=self.fd)
        self._socket.setblocking(False)

    def _give_back(self, sock: socket.socket) -> None:
        sock.detach()

    def _watch(self) -> None:
        readable = not (self._link.paused or self._link.ended)
        self._reactor.watch(self, readable=readable, writable=self._blocked)

    def _block(self) -> None:
        self._blocked = True
        self._watch()

    def pause(self) -> None:
        """Read nothing until `resume`."""
        self._watch()

    def resume(self) -> None:
        """Read again, first what is there already."""
        self._has_frames = True
        self._watch()
        self._reactor.serve_soon(self)

    def flush_soon(self) -> None:
        """Write at the end of the reactor's round, or now."""
        if not self._blocked:
            self._reactor.flush_soon(self)

    @property
    def is_heavy(self) -> bool:
        """Whether a large message is on its way; see Pollable."""
        return self._link.is_in_large_message

    def serve(self, now: float, *, readable: bool, writable: bool) -> bool:
        """Write and read what is possible; see Pollable."""
        link = self._link
        if writable:
            self._blocked = False
            self.flush(now)
            self._watch()
        if not (link.paused or link.ended):
            self._handle_input(now, readable=readable)
        if link.ended:
            self._watch()
            self._reactor.end(self._done)
            return False
        return self._has_frames and not link.paused

    def _handle_input(self, now: float, *, readable: bool) -> None:
        link = self._link
        if self._has_frames:
            self._has_frames = link.cut(now)
            if self._has_frames or link.paused or link.ended:
                return
        if readable and not self._at_end and (data := self._read()) is not None:
            self._has_frames = link.receive(data, now)
        if self._at_end and not (self._has_frames or link.paused or link.ended):
            link.receive(b"", now)

    def flush(self, now: float) -> None:
        """Write what waits in the link, as far as the socket takes it."""
        link = self._link
        link.flushing()
        while link.out and not self._blocked:
            data = link.next_write(in_pieces=True)
            try:
                taken = self._write(data)
            except OSError:
                link.broken()
                return
            if taken < len(data):
                self._block()
            if taken:
                link.taken(taken, now)

    def crashed(self, error: Exception) -> None:
        """End the link with this exception."""
        self._link.crashed(error)
        self._done.set()

    def _read(self) -> bytes | None:
        """Read; None if there is nothing now, empty at the end. A reset ends the stream too."""
        try:
            return self._socket.recv(READ_BYTES)  # type: ignore[union-attr] # ours while the reactor serves us
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _write(self, data: bytes | memoryview) -> int:
        """Write, and return how much of it the socket took. Raises OSError."""
        try:
            return self._socket.send(data)  # type: ignore[union-attr] # as above
        except (BlockingIOError, InterruptedError):
            return 0


class TlsCarrier(SocketCarrier):
    """The same under TLS: its records go through the SSLObject and the two buffers of trio's SSLStream."""

    def __init__(
        self, link: PushLink, trio_socket: trio.socket.SocketType, stream: trio.SSLStream[trio.SocketStream]
    ) -> None:
        super().__init__(link, trio_socket)
        self._stream = stream
        self._tls: ssl.SSLObject = stream._ssl_object  # noqa: SLF001 - see TLS_PARTS
        self._incoming: ssl.MemoryBIO = stream._incoming  # noqa: SLF001
        self._outgoing: ssl.MemoryBIO = stream._outgoing  # noqa: SLF001
        self._records: bytes | memoryview = b""
        """Encrypted bytes that the socket did not take yet. Nothing may overtake them: records are numbered."""

    def _take_over(self) -> None:
        super()._take_over()
        delayed, self._stream._delayed_outgoing = self._stream._delayed_outgoing, None  # noqa: SLF001 - session tickets
        self._records = (delayed or b"") + self._outgoing.read()

    def _give_back(self, sock: socket.socket) -> None:
        super()._give_back(sock)
        if self._records:  # the stream writes them before anything else
            behind = self._outgoing.read()
            self._outgoing.write(bytes(self._records) + behind)
            self._records = b""

    def flush(self, now: float) -> None:
        """Write the records first that were left, then what waits in the link."""
        if not self._blocked and (self._records or self._outgoing.pending):
            try:
                self._write(b"")
            except OSError:
                self._link.broken()
        super().flush(now)

    def _read(self) -> bytes | None:
        data = super()._read()
        if data:
            self._incoming.write(data)
        elif data is not None:
            self._incoming.write_eof()
        plain = self._decrypt()
        if self._outgoing.pending:  # TLS answers by itself, for example with new keys
            self._reactor.flush_soon(self)
        return plain or None

    def _decrypt(self) -> bytes:
        parts = []
        try:
            while part := self._tls.read(READ_BYTES):
                parts.append(part)
            self._at_end = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # a broken record, or an end without close_notify
            self._at_end = True
        return b"".join(parts)

    def _write(self, data: bytes | memoryview) -> int:
        if self._records and not self._send_records():
            return 0
        taken = self._tls.write(memoryview(data)[:WRITE_BYTES]) if data else 0  # an SSLError is an OSError
        self._records = self._outgoing.read()
        if self._records:
            self._send_records()
        return taken

    def _send_records(self) -> bool:
        """Write what is encrypted. Returns whether all was taken; if not, we wait until the socket is writable."""
        taken = super()._write(self._records)
        self._records = memoryview(self._records)[taken:]
        if self._records:
            self._block()
        return not self._records
