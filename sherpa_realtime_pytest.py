"""A pytest plugin for tests of any program that uses the Realtime API: the fixture `realtime_simulator`.

    def test_my_bridge(realtime_simulator):
        run_my_bridge(base_url=realtime_simulator.base_url, api_key=realtime_simulator.key_for("no-quota"))
        (session,) = realtime_simulator.journal.sessions()
        assert session.counts["response.create"] == 1

Normally the simulator runs in a thread. If the tested project has a package named `bridge` or `reports`, which hides
ours, it runs in a process of its own. It has the same attributes and methods either way: those of `RealtimeSimulator`.

pytest loads this module in every project that has it installed. So its name is unlikely to clash, and it imports none
of our packages until a test uses the fixture.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, cast

import pytest

from sherpa_realtime import is_hidden, python_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: The fixture's responses are this many times as fast as recorded.
_PACE = 20.0
#: How long the simulator's process may take to stop.
_STOP_SECONDS = 10.0
#: The packages that the simulator is in.
_NEEDED_PACKAGES = ("bridge", "reports")


class ApiKey(Protocol):
    """An API key that does not show in logs."""

    def reveal(self) -> str:
        """Return the key as text."""
        ...


class SimulatorEvent(Protocol):
    """One client event: its time in seconds since the session opened, and its type."""

    @property
    def at(self) -> float: ...  # noqa: D102 - see the class
    @property
    def type(self) -> str: ...  # noqa: D102 - see the class


class ReceivedSession(Protocol):
    """One WebSocket session that the simulator has received, running or ended."""

    @property
    def key(self) -> str:
        """The API key of the client."""
        ...

    @property
    def scenario(self) -> str:
        """The name of the scenario that the key selected."""
        ...

    @property
    def model(self) -> str:
        """The model of the session; empty in a transcription session."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each client event came, by type."""
        ...

    @property
    def sent(self) -> Mapping[str, int]:
        """How often the simulator sent each server event, by type."""
        ...

    @property
    def events(self) -> Sequence[SimulatorEvent]:
        """The last 500 client events."""
        ...

    @property
    def audio_ms(self) -> float:
        """How much audio the client has sent, in ms."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        ...

    @property
    def close_code(self) -> int | None:
        """The close code; None while the session runs, or if it ended without a close frame."""
        ...

    @property
    def closed_by_client(self) -> bool:
        """Whether the client closed the session."""
        ...


class SimulatorJournal(Protocol):
    """What a simulator has received."""

    @property
    def requests(self) -> Mapping[str, int]:
        """How many REST requests and WebSocket upgrades came, by `METHOD path`."""
        ...

    def sessions(self, key: str | None = None) -> Sequence[ReceivedSession]:
        """Return the WebSocket sessions, oldest first; with `key`, only those of that API key."""
        ...


class RealtimeSimulator(Protocol):
    """The value of the fixture `realtime_simulator`. Use this class to annotate your tests."""

    @property
    def base_url(self) -> str:
        """The base URL for clients: `http://127.0.0.1:PORT/v1`."""
        ...

    @property
    def azure_url(self) -> str:
        """The base URL of the Azure endpoints: `http://127.0.0.1:PORT/openai/v1`."""
        ...

    @property
    def websocket_url(self) -> str:
        """The WebSocket URL, without a query."""
        ...

    @property
    def api_key(self) -> ApiKey:
        """An API key that selects the healthy service."""
        ...

    @property
    def journal(self) -> SimulatorJournal:
        """What the simulator has received so far."""
        ...

    @property
    def arrivals(self) -> SimulatorJournal:
        """The journal, under the name that it had in 0.1."""
        ...

    def key_for(self, scenario: str) -> str:
        """Return the API key that selects a scenario. Raises KeyError if there is no such scenario."""
        ...

    def choose(self, scenario: str = "good", faults: Sequence[str] = (), *, key: str = "") -> None:
        """Set scenario and faults for the next attempts of a key, or of every key without a choice of its own.

        Faults are written as for `sherpa-sim --fault`: `"latency:ms=300"`. Raises KeyError if there is no such scenario
        and ValueError for an invalid fault.
        """
        ...

    def clear_choice(self, key: str = "") -> None:
        """Undo `choose`."""
        ...


@pytest.fixture
def realtime_simulator() -> Iterator[RealtimeSimulator]:
    """A new simulated Realtime API for each test. It responds 20 times as fast as the real one was recorded to."""
    if any(map(is_hidden, _NEEDED_PACKAGES)):
        with _simulator_in_process() as simulator:
            yield simulator
        return
    from bridge.simulator.embedded import simulator_in_thread  # noqa: PLC0415 - most tests do not need it
    from bridge.simulator.settings import Settings  # noqa: PLC0415 - as above

    with simulator_in_thread(Settings(pace=_PACE)) as running:
        yield running


@contextmanager
def _simulator_in_process() -> Iterator[_SimulatorProcess]:
    """Run a simulator in a child process for the duration of the block.

    Raises RuntimeError if it does not start, or if it has crashed by the end of the block. Its standard error is ours.
    """
    command = python_command("bridge.simulator.child", str(_PACE))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:  # noqa: S603 - our own code
        if child.stdin is None or child.stdout is None:
            raise AssertionError("both are pipes")
        try:
            port = child.stdout.readline().strip()
            if not port:
                raise RuntimeError("the simulator's process did not start; see its traceback on standard error")
            yield _SimulatorProcess(f"127.0.0.1:{int(port)}", child.pid)
        finally:
            child.stdin.close()
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
    if child.returncode:
        raise RuntimeError(f"the simulator's process failed with exit code {child.returncode}; see standard error")


class _SimulatedKey:
    """The API key of a simulator in another process."""

    def reveal(self) -> str:
        return "sk-simulated-0000000000000000"


@dataclass(frozen=True, slots=True)
class _SimulatorProcess:
    """A simulator in another process, used through its control API."""

    address: str
    process_id: int

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def azure_url(self) -> str:
        return f"http://{self.address}/openai/v1"

    @property
    def websocket_url(self) -> str:
        return f"ws://{self.address}/v1/realtime"

    @property
    def api_key(self) -> ApiKey:
        return _SimulatedKey()

    @property
    def journal(self) -> SimulatorJournal:
        return _ProcessJournal(self)

    @property
    def arrivals(self) -> SimulatorJournal:
        return self.journal

    def key_for(self, scenario: str) -> str:
        return self._keys(scenario)[scenario]

    def choose(self, scenario: str = "good", faults: Sequence[str] = (), *, key: str = "") -> None:
        self._keys(scenario)
        answer = self.control("scenario", {"scenario": scenario, "faults": list(faults), "key": key})
        if "error" in answer:
            raise ValueError(answer["error"])

    def clear_choice(self, key: str = "") -> None:
        self.control("scenario", {"scenario": "", "key": key})

    def _keys(self, scenario: str) -> Mapping[str, str]:
        """Return the key of each scenario. Raises KeyError if `scenario` is not among them."""
        keys = {row["name"]: row["key"] for row in self.control("scenarios")["scenarios"]}
        if scenario not in keys:
            raise KeyError(f"no scenario '{scenario}'; the scenarios are {', '.join(keys)}")
        return keys

    def control(self, call: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make a call of the control API and return its answer, an error included."""
        from urllib.error import HTTPError  # noqa: PLC0415 - most tests do not need it
        from urllib.request import ProxyHandler, Request, build_opener  # noqa: PLC0415 - as above

        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://{self.address}/_sim/{call}", data)
        opener = build_opener(ProxyHandler({}))
        try:
            with opener.open(request, timeout=_STOP_SECONDS) as answer:
                return cast("dict[str, Any]", json.load(answer))
        except HTTPError as error:
            with error:
                return cast("dict[str, Any]", json.load(error))


@dataclass(frozen=True, slots=True)
class _ProcessJournal:
    """The journal of a simulator in another process. Each access fetches it."""

    simulator: _SimulatorProcess

    @property
    def requests(self) -> Mapping[str, int]:
        return Counter(self.simulator.control("arrivals")["requests"])

    def sessions(self, key: str | None = None) -> Sequence[ReceivedSession]:
        rows = self.simulator.control("arrivals")["sessions"]
        return [_session(row) for row in rows if key in (None, row["key"])]


def _session(row: Mapping[str, Any]) -> ReceivedSession:
    counts = {"counts": Counter(row["counts"]), "sent": Counter(row["sent"])}
    events = [SimpleNamespace(**event) for event in row["events"]]
    return cast("ReceivedSession", SimpleNamespace(**{**row, **counts, "events": events}))
