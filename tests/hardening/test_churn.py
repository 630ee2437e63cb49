"""Thousands of clients that connect and disconnect: memory, descriptors and tasks don't grow."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.transport.link import LinkClosed
from tests.hardening.harness import KEY, MIB, BridgeProcess, SimulatorThread, checked_bridge_process, wait_until

if TYPE_CHECKING:
    from pathlib import Path

#: Clients at a time.
AT_ONCE = 40
#: After these, the process has loaded all modules and filled its buffers, caches and allocator arenas.
WARMING_UP = 400
#: The allocator's arenas may differ by this much, regardless of the number of clients.
JITTER_MIB = 4


async def _connect_once(bridge: BridgeProcess, number: int) -> None:
    """Connect, get a session (every fourth client), speak, and disconnect in one of several ways."""
    client = await bridge.connect(headers=())
    if number % 16 < 12:
        await client.receive_until("connected")
        await (client.link.abort() if number % 2 else client.link.close())
        return
    await client.send("create_session")
    await client.receive_until("session_ready")
    await client.link.send_binary(b"\1\2" * 480)
    match number % 4:
        case 0:
            await client.link.abort()
        case 1:
            await client.link.stream.aclose()
        case 2:
            await client.send("end_session")
            await client.receive_until("session_closed")
            await client.link.close()
        case _:
            await client.link.close()


async def _connect_many(bridge: BridgeProcess, how_many: int) -> None:
    numbers = iter(range(how_many))

    async def one_after_another() -> None:
        for number in numbers:
            with suppress(LinkClosed):
                await _connect_once(bridge, number)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(one_after_another)


async def _measure(bridge: BridgeProcess) -> tuple[float, int, dict[str, float]]:
    """Wait until all clients are gone, and measure: memory in MiB, descriptors, the bridge's metrics."""
    figures: dict[str, float] = {"connections": math.inf}
    with trio.fail_after(10):
        while figures["connections"] > 1 or figures["upstreams"]:
            await trio.sleep(0.1)
            figures = await bridge.metrics()
    await wait_until(lambda: len(bridge.ps.net_connections("tcp")) <= 1, 5)  # the listening socket
    fds = bridge.ps.num_fds()
    return bridge.ps.memory_info().rss / MIB, fds, figures


async def _connect_and_measure(upstream: SimulatorThread, folder: Path, how_many: int, seconds: float) -> None:
    words = ("--upstream", upstream.url, "--log-format", "json", "--log-level", "warning")
    with checked_bridge_process(folder, *words, OPENAI_API_KEY=KEY) as bridge, trio.fail_after(seconds):
        await _connect_many(bridge, WARMING_UP)
        before, fds_before, figures_before = await _measure(bridge)
        started = trio.current_time()
        await _connect_many(bridge, how_many - WARMING_UP)
        took = trio.current_time() - started
        after, fds, figures = await _measure(bridge)
        rate = (how_many - WARMING_UP) / took
        line = f"{how_many} visits, {rate:.0f}/s: {before:.1f} -> {after:.1f} MiB, {fds_before} -> {fds} fds"
        print(line)  # noqa: T201 - figures for whoever asks with -s
        assert figures['clients_total{endpoint="client"}'] == how_many
        assert figures["internal_errors_total"] == 0
        assert figures["tasks"] == figures_before["tasks"]
        assert fds == fds_before
        assert after - before < JITTER_MIB


@pytest.mark.slow
async def test_two_thousand_connections_leak_nothing(upstream: SimulatorThread, tmp_path: Path) -> None:
    await _connect_and_measure(upstream, tmp_path, 2_000, 100)


@pytest.mark.nightly
async def test_ten_thousand_connections_leak_nothing(upstream: SimulatorThread, tmp_path: Path) -> None:
    await _connect_and_measure(upstream, tmp_path, 10_000, 400)
