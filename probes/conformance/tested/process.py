"""A bridge that the suite starts: a process in a group of its own, with its output kept bounded."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from probes.conformance.tested.guard import GroupGuard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The end of the output that is kept for the report: some hundred lines. The rest is read and forgotten, so that a
#: bridge that floods its log never blocks.
MAX_OUTPUT_BYTES: Final = 32 * 1024
_READ_BYTES: Final = 65_536
#: It ends as soon as the bridge listens: a bound for crowded machines, on which an interpreter alone takes ten seconds.
_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.03
_SHOWN_LINES: Final = 3
_MAX_LINE: Final = 160


class BridgeStartError(Exception):
    """The bridge did not start to listen. The message says how it ended, with its last lines."""


class BridgeProcess:
    """A running bridge process. `start` it, and `stop` it."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self.command, self.port = tuple(command), port
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._process: trio.Process | None = None
        self._guard = GroupGuard()
        self.stopping = False

    async def start(self, nursery: trio.Nursery, environment: Mapping[str, str]) -> None:
        """Start it and wait until it listens. Raises BridgeStartError."""
        await self._guard.open()
        try:
            process = await trio.lowlevel.open_process(
                self.command,
                env={**environment, "PORT": str(self.port)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BridgeStartError(f"can't start {self.command[0]!r}: {error.strerror or error}") from None
        self._process = process
        await self._guard.watch(process.pid)
        nursery.start_soon(self._read_output, process)
        with trio.move_on_after(_START_SECONDS):
            await self._until_listening(process)
            return
        raise BridgeStartError(
            f"it does not listen on port {self.port}, which the environment variable PORT names, "
            f"within {_START_SECONDS:g} s{self.last_lines()}"
        )

    async def _until_listening(self, process: trio.Process) -> None:
        while True:
            if process.poll() is not None:
                await trio.sleep(_POLL_SECONDS)  # for the last lines of its output
                raise BridgeStartError(f"it ended {self.how_it_ended()}{self.last_lines()}")
            with suppress(OSError):
                stream = await trio.open_tcp_stream("127.0.0.1", self.port)
                await stream.aclose()
                return
            await trio.sleep(_POLL_SECONDS)

    async def _read_output(self, process: trio.Process) -> None:
        if process.stdout is None:
            return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in process.stdout:
                self._tail.append(bytes(data))
                self._tail_bytes += len(data)
                while self._tail_bytes > MAX_OUTPUT_BYTES and len(self._tail) > 1:
                    self._tail_bytes -= len(self._tail.popleft())

    @property
    def pid(self) -> int:
        """The process id, which is its group's id too."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def how_it_ended(self) -> str:
        """Say how the process ended: `with exit code 1`, `by SIGKILL`."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "(still running)"
        return f"with exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"

    def last_lines(self) -> str:
        """Return the last lines of its output, as `; its last lines: ...`; empty if there are none."""
        text = b"".join(self._tail)[-MAX_OUTPUT_BYTES:].decode(errors="replace")
        lines = [line.strip()[:_MAX_LINE] for line in text.splitlines() if line.strip()][-_SHOWN_LINES:]
        return f"; its last lines: {' | '.join(lines)}" if lines else ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group."""
        with suppress(ProcessLookupError):
            if self.is_running:
                os.killpg(self.pid, number)

    async def wait(self) -> None:
        """Wait until the process has ended."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End the process and its group: SIGTERM, and SIGKILL after a bound. Runs to its end even if cancelled."""
        self.stopping = True
        with trio.CancelScope(shield=True):
            if self._process is not None:
                await self._stop(self._process)
            await self._guard.aclose()

    async def _stop(self, process: trio.Process) -> None:
        self.signal(signal.SIGTERM)
        with trio.move_on_after(_STOP_SECONDS):
            await self.wait()
        self.signal(signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind
        await self.wait()
        if process.stdout is not None:
            await process.stdout.aclose()
