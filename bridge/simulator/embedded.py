"""Run a simulator within another program: in its trio loop, or in a thread of its own.

Both listen on loopback, by default on a free port, and stop at the end of their `with` block.
"""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import trio

from bridge.simulator.faults.registry import parse_fault
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.service.server import Simulator
from reports.redaction import Secret

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterator, Sequence

    from bridge.simulator.service.journal import Journal
    from bridge.simulator.settings import Settings

#: How long the thread may take to start or to stop its simulator.
_THREAD_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that is listening."""

    simulator: Simulator
    host: str
    port: int
    secure: bool = False
    """Whether it serves TLS: `https:` and `wss:` instead of `http:` and `ws:`."""

    @property
    def base_url(self) -> str:
        """The base URL for clients: `http://127.0.0.1:PORT/v1`."""
        return f"{self._scheme('http')}://{self.host}:{self.port}/v1"

    @property
    def azure_url(self) -> str:
        """The base URL of the Azure endpoints: `http://127.0.0.1:PORT/openai/v1`."""
        return f"{self._scheme('http')}://{self.host}:{self.port}/openai/v1"

    @property
    def websocket_url(self) -> str:
        """The WebSocket URL, without a query."""
        return f"{self._scheme('ws')}://{self.host}:{self.port}/v1/realtime"

    def _scheme(self, plain: str) -> str:
        return f"{plain}s" if self.secure else plain

    @property
    def api_key(self) -> Secret:
        """An API key that selects the scenario of the settings."""
        return Secret("sk-simulated-0000000000000000")

    def key_for(self, scenario: str) -> str:
        """Return the API key that selects a scenario. Raises KeyError if there is no such scenario."""
        if scenario not in SCENARIOS:
            raise KeyError(_unknown(scenario))
        return SCENARIOS[scenario].key

    def choose(self, scenario: str = "good", faults: Sequence[str] = (), *, key: str = "") -> None:
        """Set scenario and faults for the next attempts of a key, or of every key without a choice of its own.

        Faults are in text form: `"latency:ms=300"`. Raises KeyError if there is no such scenario, and FaultError for an
        invalid fault.
        """
        if scenario not in SCENARIOS:
            raise KeyError(_unknown(scenario))
        self.simulator.choose(scenario, [parse_fault(text) for text in faults], key=key)

    def clear_choice(self, key: str = "") -> None:
        """Undo `choose`: from its next attempt on, the key gets what the settings say."""
        self.simulator.clear_choice(key)

    @property
    def journal(self) -> Journal:
        """What the simulator has received so far."""
        return self.simulator.journal

    @property
    def arrivals(self) -> Journal:
        """The journal, under the name that it had in 0.1."""
        return self.journal


def _unknown(scenario: str) -> str:
    return f"no scenario '{scenario}'; the scenarios are {', '.join(SCENARIOS)}"


@asynccontextmanager
async def open_simulator(
    settings: Settings | None = None, port: int = 0, *, ssl_context: ssl.SSLContext | None = None
) -> AsyncIterator[RunningSimulator]:
    """Run a simulator in the current trio loop for the duration of the block.

    With `ssl_context` it serves TLS; `bridge.simulator.certificate.make_certificate` makes one.
    Raises OSError if it cannot listen on the port. An exception of the block is raised as it is, not in a group.
    """
    simulator = Simulator(settings)
    try:
        async with trio.open_nursery() as nursery:
            serve = partial(simulator.serve, ssl_context=ssl_context)
            host, bound = await nursery.start(serve, "127.0.0.1", port)
            yield RunningSimulator(simulator, host, bound, secure=ssl_context is not None)
            nursery.cancel_scope.cancel()
            return
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        only = group.exceptions[0]
    raise only


class _Thread:
    """A thread that runs a simulator."""

    def __init__(self, settings: Settings | None, port: int, ssl_context: ssl.SSLContext | None) -> None:
        self.running: RunningSimulator | None = None
        self.error: BaseException | None = None
        self._settings, self._port, self._ssl_context = settings, port, ssl_context
        self._started_or_failed = threading.Event()
        self._cancel: tuple[trio.lowlevel.TrioToken, trio.CancelScope] | None = None
        self._thread = threading.Thread(target=self._run, name="sherpa-simulator", daemon=True)

    async def _main(self) -> None:
        with trio.CancelScope() as scope:
            async with open_simulator(self._settings, self._port, ssl_context=self._ssl_context) as running:
                self._cancel = (trio.lowlevel.current_trio_token(), scope)
                self.running = running
                self._started_or_failed.set()
                await trio.sleep_forever()

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self.error = error
        finally:
            self._started_or_failed.set()

    def start(self) -> RunningSimulator:
        """Start the thread and return the simulator once it listens. Raises what kept it from listening."""
        self._thread.start()
        if not self._started_or_failed.wait(_THREAD_SECONDS):
            raise TimeoutError("the simulator did not start")
        if self.running is not None:
            return self.running
        self._thread.join(_THREAD_SECONDS)
        raise self.error or RuntimeError("the simulator stopped before it listened")

    def stop(self) -> None:
        """Stop the simulator and wait until its thread has ended."""
        if self._cancel is not None:
            token, scope = self._cancel
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(scope.cancel)
        self._thread.join(_THREAD_SECONDS)


@contextmanager
def simulator_in_thread(
    settings: Settings | None = None, port: int = 0, *, ssl_context: ssl.SSLContext | None = None
) -> Iterator[RunningSimulator]:
    """Run a simulator in a thread of its own, for programs that do not use trio; see `open_simulator`.

    Raises OSError if it cannot listen on the port, and RuntimeError at the end of the block if the simulator has
    crashed.
    """
    thread = _Thread(settings, port, ssl_context)
    running = thread.start()
    try:
        yield running
    finally:
        thread.stop()
    if thread.error is not None:
        raise RuntimeError("the simulator crashed") from thread.error
