"""The channel between a run and the command that started it: JSON lines over a socket pair, one request at a time.

The run reports its progress, and requests what only the command knows: usage of the processes that it started. A run
without a parent has no channel. Works with and without gevent.
"""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Environment variable with the file descriptor of the channel.
CHANNEL_FD_VARIABLE = "SHERPA_LOAD_WIRE"
#: Environment variable with the working directory of the command.
WORKING_DIRECTORY_VARIABLE = "SHERPA_LOAD_HERE"
RESOURCES = "resources"
_TIMEOUT_SECONDS = 30.0
#: The longest line: the samples of a few processes over 24 hours take several MiB.
_MAX_LINE_BYTES = 64 * 1024 * 1024


class ChannelError(Exception):
    """A request failed; the message says why."""


@dataclass(slots=True)
class RunChannel:
    """The run's end of the channel."""

    connection: socket.socket
    _buffer: bytearray = field(default_factory=bytearray)
    _sending: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RunChannel | None:
        """Open the channel that the command passed on; None if there is none."""
        number = environment.get(CHANNEL_FD_VARIABLE, "")
        if not number.isdecimal():
            return None
        connection = socket.socket(fileno=int(number))
        connection.settimeout(_TIMEOUT_SECONDS)
        return cls(connection)

    def send_progress(self, progress: Mapping[str, Any]) -> None:
        """Report progress. Does nothing if the command has exited."""
        try:
            self._send({"progress": progress})
        except OSError:
            return

    def request(self, what: str) -> Any:
        """Send a request and wait for the response. Raises ChannelError."""
        try:
            self._send({"ask": what})
            message = _receive(self.connection, self._buffer)
        except (OSError, ValueError) as error:
            raise ChannelError(f"the command that started the run doesn't respond: {error}") from None
        if "error" in message:
            raise ChannelError(str(message["error"]))
        return message.get("answer")

    def _send(self, message: Mapping[str, Any]) -> None:
        with self._sending:
            self.connection.sendall(_encode(message))


@dataclass(slots=True)
class ParentChannel:
    """The command's end of the channel."""

    connection: socket.socket
    handlers: Mapping[str, Callable[[], Any]]
    """Request name -> handler. A handler may raise ChannelError or OSError."""
    on_progress: Callable[[Mapping[str, Any]], None]
    """Called with each progress report."""
    _buffer: bytearray = field(default_factory=bytearray)

    def read(self) -> bool:
        """Read what has arrived and answer it. Returns whether the run's end is still open."""
        try:
            data = self.connection.recv(65536)
        except (BlockingIOError, TimeoutError):
            return True
        except OSError:
            return False
        self._buffer += data
        for line in _split_lines(self._buffer):
            self._handle(json.loads(line))
        return bool(data)

    def _handle(self, message: Mapping[str, Any]) -> None:
        if "progress" in message:
            self.on_progress(message["progress"])
            return
        try:
            answer = {"answer": self.handlers[message["ask"]]()}
        except (ChannelError, OSError, KeyError) as error:
            answer = {"error": str(error)}
        self.connection.setblocking(True)
        self.connection.sendall(_encode(answer))


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Make both ends: the command's, and the one to pass on."""
    ours, theirs = socket.socketpair()
    return ours, theirs


def _encode(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _split_lines(buffer: bytearray) -> Iterator[bytes]:
    while (end := buffer.find(b"\n")) >= 0:
        line = bytes(buffer[:end])
        del buffer[: end + 1]
        yield line
    if len(buffer) > _MAX_LINE_BYTES:
        raise ValueError("a line is too long")


def _receive(connection: socket.socket, buffer: bytearray) -> dict[str, Any]:
    while True:
        for line in _split_lines(buffer):
            message: dict[str, Any] = json.loads(line)
            return message
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the other process has exited")
        buffer += data
