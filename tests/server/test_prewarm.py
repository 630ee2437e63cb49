"""Sessions that wait for clients: open before anybody calls, handed out, replaced, and gone with the bridge."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio

from bridge.secret import Secret
from bridge.server.house import pool_of
from bridge.server.settings import House
from bridge.server.worker import listen, open_log, serve_worker
from bridge.simulator.embedded import Running, open_simulator
from bridge.simulator.settings import Settings
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.dial import dial
from bridge.upstream.upstream import Upstream, upstream_at
from tests.server.front import settings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def bridging(simulator: Running, prewarm: int) -> AsyncGenerator[int, None]:
    """Run a bridge with so many sessions ready; gives its port."""

    @asynccontextmanager
    async def upstream() -> AsyncGenerator[Upstream, None]:
        yield upstream_at(simulator.base_url, simulator.api_key)

    made = settings(house=House(prewarm=prewarm))
    log = open_log(made, terminal=False)
    with listen("127.0.0.1", 0) as listening:
        async with trio.open_nursery() as nursery:
            begin = trio.Event()
            signals = (signal.SIGUSR1,)  # never sent
            serve = partial(serve_worker, made, listening, upstream, log=log, signals=signals, ready=begin.set)
            nursery.start_soon(serve)
            await begin.wait()
            yield listening.getsockname()[1]
            nursery.cancel_scope.cancel()


async def until_live(simulator: Running, count: int) -> None:
    while len(simulator.simulator.live) != count:  # noqa: ASYNC110 - it tells nobody when a session begins
        await trio.sleep(0.01)


@pytest.mark.slow
async def test_a_ready_session_is_handed_out_and_replaced_and_none_is_left_behind() -> None:
    with trio.fail_after(20):
        async with open_simulator(Settings(pace=50)) as simulator:
            async with bridging(simulator, 2) as port:
                await until_live(simulator, 2)
                connected = await dial(f"ws://127.0.0.1:{port}/api/openai/realtime")
                async with connected.link as link:
                    await link.send_text(b'{"type":"create_session"}')
                    types: list[str] = []
                    while "session_ready" not in types:
                        types.append(msgspec.json.decode(await link.receive())["type"])
                    await until_live(simulator, 3)
            await until_live(simulator, 0)
    assert types[0] == "connected"
    assert "session.created" in types
    assert len(simulator.arrivals.sessions()) == 3


def test_nothing_is_opened_ahead_unless_asked_for() -> None:
    connector = RealtimeConnector(upstream_at("http://127.0.0.1:9/v1", Secret("sk-unused")))
    assert pool_of(settings(), connector) is None
    assert pool_of(settings(house=House(prewarm=3)), connector) is not None
