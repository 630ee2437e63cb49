"""Prewarmed sessions: opened ahead, used, replaced, and closed with the bridge."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import io
import json
import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import pytest
import trio
import trio.testing

from bridge.server.assembly import make_pool
from bridge.server.config.settings import SessionDefaults
from bridge.server.process.worker import listen, make_log, serve_worker
from bridge.simulator.embedded import RunningSimulator, open_simulator
from bridge.simulator.settings import Settings
from bridge.telemetry.log import Log
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.dial.dial import dial
from bridge.upstream.service import UpstreamService, make_upstream
from reports.redaction import Secret
from tests.driver.harness import KEY, simulated_upstream
from tests.server.harness import make_settings, running_bridge

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def serving_bridge(simulator: RunningSimulator, prewarm: int) -> AsyncGenerator[int, None]:
    """Run a bridge with this many prewarmed sessions; give its port."""

    @asynccontextmanager
    async def upstream() -> AsyncGenerator[UpstreamService, None]:
        yield make_upstream(simulator.base_url, simulator.api_key)

    made = make_settings(session_defaults=SessionDefaults(prewarm=prewarm))
    log = make_log(made, terminal=False)
    with listen("127.0.0.1", 0) as listening:
        async with trio.open_nursery() as nursery:
            begin = trio.Event()
            signals = (signal.SIGUSR1,)  # never sent
            serve = partial(serve_worker, made, listening, upstream, log=log, signals=signals, ready=begin.set)
            nursery.start_soon(serve)
            await begin.wait()
            yield listening.getsockname()[1]
            nursery.cancel_scope.cancel()


async def wait_for_connections(simulator: RunningSimulator, count: int) -> None:
    while len(simulator.simulator.connections) != count:  # noqa: ASYNC110 - it tells nobody when a session begins
        await trio.sleep(0.01)


@pytest.mark.slow
async def test_a_prewarmed_session_is_used_and_replaced_and_none_leaks() -> None:
    with trio.fail_after(20):
        async with open_simulator(Settings(pace=50)) as simulator:
            async with serving_bridge(simulator, 2) as port:
                await wait_for_connections(simulator, 2)
                connected = await dial(f"ws://127.0.0.1:{port}/api/openai/realtime")
                async with connected.link as link:
                    await link.send_text(b'{"type":"create_session"}')
                    types: list[str] = []
                    while "session_ready" not in types:
                        types.append(msgspec.json.decode(await link.receive())["type"])
                    await wait_for_connections(simulator, 3)
            await wait_for_connections(simulator, 0)
    assert types[0] == "connected"
    assert "session.created" in types
    assert len(simulator.journal.sessions()) == 3


def test_nothing_is_prewarmed_by_default() -> None:
    connector = RealtimeConnector(make_upstream("http://127.0.0.1:9/v1", Secret("sk-unused")))
    log = Log(io.StringIO())
    assert make_pool(make_settings(), connector, log) is None
    assert make_pool(make_settings(session_defaults=SessionDefaults(prewarm=3)), connector, log) is not None


async def test_a_pool_that_stays_empty_logs_why_and_no_key(autojump_clock: trio.testing.MockClock) -> None:
    text = io.StringIO()
    log = Log(text)
    async with simulated_upstream(settings=Settings(scenario="invalid-key")) as (_, connector):
        pool = make_pool(make_settings(session_defaults=SessionDefaults(prewarm=1)), connector, log)
        assert pool is not None
        async with running_bridge(connector=pool) as bridge, trio.open_nursery() as nursery:
            pool.start(nursery)
            await trio.sleep(0.5)
            assert b"sherpa_bridge_prewarmed 0\n" in (await bridge.get("/metrics"))[2]
            nursery.cancel_scope.cancel()
    line = json.loads(text.getvalue().splitlines()[0])
    assert (line["event"], line["code"], line["refusal"]) == ("pool.failed", "AUTHENTICATION_FAILED", "KEY-REFUSED")
    assert KEY.reveal() not in text.getvalue()


async def test_prewarmed_sessions_are_counted(autojump_clock: trio.testing.MockClock) -> None:
    async with simulated_upstream() as (_, connector):
        pool = make_pool(make_settings(session_defaults=SessionDefaults(prewarm=2)), connector, Log(io.StringIO()))
        assert pool is not None
        async with running_bridge(connector=pool) as bridge, trio.open_nursery() as nursery:
            pool.start(nursery)
            await trio.sleep(0.5)
            assert b"sherpa_bridge_prewarmed 2\n" in (await bridge.get("/metrics"))[2]
            nursery.cancel_scope.cancel()
