"""An upstream that keeps to no rule, chosen by the model in the URL. It never closes a connection by itself.

It is no simulator: it knows just enough of the service to bring a session where it wants to have it.
"""

from __future__ import annotations

import json
import socket
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import trio
from websockets.utils import accept_key

from tests.hardening.raw_websocket import frame

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_MIB = 2**20
#: The states of a TCP socket in which our end has not learned of an end (`tcp_states.h`).
_ESTABLISHED: Final = 1
#: Small, so that it is full soon when nobody reads.
_RECEIVE_BUFFER: Final = 64 * 1024


def event(kind: str, **fields: Any) -> bytes:
    """Return the frame of one event."""
    return frame(1, json.dumps({"type": kind, "event_id": "event_1", **fields}).encode(), masked=False)


def session(kind: str, session_id: str = "sess_1") -> bytes:
    """Return an event about the session."""
    about = {"object": "realtime.session", "type": "realtime", "id": session_id, "model": "hostile"}
    return event(kind, session=about)


async def _read_for_ever(stream: trio.SocketStream) -> None:
    while await stream.receive_some():
        pass


async def _ready(stream: trio.SocketStream) -> None:
    await stream.send_all(session("session.created"))
    await stream.receive_some()
    await stream.send_all(session("session.updated"))


async def _after_ready(stream: trio.SocketStream, data: bytes) -> None:
    await _ready(stream)
    await stream.send_all(data)
    await _read_for_ever(stream)


async def _announces(stream: trio.SocketStream) -> None:
    await _after_ready(stream, b"\x81\x7f" + (12 * _MIB).to_bytes(8, "big") + b"{")


async def _announces_too_much(stream: trio.SocketStream) -> None:
    await _after_ready(stream, b"\x81\x7f" + (2**62).to_bytes(8, "big"))


async def _reserved_bits(stream: trio.SocketStream) -> None:
    await _after_ready(stream, frame(1, b"{}", rsv=4, masked=False))


async def _early(stream: trio.SocketStream) -> None:
    await stream.send_all(session("session.updated"))
    await _read_for_ever(stream)


async def _twice(stream: trio.SocketStream) -> None:
    await _after_ready(stream, session("session.updated") * 2)


async def _wrong_ids(stream: trio.SocketStream) -> None:
    await stream.send_all(session("session.created"))
    await stream.receive_some()
    await stream.send_all(session("session.updated", "sess_of_somebody_else"))
    await _read_for_ever(stream)


async def _silent(stream: trio.SocketStream) -> None:
    await _read_for_ever(stream)


async def _never_reads(stream: trio.SocketStream) -> None:
    await _ready(stream)
    await trio.sleep_forever()


async def _floods(stream: trio.SocketStream) -> None:
    await _ready(stream)
    while True:
        await stream.send_all(event("response.output_audio.delta", delta="AAAA" * 8) * 100)
        await trio.sleep(0.01)


BEHAVIOURS: Mapping[str, Callable[[trio.SocketStream], Awaitable[None]]] = {
    "announces": _announces,
    "announces-too-much": _announces_too_much,
    "reserved-bits": _reserved_bits,
    "early-updated": _early,
    "double-updated": _twice,
    "wrong-ids": _wrong_ids,
    "silent": _silent,
    "never-reads": _never_reads,
    "floods-and-never-reads": _floods,
}


@dataclass(eq=False)
class HostileUpstream:
    """The sockets that bridges have opened to it, by behaviour."""

    port: int = 0
    opened: dict[str, list[trio.SocketStream]] = field(default_factory=lambda: defaultdict(list))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self.port = listening.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, [trio.SocketListener(trio.socket.from_stdlib_socket(listening))])

    async def _serve(self, stream: trio.SocketStream) -> None:
        head = b""
        try:
            while b"\r\n\r\n" not in head:
                head += await stream.receive_some()
            name, key = _asked_for(head)
            self.opened[name].append(stream)
            lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade")
            answer = (*lines, f"Sec-WebSocket-Accept: {accept_key(key)}", "", "")
            await stream.send_all("\r\n".join(answer).encode())
            await BEHAVIOURS[name](stream)
        except trio.BrokenResourceError:
            pass
        await trio.sleep_forever()  # our end stays open, whatever the other one did

    def still_open(self, name: str) -> int:
        """Return how many sockets of this behaviour the other end has neither closed nor reset."""
        return sum(_state(stream) == _ESTABLISHED for stream in self.opened[name])


def _asked_for(head: bytes) -> tuple[str, str]:
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return parse_qs(urlsplit(first.split()[1]).query)["model"][0], headers["sec-websocket-key"]


def _state(stream: trio.SocketStream) -> int:
    info = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return int(struct.unpack("B", info)[0])
