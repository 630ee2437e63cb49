"""A bridge in its own process, the simulator behind it, and a healthy caller during every attack.

Attackers and callers run in the test's process, so the bridge's memory and descriptors can be measured alone. The
simulator runs in a thread, so that a test can inspect it and close its sessions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import trio

from bridge.protocol.audio.tracer import TracerSource
from bridge.simulator.service.server import Simulator
from bridge.simulator.settings import Settings
from bridge.transport.link import LinkClosed
from bridge.upstream.dial.dial import dial
from tests.server.harness import JsonTestClient
from tests.server.test_cli import PROGRAM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.faults.base import Fault
    from bridge.transport.http import HttpRequest, HttpResponse
    from bridge.transport.link import Headers

TOKEN = "a-token-for-the-tests-0123456789"
#: The bridge's API key at the simulator. It must never leak.
KEY = "sk-simulated-hardening-0123456789abcdef"
PAGE = "https://app.test"
CLIENT_PATH = "/api/openai/realtime"
NATIVE_URL = "/v1/realtime?model=gpt-realtime-2.1"
WITH_TOKEN: Headers = (("Authorization", f"Bearer {TOKEN}"),)
MIB = 2**20

_callers = count(1)


class PausableSimulator(Simulator):
    """The simulator, with a switch that makes minting hang."""

    pauses_minting = False

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Answer one REST request, or hang."""
        if self.pauses_minting and request.method == "POST":
            await trio.sleep_forever()
        return await super().http(request)


@dataclass
class SimulatorThread:
    """A simulator in a thread."""

    simulator: PausableSimulator
    port: int
    token: trio.lowlevel.TrioToken

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def set_faults(self, *faults: Fault) -> None:
        """Apply these faults to every session that is opened from now on."""
        self.simulator.choose("good", faults)

    def inject(self, act: WireAction, session_id: str) -> None:
        """Do something on the wire of a session, if it still runs."""

        def do() -> None:
            if session_id in self.simulator.connections:
                self.simulator.connections[session_id].perform(act)

        self.token.run_sync_soon(do)

    def opened_sessions(self) -> int:
        """Return how many sessions were opened."""
        return len(self.simulator.journal.sessions())

    def clear_faults(self) -> None:
        """End all faults."""
        self.simulator.choices.clear()
        self.simulator.pauses_minting = False

    def lost_ms(self, source: TracerSource) -> int:
        """Return how many ms of a source's audio arrived at no session."""
        account = self.simulator.journal.tracer_account(KEY)
        return account.counts({source.caller: source.sent_ms})[source.caller].lost_ms


@contextmanager
def simulator_thread() -> Iterator[SimulatorThread]:
    """Run a simulator in a thread; its answers come twenty times as fast as recorded."""
    started, found = threading.Event(), list[SimulatorThread]()
    scope = trio.CancelScope()

    async def serve() -> None:
        simulator = PausableSimulator(Settings(pace=20))
        with scope:
            async with trio.open_nursery() as nursery:
                _, port = await nursery.start(simulator.serve, "127.0.0.1", 0)
                found.append(SimulatorThread(simulator, port, trio.lowlevel.current_trio_token()))
                started.set()

    thread = threading.Thread(target=trio.run, args=(serve,), daemon=True)
    thread.start()
    assert started.wait(10)
    yield found[0]
    found[0].token.run_sync_soon(scope.cancel)
    thread.join(10)


@dataclass
class BridgeProcess:
    """A running bridge."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path
    scheme: str = "ws"
    ps: psutil.Process = field(init=False)

    def __post_init__(self) -> None:
        self.ps = psutil.Process(self.process.pid)

    async def connect(self, path: str = CLIENT_PATH, *, headers: Headers = WITH_TOKEN, **more: Any) -> JsonTestClient:
        """Connect a client. Raises HandshakeRefused."""
        with trio.fail_after(10):
            return JsonTestClient((await dial(f"{self.scheme}://{self.address}{path}", headers=headers, **more)).link)

    @property
    def admin_address(self) -> str:
        """Where monitoring is served, if that is not where clients are."""
        [found] = re.findall(r"http://(127\.0\.0\.1:\d+)/metrics", self.log.read_text())
        return str(found)

    async def open_tcp(self, source: str | None = None, *, address: str | None = None) -> trio.SocketStream:
        """Open a TCP connection, optionally from another local address, or to another one than that of clients."""
        host, _, port = (address or self.address).partition(":")
        return await trio.open_tcp_stream(host, int(port), local_address=source)

    async def metrics(self) -> dict[str, float]:
        """Read the bridge's metrics."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            text = (await client.get(f"http://{self.address}/metrics")).text
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name.removeprefix("sherpa_bridge_"): float(value) for name, value in rows}

    def log_lines(self, event: str | None = None, *, since: int = 0) -> list[dict[str, Any]]:
        """Read the log from a position, optionally one event only.

        A thread of the bridge writes it, a moment after the event: so this waits until nothing more comes.
        """
        size = -1
        while size != (size := self.log.stat().st_size):
            time.sleep(LOG_SECONDS)
        text = self.log.read_bytes()[since:].decode()
        found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        return [line for line in found if event in (None, line["event"])]

    def sockets_to(self, port: int) -> int:
        """Return how many TCP connections the bridge has to this port."""
        alive = (psutil.CONN_ESTABLISHED, psutil.CONN_SYN_SENT, psutil.CONN_CLOSE_WAIT)
        found = [one for one in self.ps.net_connections(kind="tcp") if one.status in alive]
        return [remote_port(one.raddr) for one in found].count(port)


#: For how long the log must not grow until it is read.
LOG_SECONDS = 0.05


