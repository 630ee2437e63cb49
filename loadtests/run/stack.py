"""The bridge and the simulator as child processes: what `--simulate` loads, started here and ended here.

They run by their own commands, for the two worlds (trio's and gevent's) share no process. The bridge can be drained and
started again on the same port, as an orchestrator does: any process may ask for that with `deploy_command`.

Children die with their parent however it ends: on Linux by the kernel's word to them, elsewhere when the block ends.
Ctrl-C reaches the parent alone, which ends them when its run is over.
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
from loadtests.run.child import ChildError, ChildProcess, python_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    #: Gives the words that start a bridge in front of the base URL of a service, on any free port.
    BridgeCommand = Callable[[str], Sequence[str]]

#: The key that the bridge shows the simulator: made up, good.
KEY_VARIABLE, _KEY = "OPENAI_API_KEY", "sk-scenario-good"
_START_SECONDS, _DRAIN_SECONDS = 20.0, 40.0
#: Ports that a process of its own asks through: a socket in the stack's folder. One deploy at a time.
_DOORBELL, _WAITING = "doorbell", 4


class StackError(Exception):
    """What was to be started did not start; one plain line says why, and where its log is."""


@dataclass(slots=True)
class Stack:
    """A bridge before a simulator."""

    simulator: ChildProcess
    bridge: ChildProcess
    folder: Path
    """Where the logs are."""
    keep_logs: bool = False
    """Set it when the run failed: the logs stay when the block ends."""
    _deploys: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """What callers call."""
        return f"ws://{self.bridge.address}"

    @property
    def control(self) -> str:
        """The simulator's control API."""
        return f"http://{self.simulator.address}/_sim"

    @property
    def deploy_command(self) -> tuple[str, ...]:
        """Words of a command that has the bridge drained and started anew, from whichever process; 0 when it is up."""
        return (sys.executable, "-c", _RING, str(self.folder / _DOORBELL))

    @property
    def exited(self) -> tuple[str, ...]:
        """Name what ended by itself; its log says why."""
        named = (("simulator", self.simulator), ("bridge", self.bridge))
        return tuple(f"the {name} exited unexpectedly; log: {one.log}" for name, one in named if not one.is_alive)

    def restart_bridge(self) -> None:
        """Drain the bridge and start it anew on its port. Raises StackError when it does not end or come back."""
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
    """Run both for the length of the block. Raises StackError.

    `simulator` are more words for `sherpa-sim serve`, `bridge` more settings as `SHERPA_BRIDGE_*` variables;
    `bridge_command` puts another bridge in the place of ours. The logs stand in a new temporary folder, which stays
    where something failed: when the block raises, when a child ended by itself, when `keep_logs` was set.
    """
    folder = Path(tempfile.mkdtemp(prefix="sherpa-load-"))
    own = {**os.environ, KEY_VARIABLE: _KEY, "NO_COLOR": "1"}
    with _gone_if_interrupted(folder), ExitStack() as stack:
        try:
            words = python_command("bridge.simulator.cli", "serve", "--control", "--port", "0", *simulator)
            sim = ChildProcess.start(words, own, folder / "simulator.log", _START_SECONDS)
            stack.callback(sim.stop)
            upstream = f"http://{sim.address}/v1"
            settings = {"SHERPA_BRIDGE_LOG_LEVEL": "warning", "SHERPA_BRIDGE_MAX_SESSIONS": "100000", **(bridge or {})}
            called = (bridge_command or _our_bridge(workers))(upstream)
            running = Stack(
                sim, ChildProcess.start(called, own | settings, folder / "bridge.log", _START_SECONDS), folder
            )
        except ChildError as error:
            raise StackError(str(error)) from None
        stack.callback(lambda: running.bridge.stop())  # noqa: PLW0108 - the one that runs then, after restarts
        _await_health(running.bridge)
        stack.enter_context(_doorbell(running))
        yield running
        running.keep_logs = running.keep_logs or bool(running.exited)
    if not running.keep_logs:
        _remove(folder)


@contextmanager
def _gone_if_interrupted(folder: Path) -> Iterator[None]:
    """Keep no logs of what somebody stopped: nothing failed."""
    try:
        yield
    except KeyboardInterrupt:
        _remove(folder)
        raise


def _our_bridge(workers: int) -> BridgeCommand:
    def words(upstream: str) -> Sequence[str]:
        more = ("--upstream", upstream, "--port", "0", "--workers", str(workers))
        return python_command("bridge.server.cli", "serve", *more)

    return words


#: Rings the doorbell and says what it was told, with its exit code.
_RING = """
import socket, sys
with socket.socket(socket.AF_UNIX) as bell:
    bell.connect(sys.argv[1])
    said = bell.makefile().read()
sys.exit(said or 0)
"""


@contextmanager
def _doorbell(stack: Stack) -> Iterator[None]:
    """Restart the bridge for whoever rings: says nothing when it is done, or why it could not be.

    One thread for the life of the stack: on Linux a child dies with the thread that started it.
    """
    with socket.socket(socket.AF_UNIX) as bell:
        bell.bind(str(stack.folder / _DOORBELL))
        bell.listen(_WAITING)
        thread = threading.Thread(target=_answer, args=(bell, stack), name="doorbell", daemon=True)
        thread.start()
        try:
            yield
        finally:
            bell.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=_START_SECONDS)


def _answer(bell: socket.socket, stack: Stack) -> None:
    while True:
        try:
            ringing, _ = bell.accept()
        except OSError:
            return
        with ringing:
            try:
                stack.restart_bridge()
            except StackError as error:
                ringing.sendall(str(error).encode())


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


#: What a bridge answers that serves: ours says 200, others have no such page.
_SERVING = (200, 404, 405, 426)


def _await_health(bridge: ChildProcess) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            fetch(f"http://{bridge.address}/readyz", timeout=2)
        except FetchError as error:
            if error.status in _SERVING:
                return
            time.sleep(0.05)
        else:
            return
    raise StackError(f"the bridge did not become ready; log: {bridge.log}")
