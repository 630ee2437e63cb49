"""A simulator inside another program: in its trio loop, or in a thread of its own for programs without one.

Both listen on loopback, on a port of the system's choice, and end with their block.
"""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from bridge.secret import Secret
from bridge.simulator.scenarios import SCENARIOS
from bridge.simulator.server import Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bridge.simulator.arrivals import Arrivals
    from bridge.simulator.settings import Settings

#: How long a thread's simulator may take to start or to end.
_THREAD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Running:
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
        """Give a key that asks for a scenario by name. KeyError when there is none of that name."""
        return SCENARIOS[scenario].key

    @property
    def arrivals(self) -> Arrivals:
        """What arrived so far."""
        return self.simulator.arrivals


@asynccontextmanager
async def open_simulator(settings: Settings | None = None, port: int = 0) -> AsyncIterator[Running]:
    """Run a simulator in this trio loop for the length of the block."""
    simulator = Simulator(settings)
    async with trio.open_nursery() as nursery:
        host, bound = await nursery.start(simulator.serve, "127.0.0.1", port)
        yield Running(simulator, host, bound)
        nursery.cancel_scope.cancel()


@contextmanager
def simulator_in_thread(settings: Settings | None = None, port: int = 0) -> Iterator[Running]:
    """Run a simulator in a thread of its own: for tests of programs on asyncio, threads, or another process."""
    ready = threading.Event()
    found: list[Running | BaseException] = []
    stop: list[tuple[trio.lowlevel.TrioToken, trio.CancelScope]] = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            async with open_simulator(settings, port) as running:
                stop.append((trio.lowlevel.current_trio_token(), scope))
                found.append(running)
                ready.set()
                await trio.sleep_forever()

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            found.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="sherpa-simulator", daemon=True)
    thread.start()
    if not ready.wait(_THREAD_SECONDS):
        raise TimeoutError("the simulator did not start")
    first = found[0]
    if isinstance(first, BaseException):
        raise first
    try:
        yield first
    finally:
        token, scope = stop[0]
        token.run_sync_soon(scope.cancel)
        thread.join(_THREAD_SECONDS)
