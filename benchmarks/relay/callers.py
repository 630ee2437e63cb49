"""Callers of a relay, and what they see. They are picows on uvloop, so that the relay is the bottleneck.

A caller sends the next chunk when the last one comes back, or at the pace of speech. CPU time and memory are those of
the relay's processes only.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.relay.load import Measurement, percentile
from benchmarks.relay.usage import memory_bytes, sample_cpu, spent

if TYPE_CHECKING:
    from collections.abc import Callable

    import psutil

    from benchmarks.relay.load import Load

_READY_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 0.5
#: Sessions that are opened and closed before the measurement: what a process loads at its first session is not counted.
_WARM_UP: Final = 4
#: Chunks that a caller leaves unanswered before it stops to send: a second of speech. Bounds what a slow relay queues.
_MOST_IN_FLIGHT: Final = 50
_DATA: Final = (WSMsgType.TEXT, WSMsgType.BINARY)
_clock = time.perf_counter


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a caller opens a session and speaks."""

    path: str
    hello: bytes | None = None
    ready: bytes
    """The part of a message that says that the session is ready."""
    binary: bool = False
    """Chunks are binary PCM; otherwise base64 in JSON."""

    def chunk(self, pcm: bytes) -> tuple[WSMsgType, bytes]:
        """Return the message that carries a chunk."""
        if self.binary:
            return WSMsgType.BINARY, pcm
        return WSMsgType.TEXT, b'{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm) + b'"}'


_NATIVE_PATH: Final = "/v1/realtime?model=gpt-realtime-2.1"
CLIENT: Final = Protocol(
    path="/api/openai/realtime", hello=b'{"type":"create_session"}', ready=b'"session_ready"', binary=True
)
NATIVE: Final = Protocol(path=_NATIVE_PATH, ready=b'"session.created"')
#: To the upstream without a relay. It configures the session as the bridge does.
DIRECT: Final = Protocol(
    path=_NATIVE_PATH, hello=b'{"type":"session.update","session":{"type":"realtime"}}', ready=b'"session.updated"'
)


