"""The bridge under test: at a URL, started by its owner, or started by the suite with a command."""

from __future__ import annotations

import shlex
import socket
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from probes.conformance.tested.process import BridgeProcess, BridgeStartError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import trio

#: The key that a started bridge gets. The suite's upstream accepts it; it opens nothing anywhere else.
API_KEY: Final = "sk-conformance-0000000000000000"
_DEFAULT_PORTS: Final[Mapping[str, int]] = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_STARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeAddress:
    """Where a bridge listens."""

    host: str
    port: int
    secure: bool = False
    path: str = ""
    """The path of the URL; empty for that of the profile."""

    @property
    def authority(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"


def parse_address(url: str) -> BridgeAddress:
    """Read `host:port`, an HTTP or a WebSocket URL. Raises ValueError."""
    parts = urlsplit(url if "://" in url else f"ws://{url}")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no URL of a bridge; for example: ws://127.0.0.1:8765")
    return BridgeAddress(
        host=parts.hostname,
        port=parts.port or _DEFAULT_PORTS[parts.scheme],
        secure=parts.scheme in ("wss", "https"),
        path=parts.path.rstrip("/"),
    )


def parse_listen(text: str) -> tuple[str, int]:
    """Read HOST:PORT. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) <= 65_535:  # noqa: PLR2004 - the largest port
        raise ValueError(f"{text!r} is not HOST:PORT; for example: 127.0.0.1:9000")
    return host.strip("[]") or "127.0.0.1", int(port)


@dataclass(frozen=True, slots=True)
class StartCommand:
    """How to start a bridge: the command line for a port, and how reports call it."""

    label: str
    arguments: Callable[[int], Sequence[str]]


def start_command(text: str) -> StartCommand:
    """Make a start command of a command line. Raises ValueError if it can't be split."""
    words = shlex.split(text)
    if not words:
        raise ValueError("the command is empty")
    return StartCommand(text, lambda _: words)


@dataclass(slots=True, kw_only=True)
class StartedBridge:
    """A bridge that the suite starts, and starts again."""

    command: StartCommand
    base_url: str
    """The suite's upstream."""
    environment: Mapping[str, str]
    process: BridgeProcess | None = field(default=None, init=False)

    async def start(self, nursery: trio.Nursery) -> BridgeAddress:
        """Start it on a free port, on another one if a program took that first. Raises BridgeStartError."""
        environment = {**self.environment, "OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": API_KEY}
        for attempt in range(_STARTS):
            port = free_port()
            process = self.process = BridgeProcess(self.command.arguments(port), port)
            try:
                await process.start(nursery, environment)
            except BridgeStartError as error:
                await process.stop()
                if "in use" not in str(error).lower() and "eaddrinuse" not in str(error).lower():
                    raise
                if attempt == _STARTS - 1:
                    raise
            else:
                break
        return BridgeAddress(host="127.0.0.1", port=port)

    async def stop(self) -> None:
        """End its process."""
        if self.process is not None:
            await self.process.stop()


#: Ports that were given away. Two lanes that start at once must not get the same one: the bridge of the first would
#: answer for the second, whose process ends because the port is in use.
_given_ports: set[int] = set()


def free_port() -> int:
    """Return a port that is free right now, and that no other bridge of this run has had."""
    while True:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given_ports:
            _given_ports.add(port)
            return port
