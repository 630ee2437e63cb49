"""An honest caller beside a hostile one: how long its round trips take, and whether it loses a word.

It is a process of its own, so that nothing but the bridge delays it. Every 20 ms it sends a chunk of tracer speech and
a `ping`, and writes when that was and how long the `pong` took. At the end it asks the upstream what arrived.

A round trip is counted without the time for which the bridge and the caller waited for a processor: on a machine with
fewer processors than busy processes that is most of it, and says nothing about the bridge.

    python -m tests.hardening.bystander URL PID     until its stdin ends; PID: the bridge's process
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.tracer import TracerSource
from bridge.transport.link import HandshakeRefused
from bridge.upstream.dial.dial import dial
from tests.hardening.harness import CLIENT_PATH, WITH_TOKEN
from tests.hardening.run_delay import RunDelay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from bridge.transport.websocket import WebSocketLink
    from tests.hardening.harness import BridgeProcess

#: How long an attack goes on.
ATTACK_SECONDS = 2.0
_QUIET_SECONDS = 0.5
_CHUNK_SECONDS = 0.02
_CALLER = 77
_BUSY = 503


# The process


def _write(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)  # noqa: T201 - for the test


class _Caller:
    def __init__(self, link: WebSocketLink, delay: RunDelay) -> None:
        self._link, self._source, self._delay = link, TracerSource(_CALLER), delay
        self._asked: dict[str, tuple[float, float]] = {}
        """When each `ping` was sent, and how long the processes had waited until then."""
        self._over = False
        self.ready, self.reported = trio.Event(), trio.Event()

    async def listen(self) -> None:
        while True:
            message = json.loads(await self._link.receive())
            match message["type"]:
                case "pong":
                    sent, waited = self._asked.pop(message["id"])
                    took, waited = time.monotonic() - sent, self._delay.seconds() - waited
                    _write(at=sent, seconds=max(0.0, took - waited), waited=waited)
                case "session_ready":
                    self.ready.set()
                case "test.report":
                    _write(clean=message["clean"], lost_ms=message["lost_ms"])
                    self.reported.set()
                case "error" | "reconnecting" | "audio_dropped":
                    _write(trouble=message)

    async def speak(self) -> None:
        at = trio.current_time()
        while not self._over:
            await self._link.send_binary(self._source.speech(20))
            ping = f"ping_{self._source.sent_ms}"
            self._asked[ping] = time.monotonic(), self._delay.seconds()
            await self._link.send_text(json.dumps({"type": "ping", "id": ping}))
            at += _CHUNK_SECONDS
            await trio.sleep_until(at)
        report = {"type": "test.report", "caller": _CALLER, "sent_ms": self._source.sent_ms}
        await self._link.send_text(json.dumps(report))

    async def hang_up(self) -> None:
        await trio.to_thread.run_sync(sys.stdin.read)
        self._over = True


async def _dial(url: str) -> WebSocketLink:
    """Connect; a worker that is still busy with the attack before says when to come again."""
    with trio.fail_after(60):
        while True:
            try:
                return (await dial(url, headers=WITH_TOKEN)).link
            except HandshakeRefused as refused:
                if refused.status != _BUSY:
                    raise
                await trio.sleep(1)


async def _call(url: str, bridge: int) -> None:
    link = await _dial(url)
    caller = _Caller(link, RunDelay(bridge, os.getpid()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.listen)
        await link.send_text('{"type":"create_session","turnDetection":"none"}')
        await caller.ready.wait()
        _write(ready=True)
        nursery.start_soon(caller.hang_up)
        await caller.speak()
        with trio.fail_after(60):
            await caller.reported.wait()
        nursery.cancel_scope.cancel()
    await link.close()


# For the test


@dataclass
class Bystander:
    """What the caller saw."""

    process: subprocess.Popen[str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def finish(self) -> None:
        """Hang up, and read what the caller saw."""
        out, _ = self.process.communicate("", timeout=60)
        self.rows += [json.loads(line) for line in out.splitlines()]

    def seconds(self, since: float, until: float) -> list[float]:
        """Return the round trip times that began in this time, sorted."""
        return sorted(row["seconds"] for row in self.rows if since <= row.get("at", -1) < until)

    def p99(self, since: float, until: float) -> float:
        """Return the 99th percentile of the round trips that began in this time."""
        found = self.seconds(since, until)
        return found[min(len(found) - 1, int(len(found) * 0.99))]

    def assert_unharmed(self) -> None:
        """Assert that all its speech arrived, and that it was told of no trouble."""
        assert [row for row in self.rows if "trouble" in row] == []
        assert [row["clean"] for row in self.rows if "clean" in row] == [True], self.rows[-1]


@contextmanager
def bystander(bridge: BridgeProcess) -> Iterator[Bystander]:
    """Run a caller of this bridge in a process of its own; it talks from the start of the block."""
    words = [f"{bridge.scheme}://{bridge.address}{CLIENT_PATH}", str(bridge.process.pid)]
    words = [sys.executable, "-m", "tests.hardening.bystander", *words]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        yield Bystander(process)
    finally:
        process.kill()
        with process:  # closes its pipes
            process.wait(60)


@dataclass(frozen=True)
class AttackResult:
    """The 99th percentile of the bystander's round trips, in seconds."""

    before: float
    during: float


async def attack_beside_bystander(
    bridge: BridgeProcess, attack: Callable[[BridgeProcess], Awaitable[None]], seconds: float = ATTACK_SECONDS
) -> AttackResult:
    """Attack a bridge for so long, and return what an honest caller noticed. It must lose nothing."""
    with bystander(bridge) as beside:
        before = time.monotonic()
        await trio.sleep(_QUIET_SECONDS)
        began = time.monotonic()
        with trio.move_on_after(seconds):
            await attack(bridge)
            await trio.sleep_forever()
        over = time.monotonic()
        await trio.to_thread.run_sync(beside.finish)
    beside.assert_unharmed()
    return AttackResult(beside.p99(before, began), beside.p99(began, over))


@contextmanager
def stand_in_upstream() -> Iterator[str]:
    """Run the stand-in for the service; give its base URL."""
    words = [sys.executable, "-m", "tests.hardening.stand_in_upstream"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        with process:  # closes its pipes
            process.wait(60)


if __name__ == "__main__":
    trio.run(_call, sys.argv[1], int(sys.argv[2]))
