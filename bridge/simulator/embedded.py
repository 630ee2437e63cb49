"""A simulator inside another program: in its trio loop, or in a thread of its own for programs without one.

Both listen on loopback, on a port of the system's choice, and end with their block.
"""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.service.server import Simulator
from reports.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bridge.simulator.service.journal import Journal
    from bridge.simulator.settings import Settings

#: How long a thread's simulator may take to start or to end.
_THREAD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that listens."""

    simulator: Simulator
    host: str
    port: int

    @property
    def base_url(self) -> str:
        """What to give a client as its base URL: `http://127.0.0.1:PORT/v1`."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def azure_url(self) -> str:
        """The same service in Azure's form."""
        return f"http://{self.host}:{self.port}/openai/v1"

    @property
    def websocket_url(self) -> str:
        """The socket, without its query."""
        return f"ws://{self.host}:{self.port}/v1/realtime"

    @property
    def api_key(self) -> Secret:
        """A key that gets the scenario this simulator was set up with."""
        return Secret("sk-simulated-0000000000000000")

    def key_for(self, scenario: str) -> str:
        """Give a key that asks for a scenario by name. KeyError, naming those there are, when there is none."""
        if scenario not in SCENARIOS:
            raise KeyError(f"no scenario '{scenario}'; there is {', '.join(SCENARIOS)}")
        return SCENARIOS[scenario].key

    @property
    def journal(self) -> Journal:
        """What arrived so far."""
        return self.simulator.journal


@asynccontextmanager
async def open_simulator(settings: Settings | None = None, port: int = 0) -> AsyncIterator[RunningSimulator]:
    """Run a simulator in this trio loop for the length of the block.

    Raises OSError when the port cannot be had. What the block raises comes out as it is, in no exception group.
    """
    simulator = Simulator(settings)
    try:
        async with trio.open_nursery() as nursery:
            host, bound = await nursery.start(simulator.serve, "127.0.0.1", port)
            yield RunningSimulator(simulator, host, bound)
            nursery.cancel_scope.cancel()
            return
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        alone = group.exceptions[0]
    raise alone


class _Thread:
    """A thread with a simulator in it."""

    def __init__(self, settings: Settings | None, port: int) -> None:
        self.running: RunningSimulator | None = None
        self.error: BaseException | None = None
        self._settings, self._port = settings, port
        self._settled = threading.Event()
        self._stop: tuple[trio.lowlevel.TrioToken, trio.CancelScope] | None = None
        self._thread = threading.Thread(target=self._run, name="sherpa-simulator", daemon=True)

    async def _main(self) -> None:
        with trio.CancelScope() as scope:
            async with open_simulator(self._settings, self._port) as running:
                self._stop = (trio.lowlevel.current_trio_token(), scope)
                self.running = running
                self._settled.set()
                await trio.sleep_forever()

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            self.error = error
        finally:
            self._settled.set()

    def start(self) -> RunningSimulator:
        """Start, and give the simulator when it listens. Raises what kept it from that."""
        self._thread.start()
        if not self._settled.wait(_THREAD_SECONDS):
            raise TimeoutError("the simulator did not start")
        if self.running is not None:
            return self.running
        self._thread.join(_THREAD_SECONDS)
        raise self.error or RuntimeError("the simulator ended before it listened")

    def end(self) -> None:
        """Stop the simulator and wait until its thread is gone."""
        if self._stop is not None:
            token, scope = self._stop
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)
        self._thread.join(_THREAD_SECONDS)


@contextmanager
def simulator_in_thread(settings: Settings | None = None, port: int = 0) -> Iterator[RunningSimulator]:
    """Run a simulator in a thread of its own: for tests of programs on asyncio, threads, or another process.

    Raises OSError when the port cannot be had, RuntimeError behind the block when the simulator died within it.
    """
    thread = _Thread(settings, port)
    running = thread.start()
    try:
        yield running
    finally:
        thread.end()
    if thread.error is not None:
        raise RuntimeError("the simulator died") from thread.error
