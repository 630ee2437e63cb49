"""Thousands of clients that arrive one after the other and leave at once: what an honest caller notices of them.

The bridge, the caller and the upstream have the processor before all others, where that is allowed.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import trio

from bridge.client_protocol.endpoints import FALLBACK_PATH
from tests.hardening.attacks import connect, message
from tests.hardening.bystander import bystander, stand_in_upstream
from tests.hardening.harness import KEY, TOKEN, checked_bridge_process
from tests.hardening.test_past_the_knee import put_first

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.hardening.bystander import Bystander
    from tests.hardening.harness import BridgeProcess

pytestmark = pytest.mark.nightly

_TRIES = 3
_ALLOWED_SECONDS = 0.05
_ALLOWED_GC_SECONDS = 0.02
_QUIET_SECONDS = 2.0
#: For how long those who leave are noticed.
_LEAVE_SECONDS = 5.0
#: A bridge that writes how long each of its garbage collections took.
_WATCHED = """
import gc, json, os, sys, time
sys.path.insert(0, sys.argv.pop(1))
began = 0.0
def watch(phase, info):
    global began
    if phase == "start":
        began = time.perf_counter()
    else:
        seconds = time.perf_counter() - began
        line = {"event": "gc", "generation": info["generation"], "seconds": seconds}
        os.write(2, (json.dumps(line) + "\\n").encode())
gc.callbacks.append(watch)
from bridge.server.cli import main; main()
"""
PROGRAM = (sys.executable, "-c", _WATCHED, str(Path(__file__).parents[2]))


@asynccontextmanager
async def crowd_beside_bystander(folder: Path) -> AsyncIterator[tuple[BridgeProcess, Bystander, trio.Nursery]]:
    """Run a bridge for thousands, with a caller."""
    with stand_in_upstream() as upstream:
        words = ("--upstream", upstream, "--client-token-env", "CLIENT_TOKEN", "--max-sessions", "6000")
        environment = {"OPENAI_API_KEY": KEY, "CLIENT_TOKEN": TOKEN, "SHERPA_BRIDGE_DIALS_PER_SECOND": "0"}
        with (
            checked_bridge_process(folder, *words, "--log-format", "json", program=PROGRAM, **environment) as bridge,
            bystander(bridge) as beside,
        ):
            put_first(psutil.Process().children(recursive=True))
            await trio.sleep(_QUIET_SECONDS)
            async with trio.open_nursery() as nursery:
                yield bridge, beside, nursery
                nursery.cancel_scope.cancel()
            await trio.to_thread.run_sync(beside.finish)


def longest_collection(bridge: BridgeProcess, since: int) -> float:
    """Return how long a garbage collection took at most since the log had this size, in seconds."""
    return max((line["seconds"] for line in bridge.log_lines("gc", since=since)), default=0.0)


async def come_and_leave(folder: Path, clients: int, *, calls: bool) -> dict[str, float]:
    """Let so many come and leave; return the caller's round trips (99th percentile) and the collections meanwhile."""
    async with crowd_beside_bystander(folder) as (bridge, beside, nursery):
        log_began, arrive = bridge.log.stat().st_size, time.monotonic()
        streams = []
        for _ in range(clients):
            streams.append(await connect(bridge, nursery))
            if calls:
                await streams[-1].send_all(message("create_session", turnDetection="none"))
        arrived = time.monotonic()
        await trio.sleep(_QUIET_SECONDS)
        leave = time.monotonic()
        for stream in streams:
            stream.socket.close()
        await trio.sleep(_LEAVE_SECONDS)
        left = time.monotonic()
        collected = longest_collection(bridge, log_began)
    beside.assert_unharmed()
    return {
        "quiet": beside.p99(0, arrive),
        "arrive": beside.p99(arrive, arrived),
        "leave": beside.p99(leave, left),
        "gc": collected,
        "arrivals_per_second": clients / (arrived - arrive),
    }


@pytest.mark.parametrize(("clients", "calls"), [(1000, False), (5000, False), (2000, True)])
async def test_a_caller_hardly_notices_thousands_that_come_and_leave(clients: int, calls: bool, tmp_path: Path) -> None:
    seen = []
    for _ in range(_TRIES):
        found = await come_and_leave(tmp_path, clients, calls=calls)
        seen.append(found)
        print(clients, "calls" if calls else "idle", json.dumps(found))  # noqa: T201 - for whoever asks with -s
        late = max(found["arrive"], found["leave"])
        if late < max(_ALLOWED_SECONDS, 3 * found["quiet"]) and found["gc"] < _ALLOWED_GC_SECONDS:
            return
    raise AssertionError(seen)


async def test_a_caller_hardly_notices_a_thousand_sessions_of_the_fallback_that_begin_at_once(tmp_path: Path) -> None:
    options = b'{"turnDetection":"none"}'
    head = f"POST {FALLBACK_PATH} HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(options)}\r\n\r\n"
    created = 0

    async def create(bridge: BridgeProcess) -> None:
        nonlocal created
        async with await bridge.open_tcp() as stream:
            await stream.send_all(head.encode() + options)
            answer = await stream.receive_some()
            created += b" 201 " in answer

    seen = []
    for _ in range(_TRIES):
        created = 0
        async with crowd_beside_bystander(tmp_path) as (bridge, beside, nursery):
            began = time.monotonic()
            async with trio.open_nursery() as clients:
                for _ in range(1000):
                    clients.start_soon(create, bridge)
            await trio.sleep(_QUIET_SECONDS)
            over = time.monotonic()
            nursery.cancel_scope.cancel()
        beside.assert_unharmed()
        assert created == 1000
        seen.append((beside.p99(0, began), beside.p99(began, over)))
        print(1000, "of the fallback", seen[-1])  # noqa: T201 - for whoever asks with -s
        if seen[-1][1] < max(_ALLOWED_SECONDS, 3 * seen[-1][0]):
            return
    raise AssertionError(seen)