def remote_port(address: Sequence[Any]) -> int:
    """Return the port of the remote end; 0 if there is none."""
    return int(address[1]) if address else 0


@contextmanager
def checked_bridge_process(
    folder: Path, *words: str, program: Sequence[str] = PROGRAM, **environment: str
) -> Iterator[BridgeProcess]:
    """Run `sherpa-bridge serve` as a process. SIGTERM must end it with code 0 and without an internal error."""
    with bridge_process(folder, *words, program=program, **environment) as bridge:
        yield bridge
        bridge.process.terminate()
        assert bridge.process.wait(60) == 0
        assert bridge.log_lines("internal.error") == []


@contextmanager
def bridge_process(
    folder: Path, *words: str, program: Sequence[str] = PROGRAM, **environment: str
) -> Iterator[BridgeProcess]:
    """Run `sherpa-bridge serve` as a process, and kill it at the end."""
    log = folder / "bridge.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*program, "serve", "--port", "0", *words],
            stdout=out,
            stderr=out,
            cwd=folder,
            env=own_environment() | environment,
            start_new_session=True,
        )
    try:
        scheme, address = address_in(process, log)
        yield BridgeProcess(process, address, log, scheme)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(60)


def own_environment() -> dict[str, str]:
    """Return this process's environment without what a bridge would take for its settings."""
    ours = ("OPENAI_", "SHERPA_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(ours)}


def address_in(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    """Wait until the bridge has written its address into a file, and return its scheme and address."""
    end = time.monotonic() + 20
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"(wss?)://(127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return found[1], found[2]
        time.sleep(0.02)
    raise AssertionError(log.read_text())


async def wait_until(condition: Callable[[], object], seconds: float) -> float:
    """Poll a condition until it holds; give the seconds that it took. Raises TooSlowError."""
    started = trio.current_time()
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - it comes about in another thread or process
            await trio.sleep(0.01)
    return trio.current_time() - started


class HealthyCaller:
    """A normal caller: it speaks a sentence, waits for the answer, and speaks the next."""

    def __init__(self, bridge: BridgeProcess, upstream: SimulatorThread) -> None:
        self._bridge, self._upstream = bridge, upstream
        self.source = TracerSource(caller=next(_callers))
        self.client: JsonTestClient
        self.session_id = ""
        self.turns = 0
        self.slowest = 0.0

    async def connect(self, **how: Any) -> None:
        """Open a session without turn detection."""
        self.client = await self._bridge.connect(**how)
        await self.client.send("create_session", turnDetection="none")
        with trio.fail_after(10):
            self.session_id = (await self.client.receive_until("session_ready"))["sessionId"]

    async def turn(self) -> None:
        """Speak for 200 ms, and receive the whole answer."""
        started = trio.current_time()
        with trio.fail_after(15):
            for _ in range(10):
                await self.client.link.send_binary(self.source.speech(20))
                await trio.sleep(0.02)
            await self.client.send("audio_commit")
            answer = await self.client.receive_until("response.done")
        assert answer["response"]["status"] == "completed"
        self.turns += 1
        self.slowest = max(self.slowest, trio.current_time() - started)

    def assert_unharmed(self) -> None:
        """Assert that all audio arrived and that no error occurred."""
        account = self._upstream.simulator.journal.tracer_account(KEY)
        assert account.counts({self.source.caller: self.source.sent_ms})[self.source.caller].clean
        assert not {"error", "reconnecting", "audio_dropped"} & set(self.client.types())

    async def disconnect(self) -> None:
        """Close the connection."""
        with suppress(LinkClosed):
            await self.client.link.close()


@dataclass
class Attack:
    """The effects of an attack."""

    bridge: BridgeProcess
    upstream: SimulatorThread
    caller: HealthyCaller
    log_from: int
    rss_before: int
    rss_most: int = 0

    def log_lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return what the bridge logged since the attack started."""
        return self.bridge.log_lines(event, since=self.log_from)

    @property
    def grown_mib(self) -> float:
        """The most memory that the bridge used more than before, in MiB."""
        return (self.rss_most - self.rss_before) / MIB


@asynccontextmanager
async def attack(
    bridge: BridgeProcess, upstream: SimulatorThread, *, seconds: float, mib: float = 16, turn_seconds: float = 4
) -> AsyncIterator[Attack]:
    """Let a caller talk for as long as the block lasts, which is for so many seconds at the most.

    Behind it the caller has had at least one whole turn within the block and none took longer than `turn_seconds`, the
    bridge never took `mib` MiB more than before, and made no mistake of its own.
    """
    caller = HealthyCaller(bridge, upstream)
    await caller.connect()
    result = Attack(bridge, upstream, caller, bridge.log.stat().st_size, bridge.ps.memory_info().rss)
    over = trio.Event()

    async def talk() -> None:
        while not over.is_set() or not caller.turns:
            await caller.turn()

    async def weigh() -> None:
        while not over.is_set():
            result.rss_most = max(result.rss_most, bridge.ps.memory_info().rss)
            await trio.sleep(0.05)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk)
            nursery.start_soon(weigh)
            with trio.fail_after(seconds):
                yield result
            over.set()
        caller.assert_unharmed()
    finally:
        with trio.CancelScope(shield=True):
            await caller.disconnect()
    summary = f"{caller.turns} turns beside it, slowest {caller.slowest:.2f} s; at most {result.grown_mib:.1f} MiB more"
    print(summary)  # noqa: T201 - for whoever asks with -s
    assert caller.slowest < turn_seconds
    assert result.grown_mib < mib
    assert result.log_lines("internal.error") == []
