"""Callers of a relay, and the cost of their round trips. A library of `relay.py`, not a command.

A caller sends the next 20 ms chunk when the last one comes back (a closed loop), or at the rate of speech. The cost is
the CPU time of the relay's processes only, without callers and upstream.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

if TYPE_CHECKING:
    import psutil

CHUNK_MS: Final = 20
PCM: Final = bytes(48 * CHUNK_MS)
APPEND: Final = b'{"type":"input_audio_buffer.append","audio":"' + b"A" * (len(PCM) * 4 // 3) + b'"}'
_READY_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 0.5
_data = (WSMsgType.TEXT, WSMsgType.BINARY)
_clock = time.perf_counter


class RelayTarget(StrEnum):
    """What is measured: the bridge's client or native endpoint, or the bare relay."""

    CLIENT = "client"
    NATIVE = "native"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class TargetProtocol:
    """The path of a target, and the messages of its callers."""

    path: str
    hello: bytes | None
    ready: bytes
    kind: WSMsgType
    chunk: bytes


_NATIVE = "/v1/realtime?model=gpt-realtime-2.1"
TARGET_PROTOCOLS: Final = {
    RelayTarget.CLIENT: TargetProtocol(
        "/api/openai/realtime", b'{"type":"create_session"}', b'"session_ready"', WSMsgType.BINARY, PCM
    ),
    RelayTarget.NATIVE: TargetProtocol(_NATIVE, None, b'"session.created"', WSMsgType.TEXT, APPEND),
    RelayTarget.BARE: TargetProtocol(_NATIVE, None, b'"session.created"', WSMsgType.TEXT, APPEND),
}


@dataclass
class RunRecord:
    """What all callers of a run record together."""

    going: bool = True
    latencies: list[float] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)


class RelayClient(WSListener):
    """One caller."""

    def __init__(self, protocol: TargetProtocol, record: RunRecord, pace: float) -> None:
        self._protocol, self._record, self._pace = protocol, record, pace
        self.sent: deque[float] = deque()
        """When the chunks that are not answered yet were sent."""
        self.ready = asyncio.Event()
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Request a session, if the target needs a request."""
        self.transport = transport
        if self._protocol.hello is not None:
            transport.send(WSMsgType.TEXT, self._protocol.hello)

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Time what comes back. In a closed loop, send the next chunk."""
        if frame.msg_type not in _data:
            return
        event = frame.get_payload_as_bytes()
        if b"output_audio.delta" in event[:200]:
            self._record.latencies.append(_clock() - self.sent.popleft())
            if not self._pace and self._record.going:
                self._say()
        elif self._protocol.ready in event[:300]:
            self.ready.set()
        elif b'"error"' in event[:300]:
            self._record.errors.append(event[:300])

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """A disconnection during the run is an error."""
        if self._record.going:
            self._record.errors.append(b"a caller was disconnected")

    def _say(self) -> None:
        self.sent.append(_clock())
        self.transport.send(self._protocol.kind, self._protocol.chunk)

    async def speak(self) -> None:
        """Send the first chunk; with a pace, all chunks, each when it is due."""
        self._say()
        start, count = _clock(), 1
        while self._pace and self._record.going:
            await asyncio.sleep(max(0.0, start + count / self._pace - _clock()))
            self._say()
            count += 1


async def measure(
    port: int, relay: psutil.Process, *, target: RelayTarget, sessions: int, seconds: float, pace: float
) -> dict[str, object]:
    """Open the sessions one after another, let them speak, and return a row of results."""
    record = RunRecord()
    empty = memory_bytes(relay)
    callers, ready_seconds = await _open(port, TARGET_PROTOCOLS[target], record, sessions, pace)
    await asyncio.sleep(_SETTLE_SECONDS)
    idle = memory_bytes(relay)
    speaking = [asyncio.create_task(caller.speak()) for caller in callers]
    await asyncio.sleep(_SETTLE_SECONDS)  # the first chunks are slower
    seen, used, began = len(record.latencies), cpu_seconds(relay), _clock()
    await asyncio.sleep(seconds)
    latencies, used, took = record.latencies[seen:], cpu_seconds(relay) - used, _clock() - began
    full = memory_bytes(relay)
    record.going = False
    await asyncio.gather(*speaking)
    await asyncio.sleep(_SETTLE_SECONDS)
    unanswered = sum(len(caller.sent) for caller in callers)
    for caller in callers:
        caller.transport.disconnect()
    return {
        "target": target.value,
        "sessions": sessions,
        "round trips/s": round(len(latencies) / took),
        "cpu us/round trip": round(used / max(1, len(latencies)) * 1e6, 1),
        "cpu share": round(used / took, 3),
        **{f"p{q:g} ms": percentile_ms(latencies, q) for q in (50, 99, 99.9)},
        "KiB/session idle": round((idle - empty) / sessions / 1024, 1),
        "KiB/session after": round((full - empty) / sessions / 1024, 1),
        "ready p50 ms": percentile_ms(ready_seconds, 50),
        "unanswered": unanswered,
        "errors": [error.decode(errors="replace") for error in record.errors[:3]],
    }


async def _open(
    port: int, protocol: TargetProtocol, record: RunRecord, sessions: int, pace: float
) -> tuple[list[RelayClient], list[float]]:
    callers, ready_seconds = [], []
    for _ in range(sessions):
        caller, began = RelayClient(protocol, record, pace), _clock()
        await ws_connect(lambda caller=caller: caller, f"ws://127.0.0.1:{port}{protocol.path}")
        await asyncio.wait_for(caller.ready.wait(), _READY_SECONDS)
        ready_seconds.append(_clock() - began)
        callers.append(caller)
    return callers, ready_seconds


def percentile_ms(seconds: list[float], percent: float) -> float:
    """Return a percentile, in ms."""
    ordered = sorted(seconds)
    return round(ordered[int(len(ordered) * percent / 100)] * 1000, 3) if ordered else float("nan")


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds that the process and its workers have used so far."""
    return sum(times.user + times.system for times in (one.cpu_times() for one in _family(process)))


def memory_bytes(process: psutil.Process) -> int:
    """Return the resident memory of the process and its workers, in bytes."""
    return sum(int(one.memory_info().rss) for one in _family(process))
