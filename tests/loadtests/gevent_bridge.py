"""A bridge for one test: a short script behind a real WebSocket, on gevent, in the test's own process.

The WebSocket is the sans-I/O one of `websockets`: an implementation other than the callers' own.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from gevent.server import StreamServer
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Callers of one test at most.
_MOST = 50


class CallerLeft(Exception):  # noqa: N818 - an end, no fault
    """The caller's socket has ended."""


@dataclass
class ServedCaller:
    """One caller's socket on the bridge's side."""

    stream: Any
    protocol: ServerProtocol = field(default_factory=ServerProtocol)
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    received: list[str | bytes] = field(default_factory=list)
    received_at: list[float] = field(default_factory=list)
    """Arrival times in seconds of `time.monotonic`."""
    pongs: int = 0
    close_code: int | None = None

    def accept(self) -> None:
        """Accept the upgrade."""
        while True:
            self._pump()
            for event in self.protocol.events_received():
                if isinstance(event, Request):
                    self.path, self.headers = event.path, event.headers
                    self.protocol.send_response(self.protocol.accept(event))
                    self._flush()
                    return

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.protocol.send_text(json.dumps({"type": kind, **fields}).encode())
        self._flush()

    def send_bytes(self, data: bytes) -> None:
        """Send bytes."""
        self.protocol.send_binary(data)
        self._flush()

    def ping(self) -> None:
        """Send a ping."""
        self.protocol.send_ping(b"there?")
        self._flush()

    def close(self, code: int) -> None:
        """Close with a close frame."""
        self.protocol.send_close(code)
        self._flush()

    def receive(self) -> list[str | bytes]:
        """Wait for frames. Raises CallerLeft at the end."""
        fresh: list[str | bytes] = []
        while not fresh:
            self._pump()
            for frame in self.protocol.events_received():
                match frame.opcode:  # type: ignore[union-attr]  # behind the upgrade there are frames only
                    case Opcode.TEXT:
                        fresh.append(frame.data.decode())  # type: ignore[union-attr]  # as above
                    case Opcode.BINARY:
                        fresh.append(bytes(frame.data))  # type: ignore[union-attr]  # as above
                    case Opcode.PONG:
                        self.pongs += 1
                    case Opcode.CLOSE:
                        self.close_code = self.protocol.close_rcvd.code if self.protocol.close_rcvd else None
                        self._flush()
                        raise CallerLeft
        self.received.extend(fresh)
        self.received_at.extend([time.monotonic()] * len(fresh))
        return fresh

    def types(self) -> list[str]:
        """Return the types of the received messages."""
        return [json.loads(frame)["type"] for frame in self.received if isinstance(frame, str)]

    @property
    def speech(self) -> bytes:
        """All binary frames."""
        return b"".join(frame for frame in self.received if isinstance(frame, bytes))

    def _pump(self) -> None:
        data = self.stream.recv(65_536)
        if not data:
            raise CallerLeft
        self.protocol.receive_data(data)
        self._flush()

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.stream.sendall(data)


@dataclass
class GeventBridge:
    """The running bridge and its callers."""

    url: str
    callers: list[ServedCaller] = field(default_factory=list)


@contextmanager
def gevent_bridge(script: Callable[[ServedCaller], None]) -> Iterator[GeventBridge]:
    """Serve on loopback while the block runs. The script handles each caller."""
    running = GeventBridge("")

    def serve(stream: Any, _: Any) -> None:
        guest = ServedCaller(stream)
        running.callers.append(guest)
        with stream, suppress(CallerLeft, OSError):
            guest.accept()
            script(guest)

    server = StreamServer(("127.0.0.1", 0), serve, spawn=Pool(_MOST))
    server.start()
    running.url = f"ws://127.0.0.1:{server.server_port}"
    try:
        yield running
    finally:
        server.stop(timeout=0.5)


def good_bridge(guest: ServedCaller) -> None:
    """Behave well: a session at once, a short answer to each text turn, a proper end."""
    guest.send("connected", clientId="c", protocol=1)
    while True:
        for frame in guest.receive():
            if isinstance(frame, bytes):
                continue
            match json.loads(frame)["type"]:
                case "create_session":
                    guest.send("session_ready", generation=1)
                case "text":
                    guest.send("response.output_text.delta", delta="Yes.")
                    guest.send("response.done", response={"status": "completed"})
                case "end_session":
                    guest.send("session_closed", reason="ended", generation=1)


@dataclass
class StallingSocket:
    """A socket whose peer blocks every sender."""

    frames: list[str] = field(default_factory=lambda: ['{"type":"session_ready"}', '{"type":"connected"}'])
    is_cut: Event = field(default_factory=Event)

    def send(self, frame: str | bytes) -> bool:
        gevent.sleep(0.1)
        if "end_session" in str(frame):
            self.is_cut.set()
        return False

    def receive(self) -> str:
        if not self.frames:
            self.is_cut.wait()
            raise ConnectionError
        return self.frames.pop()

    def send_close(self) -> None:
        self.is_cut.set()

    def abort(self) -> None:
        self.is_cut.set()
