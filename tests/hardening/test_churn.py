"""Clients that come and go, thousands of them: memory, descriptors and tasks stay what they were."""

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

#: So many at the same time.
AT_ONCE = 40
#: Behind these the process has all it needs: modules, buffers, caches, the arenas of its allocator.
WARMING_UP = 400
#: What the allocator's arenas may differ by, however many came.
JITTER_MIB = 4


async def _visit(house: BridgeProcess, number: int) -> None:
    """Come, get a session (every fourth one), say something, and go in one of several ways."""
    client = await house.connect(headers=())
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


async def _visits(house: BridgeProcess, how_many: int) -> None:
    numbers = iter(range(how_many))

    async def one_after_another() -> None:
        for number in numbers:
            with suppress(LinkClosed):
                await _visit(house, number)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(one_after_another)


async def _rest(house: BridgeProcess) -> tuple[float, int, dict[str, float]]:
    """Wait until everybody is gone, and measure: memory in MiB, descriptors, the bridge's own figures."""
    figures: dict[str, float] = {"connections": math.inf}
    with trio.fail_after(10):
        while figures["connections"] > 1 or figures["upstreams"]:
            await trio.sleep(0.1)
            figures = await house.metrics()
    await wait_until(lambda: len(house.ps.net_connections("tcp")) <= 1, 5)  # the one that listens
    fds = house.ps.num_fds()
    return house.ps.memory_info().rss / MIB, fds, figures


async def _churn(upstream: SimulatorThread, folder: Path, how_many: int, seconds: float) -> None:
    words = ("--upstream", upstream.url, "--log-format", "json", "--log-level", "warning")
    with checked_bridge_process(folder, *words, OPENAI_API_KEY=KEY) as house, trio.fail_after(seconds):
        await _visits(house, WARMING_UP)
        before, fds_before, figures_before = await _rest(house)
        started = trio.current_time()
        await _visits(house, how_many - WARMING_UP)
        took = trio.current_time() - started
        after, fds, figures = await _rest(house)
        rate = (how_many - WARMING_UP) / took
        line = f"{how_many} visits, {rate:.0f}/s: {before:.1f} -> {after:.1f} MiB, {fds_before} -> {fds} fds"
        print(line)  # noqa: T201 - figures for whoever asks with -s
        assert figures['clients_total{door="sherpa"}'] == how_many
        assert figures["internal_errors_total"] == 0
        assert figures["tasks"] == figures_before["tasks"]
        assert fds == fds_before
        assert after - before < JITTER_MIB


@pytest.mark.slow
async def test_two_thousand_visits_leave_nothing_behind(upstream: SimulatorThread, tmp_path: Path) -> None:
    await _churn(upstream, tmp_path, 2_000, 100)


@pytest.mark.nightly
async def test_ten_thousand_visits_leave_nothing_behind(upstream: SimulatorThread, tmp_path: Path) -> None:
    await _churn(upstream, tmp_path, 10_000, 400)
