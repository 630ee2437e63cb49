"""Callers of a relay, and what their round trips cost it. The load is a library of `relay.py`, not a command.

A caller has one 20 ms chunk under way and sends the next when it comes back (a closed loop), or sends at the pace of
speech. Costs are the system's CPU figures for the relay's processes, so that callers and upstream don't count.
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
    """What a caller speaks."""

    CLIENT = "sherpa"
    NATIVE = "native"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class TargetProtocol:
    """A door's address, and how a caller of it speaks."""

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
    """What all callers of a run note together."""

    going: bool = True
    latencies: list[float] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)


class RelayClient(WSListener):
    """One caller."""

    def __init__(self, words: TargetProtocol, tally: RunRecord, pace: float) -> None:
        self._words, self._tally, self._pace = words, tally, pace
        self.sent: deque[float] = deque()
        """When the chunks that are under way were sent."""
        self.ready = asyncio.Event()
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Ask for a session where the door wants to be asked."""
        self.transport = transport
        if self._words.hello is not None:
            transport.send(WSMsgType.TEXT, self._words.hello)

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Time what comes back; in a closed loop send the next."""
        if frame.msg_type not in _data:
            return
        event = frame.get_payload_as_bytes()
        if b"output_audio.delta" in event[:200]:
            self._tally.latencies.append(_clock() - self.sent.popleft())
            if not self._pace and self._tally.going:
                self._say()
        elif self._words.ready in event[:300]:
            self.ready.set()
        elif b'"error"' in event[:300]:
            self._tally.errors.append(event[:300])

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Be gone while the run goes on: that is an error."""
        if self._tally.going:
            self._tally.errors.append(b"a caller was disconnected")

    def _say(self) -> None:
        self.sent.append(_clock())
        self.transport.send(self._words.kind, self._words.chunk)

    async def speak(self) -> None:
        """Send the first chunk; or all of them, each when it is due."""
        self._say()
        start, count = _clock(), 1
        while self._pace and self._tally.going:
            await asyncio.sleep(max(0.0, start + count / self._pace - _clock()))
            self._say()
            count += 1


async def measure(
    port: int, relay: psutil.Process, *, door: RelayTarget, sessions: int, seconds: float, pace: float
) -> dict[str, object]:
    """Open the sessions one after another, let them speak, and give a row of figures."""
    tally = RunRecord()
    empty = memory_bytes(relay)
    callers, ready_seconds = await _open(port, TARGET_PROTOCOLS[door], tally, sessions, pace)
    await asyncio.sleep(_SETTLE_SECONDS)
    idle = memory_bytes(relay)
    speaking = [asyncio.create_task(caller.speak()) for caller in callers]
    await asyncio.sleep(_SETTLE_SECONDS)  # the first chunks find cold paths
    seen, used, began = len(tally.latencies), cpu_seconds(relay), _clock()
    await asyncio.sleep(seconds)
    latencies, used, took = tally.latencies[seen:], cpu_seconds(relay) - used, _clock() - began
    full = memory_bytes(relay)
    tally.going = False
    await asyncio.gather(*speaking)
    await asyncio.sleep(_SETTLE_SECONDS)
    unanswered = sum(len(caller.sent) for caller in callers)
    for caller in callers:
        caller.transport.disconnect()
    return {
        "door": door.value,
        "sessions": sessions,
        "round trips/s": round(len(latencies) / took),
        "cpu us/round trip": round(used / max(1, len(latencies)) * 1e6, 1),
        "cpu share": round(used / took, 3),
        **{f"p{q:g} ms": percentile_ms(latencies, q) for q in (50, 99, 99.9)},
        "KiB/session idle": round((idle - empty) / sessions / 1024, 1),
        "KiB/session after": round((full - empty) / sessions / 1024, 1),
        "ready p50 ms": percentile_ms(ready_seconds, 50),
        "unanswered": unanswered,
        "errors": [error.decode(errors="replace") for error in tally.errors[:3]],
    }


async def _open(
    port: int, words: TargetProtocol, tally: RunRecord, sessions: int, pace: float
) -> tuple[list[RelayClient], list[float]]:
    callers, ready_seconds = [], []
    for _ in range(sessions):
        caller, began = RelayClient(words, tally, pace), _clock()
        await ws_connect(lambda caller=caller: caller, f"ws://127.0.0.1:{port}{words.path}")
        await asyncio.wait_for(caller.ready.wait(), _READY_SECONDS)
        ready_seconds.append(_clock() - began)
        callers.append(caller)
    return callers, ready_seconds


def percentile_ms(seconds: list[float], percent: float) -> float:
    """Give a percentile, in ms."""
    ordered = sorted(seconds)
    return round(ordered[int(len(ordered) * percent / 100)] * 1000, 3) if ordered else float("nan")


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds that the process and its workers used so far."""
    return sum(times.user + times.system for times in (one.cpu_times() for one in _family(process)))


def memory_bytes(process: psutil.Process) -> int:
    """Bytes that the process and its workers hold in memory."""
    return sum(int(one.memory_info().rss) for one in _family(process))
