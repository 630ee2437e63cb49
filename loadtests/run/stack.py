"""Bridge and simulator as child processes, for `--simulate`.

They run as separate commands, since trio and gevent can't share a process. The bridge can be drained and restarted on
the same port, as an orchestrator does; any process can request that with `deploy_command`.

The children are killed with their parent: by the kernel on Linux, elsewhere when the block ends. Ctrl-C reaches only
the parent, which stops them after its run.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loadtests.control.http_client import FetchError, fetch
from loadtests.run.child import ChildError, ChildProcess
from sherpa_realtime import python_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    #: Returns the command that starts a bridge in front of a service with this base URL, on any free port.
    BridgeCommand = Callable[[str], Sequence[str]]

#: The bridge's API key for the simulator, which accepts it.
KEY_VARIABLE, _KEY = "OPENAI_API_KEY", "sk-scenario-good"
_START_SECONDS, _DRAIN_SECONDS = 20.0, 40.0
#: Other processes request a deploy through this socket in the stack's folder. One deploy at a time.
_DEPLOY_SOCKET, _BACKLOG = "doorbell", 4


class StackError(Exception):
    """A process did not start. The message says why and names its log."""


@dataclass(slots=True)
class Stack:
    """A running bridge in front of a running simulator."""

    simulator: ChildProcess
    bridge: ChildProcess
    folder: Path
    """Where the logs are."""
    keep_logs: bool = False
    """Set it if the run failed: the logs are kept after the block."""
    _deploys: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The URL that callers use."""
        return f"ws://{self.bridge.address}"

    @property
    def control(self) -> str:
        """The URL of the simulator's control API."""
        return f"http://{self.simulator.address}/_sim"

    @property
    def deploy_command(self) -> tuple[str, ...]:
        """A command that drains and restarts the bridge, from any process. Exits with 0 when the bridge is ready."""
        return (sys.executable, "-P", "-c", _DEPLOY_SCRIPT, str(self.folder / _DEPLOY_SOCKET))

    @property
    def exited(self) -> tuple[str, ...]:
        """The processes that exited unexpectedly, with their logs."""
        processes = (("simulator", self.simulator), ("bridge", self.bridge))
        return tuple(f"the {name} exited unexpectedly; log: {one.log}" for name, one in processes if not one.is_alive)

    def restart_bridge(self) -> None:
        """Drain the bridge and restart it on the same port. Raises StackError if either fails."""
        with self._lock:
            old = self.bridge
            if not old.terminate(_DRAIN_SECONDS):
                raise StackError(f"the bridge did not drain within {_DRAIN_SECONDS:.0f} s; log: {old.log}")
            self._deploys += 1
            try:
                self.bridge = old.restart(old.log.with_name(f"bridge-{self._deploys + 1}.log"), _START_SECONDS)
            except ChildError as error:
                raise StackError(f"the bridge did not restart: {error}") from None
            _await_health(self.bridge)


@contextmanager
def open_stack(
    *,
    workers: int = 1,
    simulator: Sequence[str] = (),
    bridge: Mapping[str, str] | None = None,
    bridge_command: BridgeCommand | None = None,
) -> Iterator[Stack]:
    """Run both while the block runs. Raises StackError.

    `simulator` are additional arguments for `sherpa-sim serve`, `bridge` additional `SHERPA_BRIDGE_*` settings.
    `bridge_command` replaces the reference bridge. The logs are in a new temporary folder. It is kept if something
    failed: the block raised, a process exited unexpectedly, or `keep_logs` was set.
    """
    folder = Path(tempfile.mkdtemp(prefix="sherpa-load-"))
    environment = {**os.environ, KEY_VARIABLE: _KEY, "NO_COLOR": "1"}
    with _removed_after_interrupt(folder), ExitStack() as stack:
        try:
            serve = python_command("bridge.simulator.cli", "serve", "--control", "--port", "0", *simulator)
            simulator_process = ChildProcess.start(serve, environment, folder / "simulator.log", _START_SECONDS)
            stack.callback(simulator_process.stop)
            upstream = f"http://{simulator_process.address}/v1"
            settings = {"SHERPA_BRIDGE_LOG_LEVEL": "warning", "SHERPA_BRIDGE_MAX_SESSIONS": "100000", **(bridge or {})}
            command = (bridge_command or _our_bridge(workers))(upstream)
            running = Stack(
                simulator_process,
                ChildProcess.start(command, environment | settings, folder / "bridge.log", _START_SECONDS),
                folder,
            )
        except ChildError as error:
            raise StackError(str(error)) from None
        stack.callback(lambda: running.bridge.stop())  # noqa: PLW0108 - the one that runs then, after restarts
        _await_health(running.bridge)
        stack.enter_context(_deploy_socket(running))
        yield running
        running.keep_logs = running.keep_logs or bool(running.exited)
    if not running.keep_logs:
        _remove(folder)


@contextmanager
def _removed_after_interrupt(folder: Path) -> Iterator[None]:
    """Delete the logs after an interrupt: nothing failed."""
    try:
        yield
    except KeyboardInterrupt:
        _remove(folder)
        raise


def _our_bridge(workers: int) -> BridgeCommand:
    def command(upstream: str) -> Sequence[str]:
        more = ("--upstream", upstream, "--port", "0", "--workers", str(workers))
        return python_command("bridge.server.cli", "serve", *more)

    return command


#: The deploy command: connects to the socket and exits with the error that it receives, or with 0.
_DEPLOY_SCRIPT = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    error = connection.makefile().read()
sys.exit(error or 0)
"""


@contextmanager
def _deploy_socket(stack: Stack) -> Iterator[None]:
    """Restart the bridge for every process that connects: answers nothing when done, or the error.

    Uses one thread for the whole block, since on Linux a child is killed with the thread that started it.
    """
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(stack.folder / _DEPLOY_SOCKET))
        listener.listen(_BACKLOG)
        thread = threading.Thread(target=_serve_deploys, args=(listener, stack), name="doorbell", daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=_START_SECONDS)


def _serve_deploys(listener: socket.socket, stack: Stack) -> None:
    while True:
        try:
            requester, _ = listener.accept()
        except OSError:
            return
        with requester:
            try:
                stack.restart_bridge()
            except StackError as error:
                requester.sendall(str(error).encode())


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


#: Statuses of a bridge that serves. The reference bridge answers 200; others may have no such page.
_SERVING_STATUSES = (200, 404, 405, 426)


def _await_health(bridge: ChildProcess) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            fetch(f"http://{bridge.address}/readyz", timeout=2)
        except FetchError as error:
            if error.status in _SERVING_STATUSES:
                return
            time.sleep(0.05)
        else:
            return
    raise StackError(f"the bridge did not become ready; log: {bridge.log}")
