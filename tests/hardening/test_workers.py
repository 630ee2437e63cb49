"""A worker that is killed: its clients come again and go on, the others notice nothing, and no count ever falls."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
import trio

from bridge.transport.link import LinkClosed
from tests.hardening.harness import KEY, HealthyCaller, bridge_process, remote_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hardening.harness import BridgeProcess, SimulatorThread

pytestmark = pytest.mark.slow

CALLERS = 6
COMES = 'clients_total{door="sherpa"}'


def _worker_of(house: BridgeProcess) -> dict[int, int]:
    """Which worker has which client, by the client's port."""
    found: dict[int, int] = {}
    for worker in house.ps.children():
        for one in worker.net_connections("tcp"):
            found[remote_port(one.raddr)] = worker.pid
    return found


async def _figure(house: BridgeProcess, name: str, wanted: float) -> None:
    """Wait until all workers together count so much: they write their figures down once a second."""
    with trio.fail_after(5):
        while (await house.metrics()).get(name) != wanted:  # noqa: ASYNC110 - another process
            await trio.sleep(0.1)


async def test_clients_of_a_killed_worker_come_again_and_the_others_talk_on(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", "--log-format", "json")
    with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as house:
        callers = [HealthyCaller(house, upstream) for _ in range(CALLERS)]
        for caller in callers:
            await caller.connect(headers=())
        async with trio.open_nursery() as nursery:
            for caller in callers:
                nursery.start_soon(caller.turn)
        ports = [caller.client.link.stream.socket.getsockname()[1] for caller in callers]  # type: ignore[attr-defined]
        workers = _worker_of(house)
        # one worker may have taken them all: then nobody is spared, and the rest of the proof holds all the same
        victim = workers[ports[0]]
        hit = [caller for caller, port in zip(callers, ports, strict=True) if workers[port] == victim]
        spared = [caller for caller in callers if caller not in hit]
        await _figure(house, COMES, CALLERS)
        os.kill(victim, signal.SIGKILL)
        for caller in hit:
            with trio.fail_after(2), pytest.raises(LinkClosed):
                await caller.client.receive_until("nothing")
        await wait_until(lambda: len(upstream.simulator.connections) == len(spared), 1)
        for caller in hit:
            await caller.connect(headers=())
        async with trio.open_nursery() as nursery:
            for caller in callers:
                nursery.start_soon(caller.turn)
        for caller in callers:
            caller.assert_unharmed()
        await wait_until(lambda: len(house.ps.children()) == 2, 8)
        assert victim not in [child.pid for child in house.ps.children()]
        await _figure(house, COMES, CALLERS + len(hit))
        await _figure(house, "worker_restarts_total", 1)
        await _figure(house, "workers", 2)
        await _figure(house, 'sessions{state="ready"}', CALLERS)
        assert [line["exit"] for line in house.log_lines("worker.replaced")] == [-signal.SIGKILL]
        for caller in callers:
            await caller.disconnect()
        house.process.terminate()
        assert await trio.to_thread.run_sync(house.process.wait, 10) == 0
