"""More callers than a worker can serve: how those inside fare, and how soon the others are refused.

    python -m tests.hardening.crowd URL

A process of its own. Callers come one after the other until one is refused: so many are the worker's capacity. Then two
and three times as many ask, again and again. It prints what was measured, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import trio

from bridge.protocol.audio.tracer import TracerSource
from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.dial import dial
from tests.hardening.harness import WITH_TOKEN

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

#: Between two that come, while the worker fills: each has time to show what it costs.
ARRIVAL_SECONDS = 0.8
#: For how long each load is measured.
PHASE_SECONDS = 8.0
#: After a refusal, a newcomer asks again so soon, much sooner than it was told.
_AGAIN_SECONDS = 1.0
_CHUNK_SECONDS = 0.02
_MOST = 40
_numbers = count(1)


@dataclass
class _Crowd:
    url: str
    nursery: trio.Nursery
    trips: list[tuple[float, float]] = field(default_factory=list)
    """When a ping of a caller that is inside was due, and how long its pong took from then."""
    waiting: set[float] = field(default_factory=set)
    """When pings were due that have no pong yet."""
    refusals: list[tuple[float, float]] = field(default_factory=list)
    """When a newcomer began to connect, and how long it took to refuse it."""
    problems: list[Any] = field(default_factory=list)
    inside: int = 0
    lost_ms: int = 0

    async def enter(self) -> bool:
        """Connect a caller who speaks from then on; False if it is refused."""
        began = time.monotonic()
        try:
            link = (await dial(self.url, headers=WITH_TOKEN)).link
        except HandshakeRefused as refused:
            self.refusals.append((began, time.monotonic() - began))
            if refused.status != 503 or "retry-after" not in {name.lower() for name, _ in refused.headers}:
                self.problems.append([refused.status, refused.headers])
            return False
        self.inside += 1
        self.nursery.start_soon(self._call, link)
        return True

    async def _call(self, link: WebSocketLink) -> None:
        await link.send_text('{"type":"create_session","turnDetection":"none"}')
        ready = trio.Event()
        self.nursery.start_soon(self._listen, link, ready)
        await ready.wait()
        source = TracerSource(next(_numbers))
        at, offset = trio.current_time(), time.monotonic() - trio.current_time()
        try:
            while True:
                due = at + offset + next(_numbers) * 1e-9  # no two are the same
                self.waiting.add(due)
                await link.send_binary(source.speech(20))
                await link.send_text(json.dumps({"type": "ping", "id": repr(due)}))
                at += _CHUNK_SECONDS
                await trio.sleep_until(at)
        except LinkClosed:
            pass

    async def _listen(self, link: WebSocketLink, ready: trio.Event) -> None:
        try:
            while True:
                message = json.loads(await link.receive())
                match message["type"]:
                    case "pong":
                        sent = float(message["id"])
                        self.waiting.discard(sent)
                        self.trips.append((sent, time.monotonic() - sent))
                    case "session_ready":
                        ready.set()
                    case "error" | "reconnecting" | "audio_dropped":
                        self.problems.append(message)
        except LinkClosed as closed:
            self.problems.append(str(closed))

    def p99(self, since: float) -> float:
        """Return the 99th percentile of the round trips since then, those that go on included."""
        now = time.monotonic()
        return _p99([*self.trips, *((sent, now - sent) for sent in self.waiting)], since)

    async def ask_until_let_in(self, delay: float) -> None:
        await trio.sleep(delay)
        while not await self.enter():  # noqa: ASYNC110 - it asks another process
            await trio.sleep(_AGAIN_SECONDS)


def _p99(found: list[tuple[float, float]], since: float) -> float:
    seconds = sorted(took for at, took in found if at >= since)
    return seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))] if seconds else 0.0


async def _main(url: str) -> None:
    async with trio.open_nursery() as nursery:
        crowd = _Crowd(url, nursery)
        while crowd.inside < _MOST and await crowd.enter():  # noqa: ASYNC110 - as above
            await trio.sleep(ARRIVAL_SECONDS)
        capacity = crowd.inside
        loads = []
        for times in (1, 2, 3):
            async with trio.open_nursery() as newcomers:
                many = (times - 1) * capacity
                for number in range(many):
                    newcomers.start_soon(crowd.ask_until_let_in, _AGAIN_SECONDS * number / many)
                since = time.monotonic()
                await trio.sleep(PHASE_SECONDS)
                loads.append(
                    {
                        "times": times,
                        "inside": crowd.inside,
                        "p99": crowd.p99(since),
                        "refusals": sum(at >= since for at, _ in crowd.refusals),
                        "refused_p99": _p99(crowd.refusals, since),
                    }
                )
                newcomers.cancel_scope.cancel()
        print(json.dumps({"capacity": capacity, "loads": loads, "problems": crowd.problems[:5]}))  # noqa: T201
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(_main, sys.argv[1])
