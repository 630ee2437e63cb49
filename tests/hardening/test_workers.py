"""A worker that is killed: its clients reconnect, the others are not affected, and no counter falls."""

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
COMES = 'clients_total{endpoint="client"}'


def _worker_of(bridge: BridgeProcess) -> dict[int, int]:
    """Return the worker of each client, by the client's port."""
    found: dict[int, int] = {}
    for worker in bridge.ps.children():
        for one in worker.net_connections("tcp"):
            found[remote_port(one.raddr)] = worker.pid
    return found


async def _wait_for_metric(bridge: BridgeProcess, name: str, wanted: float) -> None:
    """Wait until a metric over all workers has this value: they write snapshots once a second."""
    with trio.fail_after(5):
        while (await bridge.metrics()).get(name) != wanted:  # noqa: ASYNC110 - another process
            await trio.sleep(0.1)


async def test_clients_of_a_killed_worker_reconnect_and_others_continue(
    upstream: SimulatorThread, tmp_path: Path
) -> None:
    words = ("--upstream", upstream.url, "--workers", "2", "--log-format", "json")
    with bridge_process(tmp_path, *words, OPENAI_API_KEY=KEY) as bridge:
        callers = [HealthyCaller(bridge, upstream) for _ in range(CALLERS)]
        for caller in callers:
            await caller.connect(headers=())
        async with trio.open_nursery() as nursery:
            for caller in callers:
                nursery.start_soon(caller.turn)
        ports = [caller.client.link.stream.socket.getsockname()[1] for caller in callers]  # type: ignore[attr-defined]
        workers = _worker_of(bridge)
        # one worker may have all clients: then all reconnect, and the rest of the test is still valid
        victim = workers[ports[0]]
        hit = [caller for caller, port in zip(callers, ports, strict=True) if workers[port] == victim]
        spared = [caller for caller in callers if caller not in hit]
        await _wait_for_metric(bridge, COMES, CALLERS)
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
        await wait_until(lambda: len(bridge.ps.children()) == 2, 8)
        assert victim not in [child.pid for child in bridge.ps.children()]
        await _wait_for_metric(bridge, COMES, CALLERS + len(hit))
        await _wait_for_metric(bridge, "worker_restarts_total", 1)
        await _wait_for_metric(bridge, "workers", 2)
        await _wait_for_metric(bridge, 'sessions{state="ready"}', CALLERS)
        assert [line["exit"] for line in bridge.log_lines("worker.replaced")] == [-signal.SIGKILL]
        for caller in callers:
            await caller.disconnect()
        bridge.process.terminate()
        assert await trio.to_thread.run_sync(bridge.process.wait, 10) == 0
