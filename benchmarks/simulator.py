"""How many callers one core of the simulator can serve, at the rate of speech, with turn detection and tracer audio.

    python -m benchmarks.simulator --sessions 100 400 --seconds 10

The simulator runs in a process of its own. The callers are in this process, and each sends 50 chunks of 20 ms per
second on a fixed schedule. The results are: the CPU share of the simulator's process, how long after it was sent each
end of speech was answered, how late the load generator itself was, memory per idle session, and missing audio.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import platform
import re
import struct
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.machine import report_machine_load
from bridge.protocol.audio.tracer import TracerSource

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_MS, SPEECH_MS, PAUSE_MS = 20, 1200, 600
#: The pause after which the configured turn detection ends the speech.
SILENCE_MS = 200
UPDATE = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
    },
}


def masked(text: bytes) -> bytes:
    """Make a client's text frame (RFC 6455 5.2)."""
    key = os.urandom(4)
    size = len(text)
    head = struct.pack("!BBH", 0x81, 0x80 | 126, size) if size > 125 else struct.pack("!BB", 0x81, 0x80 | size)
    padded = key * (size // 4 + 1)
    body = int.from_bytes(text, "big") ^ int.from_bytes(padded[:size], "big")
    return head + key + body.to_bytes(size, "big")


@dataclass
class SimulatorClient:
    """One caller: speaks in turns and records when the ends of its speech are answered."""

    number: int
    frames: list[bytes] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    """How long after its due time each chunk was sent: the load generator's own lateness."""
    ends: list[float] = field(default_factory=list)
    """When each chunk that ends a turn was sent."""
    answered: list[float] = field(default_factory=list)
    """How long after that the simulator sent speech_stopped."""

    async def connect(self, port: int) -> None:
        """Open the socket and configure the session."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET /v1/realtime?model=gpt-realtime-2.1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Authorization: Bearer sk-bench\r\n\r\n".encode()
        )
        await self.reader.readuntil(b"\r\n\r\n")
        self.writer.write(masked(json.dumps(UPDATE).encode()))

    async def listen(self) -> None:
        """Read forever, and record the time of each `speech_stopped`."""
        stopped = re.compile(rb'"type":"input_audio_buffer.speech_stopped"')
        while data := await self.reader.read(65536):
            now = time.perf_counter()
            for _ in stopped.findall(data):
                self.answered.append(now - self.ends.pop(0))

    def prepare(self, seconds: float) -> None:
        """Make all frames before the measurement, so that the load generator only writes."""
        source = TracerSource(self.number)
        for position in range(0, int(seconds * 1000), CHUNK_MS):
            speaking = position % (SPEECH_MS + PAUSE_MS) < SPEECH_MS
            pcm = source.speech(CHUNK_MS) if speaking else source.silence(CHUNK_MS)
            self.frames.append(masked(b'{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm) + b'"}'))

    async def speak(self, start: float) -> None:
        """Send each chunk when it is due, even if earlier ones were late."""
        start += (self.number % 50) * CHUNK_MS / 1000 / 50
        for index, frame in enumerate(self.frames):
            position = index * CHUNK_MS
            due = start + position / 1000
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            self.writer.write(frame)
            now = time.perf_counter()
            self.lag.append(now - due)
            if position % (SPEECH_MS + PAUSE_MS) == SPEECH_MS + SILENCE_MS - CHUNK_MS:
                self.ends.append(now)


async def run(sessions: int, seconds: float) -> dict[str, object]:
    """Measure a number of sessions with a new simulator."""
    with simulator() as (port, process):
        callers = [SimulatorClient(number) for number in range(1, sessions + 1)]
        empty = process.memory_info().rss
        for caller in callers:
            await caller.connect(port)
        await asyncio.sleep(1.0)
        idle = process.memory_info().rss
        listening = [asyncio.create_task(caller.listen()) for caller in callers]
        for caller in callers:
            caller.prepare(seconds)
        start, spent = time.perf_counter() + 0.2, cpu_seconds(process)
        await asyncio.gather(*(caller.speak(start) for caller in callers))
        took, used = time.perf_counter() - start, cpu_seconds(process) - spent
        await asyncio.sleep(0.5)
        lost = missing_ms(port, {caller.number: len(caller.frames) * CHUNK_MS for caller in callers})
        for task in listening:
            task.cancel()
        answered = [seconds for caller in callers for seconds in caller.answered]
        lag = [seconds for caller in callers for seconds in caller.lag]
        return {
            "sessions": sessions,
            "chunks a second": sessions * 1000 // CHUNK_MS,
            "cpu share": round(used / took, 2),
            "us a chunk": round(used / (sessions * seconds * 1000 / CHUNK_MS) * 1e6, 1),
            "turns": len(answered),
            "answered p50 ms": percentile_ms(answered, 0.5),
            "answered p99 ms": percentile_ms(answered, 0.99),
            "generator lag p99 ms": percentile_ms(lag, 0.99),
            "KiB an idle session": round((idle - empty) / sessions / 1024, 1),
            "ms not arrived": lost,
        }


def percentile_ms(seconds: list[float], share: float) -> float:
    """Return a percentile, in ms."""
    ordered = sorted(seconds)
    return round(ordered[int(len(ordered) * share)] * 1000, 1) if ordered else float("nan")


def missing_ms(port: int, sent: dict[int, int]) -> int:
    """Ask the simulator how many milliseconds of tracer audio did not arrive."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_sim/arrivals", timeout=30) as answer:
        tracer = json.load(answer)["tracer"]["sk-bench"]
    return sum(ms - tracer.get(str(number), {"received_ms": 0})["received_ms"] for number, ms in sent.items())


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds that the process has used so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def simulator() -> Iterator[tuple[int, psutil.Process]]:
    """Start a simulator with its control API in a process of its own."""
    command = [str(Path(sys.executable).with_name("sherpa-sim")), "serve", "--port", "0", "--control"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:  # noqa: S603 - ours
        line = child.stderr.readline() if child.stderr else ""
        found = re.search(r":(\d+)/v1", line)
        if found is None:
            raise SystemExit(f"the simulator did not start: {line}")
        try:
            yield int(found[1]), psutil.Process(child.pid)
        finally:
            child.terminate()


def main() -> None:
    """Measure and print a table."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--sessions", type=int, nargs="+", default=[100])
    parse.add_argument("--seconds", type=float, default=10)
    args = parse.parse_args()
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {machine}")
    for sessions in args.sessions:
        with report_machine_load():
            row = asyncio.run(run(sessions, args.seconds))
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
