"""One child process that serves on a port: started, awaited until it prints its address, stopped. Logs go to a file."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_STOP_SECONDS = 5.0
#: Signals to stop it, each with a timeout: SIGTERM, a second SIGTERM (immediate exit for all our commands), SIGKILL.
_STOP_SIGNALS = ((signal.SIGTERM, 0.5), (signal.SIGTERM, 1.5), (signal.SIGKILL, _STOP_SECONDS))
_ADDRESS = re.compile(r"(?:ws|http)://(127\.0\.0\.1:\d+)\D")
_PR_SET_PDEATHSIG = 1


class ChildError(Exception):
    """The process did not start. The message says why and names its log."""


@dataclass(slots=True)
class ChildProcess:
    """One process, its log file, and the address that it printed."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]
    address: str = ""

    @classmethod
    def start(cls, command: Sequence[str], environment: Mapping[str, str], log: Path, seconds: float) -> Self:
        """Start it and wait up to `seconds` for its address. Raises ChildError."""
        child = cls(tuple(command), environment, log, _spawn(command, environment, log))
        try:
            child.address = _await_address(child, seconds)
        except BaseException:
            child.stop()
            raise
        return child

    def restart(self, log: Path, seconds: float) -> Self:
        """Start it again on the same port. Raises ChildError."""
        port = self.address.rpartition(":")[2]
        former = ("", *self.command)
        command = [port if before == "--port" else word for before, word in zip(former, self.command, strict=False)]
        return self.start(command, self.environment, log, seconds)

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is running."""
        return self.process.poll() is None

    def terminate(self, seconds: float) -> bool:
        """Send SIGTERM and wait up to `seconds`, then stop it. Returns whether it exited in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            return False
        return True

    def stop(self) -> None:
        """End it, with harder signals as it resists, and wait until it is gone. Nothing if it has exited."""
        for number, timeout in _STOP_SIGNALS:
            if not self.is_alive:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(timeout=timeout)
            except subprocess.TimeoutExpired:
                continue


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - our own commands
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=kill_with_parent(os.getpid()) if sys.platform == "linux" else None,  # noqa: PLW1509 - two system calls
        )


def kill_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """Make the kernel kill the child when its parent exits, even if that has happened already."""
    prctl = ctypes.CDLL(None).prctl

    def die_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return die_with_parent


def _await_address(child: ChildProcess, seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until and child.is_alive:
        match = _ADDRESS.search(child.log.read_text(errors="replace"))
        if match is not None:
            return match[1]
        time.sleep(0.02)
    lines = child.log.read_text(errors="replace").strip().splitlines()
    raise ChildError(f"it did not start: {lines[-1] if lines else 'no output'}; log: {child.log}")