@dataclass
class _Record:
    """What all callers of a measurement record together."""

    going: bool = True
    latencies: list[float] = field(default_factory=list)
    ready_seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Caller(WSListener):
    """One caller."""

    def __init__(self, protocol: Protocol, load: Load, record: _Record) -> None:
        self._protocol, self._load, self._record = protocol, load, record
        self._kind, self._chunk = protocol.chunk(load.pcm)
        self.sent: deque[float] = deque()
        """When the chunks that are not answered yet were sent."""
        self.ready = asyncio.Event()
        self.transport: WSTransport
        self._connected_at = 0.0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Request a session, if the protocol needs a request."""
        self.transport, self._connected_at = transport, _clock()
        if self._protocol.hello is not None:
            transport.send(WSMsgType.TEXT, self._protocol.hello)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Time what comes back. Flat out, send the next chunk."""
        if frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        if frame.msg_type not in _DATA:
            return
        event = frame.get_payload_as_bytes()
        if b"output_audio.delta" in event[:200]:
            self._record.latencies.append(_clock() - self.sent.popleft())
            if not self._load.pace and self._record.going:
                self._say()
        elif self._protocol.ready in event[:300] and not self.ready.is_set():
            self._record.ready_seconds.append(_clock() - self._connected_at)
            self.ready.set()
        elif b'"error"' in event[:300]:
            self._fail(event[:300].decode(errors="replace"))

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """A disconnection during the measurement is an error."""
        self._fail("a caller was disconnected")

    def _fail(self, problem: str) -> None:
        if self._record.going:
            self._record.errors.append(problem)
            self.ready.set()

    def _say(self) -> None:
        self.sent.append(_clock())
        self.transport.send(self._kind, self._chunk)

    async def speak(self, delay: float) -> None:
        """Send the first chunk; with a pace, all chunks, each when it is due."""
        await asyncio.sleep(delay)
        self._say()
        start, count = _clock(), 1
        while self._load.pace and self._record.going:
            await asyncio.sleep(max(0.0, start + count / self._load.pace - _clock()))
            if len(self.sent) < _MOST_IN_FLIGHT:
                self._say()
            count += 1


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a profiler does at the begin and at the end of the measured part."""

    on_begin: Callable[[], object] = lambda: None
    on_end: Callable[[], object] = lambda: None


async def measure(
    name: str, port: int, relay: psutil.Process, protocol: Protocol, load: Load, hooks: Hooks = Hooks()
) -> Measurement:
    """Open the sessions, let them speak for `load.seconds`, and return what it cost. Errors are in the result."""
    await _close(await _open(port, protocol, load, _Record(), _WARM_UP))
    record = _Record()
    empty, opening = memory_bytes(relay), sample_cpu(relay)
    callers = await _open(port, protocol, load, record, load.sessions)
    opened, _ = spent(opening, sample_cpu(relay))
    await asyncio.sleep(_SETTLE_SECONDS)
    idle = memory_bytes(relay)
    speaking = _start_speaking(callers, load)
    await asyncio.sleep(_SETTLE_SECONDS if load.speaking else 0)  # the first chunks are slower
    hooks.on_begin()
    seen, before, began = len(record.latencies), sample_cpu(relay), _clock()
    await asyncio.sleep(load.seconds if load.speaking else 0)
    latencies, used, took = record.latencies[seen:], spent(before, sample_cpu(relay)), _clock() - began
    hooks.on_end()
    record.going = False
    await asyncio.gather(*speaking)
    if speaking:
        await asyncio.sleep(_SETTLE_SECONDS)
    unanswered = sum(len(caller.sent) for caller in callers)
    await _close(callers)
    return Measurement(
        relay=name,
        load=load,
        seconds=took,
        round_trips=len(latencies),
        cpu_seconds=used[0],
        busiest_cpu_seconds=used[1],
        p50_ms=percentile(latencies, 50) * 1000,
        p99_ms=percentile(latencies, 99) * 1000,
        idle_kib=(idle - empty) / load.sessions / 1024,
        ready_p50_ms=percentile(record.ready_seconds, 50) * 1000,
        ready_max_ms=max(record.ready_seconds, default=0.0) * 1000,
        open_cpu_ms=opened / load.sessions * 1000,
        unanswered=unanswered,
        errors=tuple(record.errors[:3]),
    )


def _start_speaking(callers: list[Caller], load: Load) -> list[asyncio.Task[None]]:
    """Let every caller speak. With a pace, their chunks are spread evenly over time."""
    if not load.speaking:
        return []
    step = 1 / load.pace / len(callers) if load.pace else 0.0
    return [asyncio.create_task(caller.speak(number * step)) for number, caller in enumerate(callers)]


async def _open(port: int, protocol: Protocol, load: Load, record: _Record, sessions: int) -> list[Caller]:
    """Open sessions, `load.at_once` at a time, and wait until all are ready. Raises TimeoutError.

    Each connects as soon as the one before it is connected, and waits for its session beside the others.
    """
    room, connecting = asyncio.Semaphore(load.at_once), asyncio.Lock()
    url, headers = f"ws://127.0.0.1:{port}{protocol.path}", {"Authorization": "Bearer sk-bench"}

    async def opened() -> Caller:
        async with room:
            caller = Caller(protocol, load, record)
            async with connecting:
                await ws_connect(partial(_itself, caller), url, extra_headers=headers)
            await caller.ready.wait()
            return caller

    async with asyncio.timeout(_READY_SECONDS):
        return list(await asyncio.gather(*(opened() for _ in range(sessions))))


def _itself(caller: Caller) -> Caller:
    return caller


async def _close(callers: list[Caller]) -> None:
    for caller in callers:
        caller.transport.send_close(WSCloseCode.OK)
        caller.transport.disconnect()
    await asyncio.sleep(0.1)
