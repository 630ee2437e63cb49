"""A session that has ended leaves nothing to the garbage collector: a full collection would stop all the others."""

from __future__ import annotations

import gc
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.simulator.faults.actions import Drop, Reset
from tests.driver.harness import simulated_upstream, virtual_time
from tests.server.harness import CLIENT_PATH, NATIVE_URL, running_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.simulator.faults.actions import WireAction


@contextmanager
def collected() -> Iterator[Counter[str]]:
    """Count the objects of the bridge, by module and class, that only the garbage collector could free after the block.

    What the simulator and the streams in memory leave, which take part in it, does not count.
    """
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    flags = gc.get_debug()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = ("bridge.core.", "bridge.driver.", "bridge.server.", "bridge.upstream.")
        kinds = (type(one) for one in gc.garbage)
        found.update(f"{kind.__module__}.{kind.__name__}" for kind in kinds if f"{kind.__module__}.".startswith(ours))
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("path", [CLIENT_PATH, NATIVE_URL])
@pytest.mark.parametrize("loss", [None, Drop(), Reset()], ids=["no loss", "dropped", "reset"])
@virtual_time
async def test_a_session_leaves_no_cycles_of_references(path: str, loss: WireAction | None) -> None:
    async with simulated_upstream() as (simulator, connector), running_bridge(connector=connector) as bridge:

        async def session() -> None:
            client = await bridge.connect(path)
            if path == CLIENT_PATH:
                await client.send("create_session")
            await client.receive_until("session.created")
            if loss is not None:
                await trio.sleep(1)
                for connection in simulator.connections.values():
                    connection.perform(loss)
                await trio.sleep(5)
            await client.link.close()
            await trio.testing.wait_all_tasks_blocked()

        await session()
        with collected() as found:
            await session()
            await session()
    assert not found
