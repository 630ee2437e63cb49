"""The bridge and the simulator as child processes: what `--simulate` loads, started here and ended here.

They run by their own commands, for the two worlds (trio's and gevent's) share no process. The bridge can be drained and
started again on the same port, as an orchestrator does: that is what the scenario `deploy` looks at.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The key that the bridge shows the simulator: made up, good.
KEY_VARIABLE, _KEY = "OPENAI_API_KEY", "sk-scenario-good"
_START_SECONDS, _STOP_SECONDS, _DRAIN_SECONDS = 20.0, 5.0, 40.0
_ADDRESS = re.compile(r"(?:ws|http)://(127\.0\.0\.1:\d+)")
_PR_SET_PDEATHSIG = 1


class StackError(Exception):
    """What was to be started did not start; one plain line says why, and where its log is."""


@dataclass(slots=True)
class Child:
    """One process, its log, and the address that it printed."""

    words: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]
    address: str = ""

    @classmethod
    def started(cls, words: Sequence[str], environment: Mapping[str, str], log: Path) -> Self:
        """Start it and wait for its address. Raises StackError."""
        child = cls(tuple(words), environment, log, _spawned(words, environment, log))
        try:
            child.address = _await_address(child)
        except StackError:
            child.stop()
            raise
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def stop(self, patience: float = _STOP_SECONDS) -> None:
        """End it: asked twice, which every command here takes as `at once`, and then by force."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(timeout=patience if number is signal.SIGKILL else 0.5)
            except subprocess.TimeoutExpired:
                continue


@dataclass(slots=True)
class Stack:
    """A bridge before a simulator."""

    simulator: Child
    bridge: Child
    folder: Path

    @property
    def url(self) -> str:
        """What callers call."""
        return f"ws://{self.bridge.address}"

    @property
    def control(self) -> str:
        """The simulator's control API."""
        return f"http://{self.simulator.address}/_sim"

    def restart_bridge(self) -> None:
        """Drain the bridge and start it anew on its port. Raises StackError when it does not end or come back."""
        old = self.bridge
        old.process.send_signal(signal.SIGTERM)
        try:
            old.process.wait(timeout=_DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            old.stop()
            raise StackError(f"the bridge did not drain within {_DRAIN_SECONDS:.0f} s; its log: {old.log}") from None
        port = old.address.rpartition(":")[2]
        words = [
            port if before == "--port" else word for before, word in zip(("", *old.words), old.words, strict=False)
        ]
        self.bridge = Child.started(words, old.environment, old.log.with_name("bridge-restarted.log"))


@contextmanager
def open_stack(
    *, workers: int = 1, simulator: Sequence[str] = (), bridge: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Run both for the length of the block. Raises StackError.

    `simulator` are more words for `sherpa-sim serve`, `bridge` more settings as `SHERPA_BRIDGE_*` variables. The logs
    stand in a new temporary folder, which stays where something failed.
    """
    folder = Path(tempfile.mkdtemp(prefix="sherpa-load-"))
    own = {**os.environ, KEY_VARIABLE: _KEY, "NO_COLOR": "1"}
    with ExitStack() as stack:
        words = _python("bridge.simulator.cli", "serve", "--control", "--port", "0", *simulator)
        sim = Child.started(words, own, folder / "simulator.log")
        stack.callback(sim.stop)
        upstream = f"http://{sim.address}/v1"
        words = _python("bridge.server.cli", "serve", "--upstream", upstream, "--port", "0", "--workers", str(workers))
        own |= {"SHERPA_BRIDGE_LOG_LEVEL": "warning", "SHERPA_BRIDGE_MAX_SESSIONS": "100000", **(bridge or {})}
        running = Stack(sim, Child.started(words, own, folder / "bridge.log"), folder)
        stack.callback(lambda: running.bridge.stop())  # noqa: PLW0108 - the one that runs then, after restarts
        _await_health(running)
        yield running
    for log in folder.iterdir():
        log.unlink()
    folder.rmdir()


def _python(module: str, *words: str) -> list[str]:
    call = f"import sys; from {module} import main; sys.exit(main())"
    return [sys.executable, "-c", call, *words]


def _spawned(words: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - our own commands
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_address(child: Child) -> str:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        found = _ADDRESS.search(child.log.read_text(errors="replace"))
        if found is not None:
            return found[1]
        if child.process.poll() is not None:
            break
        time.sleep(0.02)
    said = child.log.read_text(errors="replace").strip().splitlines()
    raise StackError(f"it did not start: {said[-1] if said else 'no word'}; its log: {child.log}")


def _await_health(stack: Stack) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://{stack.bridge.address}/readyz", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.05)
    raise StackError(f"the bridge did not get ready; its log: {stack.bridge.log}")
