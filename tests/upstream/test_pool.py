from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from bridge.core.events import CreateSession, SessionCreated, UpstreamEvent
from bridge.upstream.connector import RealtimeConnector
from bridge.upstream.failures import ConnectFailed
from bridge.upstream.pool import PoolSettings, SessionPool
from tests.driver.harness import (
    FakeUpstream,
    connect_failed,
    driven_session,
    simulated_upstream,
    upstream_over,
    virtual_time,
)
from tests.upstream.harness import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def running(upstream: FakeUpstream, settings: PoolSettings | None = None) -> AsyncIterator[SessionPool]:
    """A pool for the length of the block. After it, no session may be open that was not handed out."""
    pool = SessionPool(upstream, settings=settings, rng=lambda: 0.5)
    async with trio.open_nursery() as nursery:
        pool.start(nursery)
        await trio.testing.wait_all_tasks_blocked()
        yield pool
        nursery.cancel_scope.cancel()
    assert pool.ready_count == 0


@virtual_time
async def test_sessions_are_opened_ahead_of_time_and_handed_out() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=2)) as pool, trio.open_nursery() as reading:
        assert pool.ready_count == 2
        link = await opened(reading, pool, 7, {"voice": "marin"})
        created = await link.receive()
        assert isinstance(created, SessionCreated)
        assert (created.generation, link.generation) == (7, 7)
        await trio.testing.wait_all_tasks_blocked()
        assert pool.ready_count == 2
        assert len(upstream.links) == 3
        reading.cancel_scope.cancel()
    assert upstream.open_links == 1
    await link.close("done")
    assert upstream.open_links == 0


@virtual_time
async def test_events_that_came_while_the_session_waited_are_not_lost() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1)) as pool, trio.open_nursery() as reading:
        upstream.links[0].put.send_nowait(UpstreamEvent(0, "rate_limits.updated", b"{}"))
        await trio.testing.wait_all_tasks_blocked()
        link = await opened(reading, pool, 3, {})
        upstream.links[0].put.send_nowait(UpstreamEvent(3, "later", b"{}"))
        received = [await link.receive() for _ in range(3)]
        await link.close("done")
    assert [event.generation for event in received] == [3, 3, 3]
    assert [getattr(event, "type", "") for event in received] == ["session.created", "rate_limits.updated", "later"]


@virtual_time
async def test_audio_keeps_its_name_on_a_session_out_of_the_pool() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1)) as pool:
        link = await pool.open(3, {})
        link.send_audio(b"\1\2", "mine")
        assert upstream.links[0].named == {"mine": b"\1\2"}


@pytest.mark.parametrize("session_options", [{"model": "another"}, {"kind": "transcription"}])
@virtual_time
async def test_options_that_do_not_fit_get_a_session_of_their_own(session_options: dict[str, str]) -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1)) as pool:
        await pool.open(1, session_options)
        assert upstream.requested_options == [{}, session_options]
        assert pool.ready_count == 1


@virtual_time
async def test_a_session_that_ages_is_closed_and_replaced() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1, max_age_seconds=600)) as pool:
        await trio.sleep(601)
        assert upstream.links[0].closed == "not needed"
        assert (len(upstream.links), pool.ready_count, upstream.open_links) == (2, 1, 1)
    assert upstream.open_links == 0


@virtual_time
async def test_a_session_that_is_lost_is_replaced() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1)) as pool:
        await trio.sleep(100)
        upstream.links[0].put.send_nowait(upstream_over())
        await trio.testing.wait_all_tasks_blocked()
        assert (len(upstream.links), pool.ready_count, upstream.open_links) == (2, 1, 1)


@virtual_time
async def test_a_session_that_answers_no_pings_is_replaced() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1)) as pool:
        upstream.links[0].answers_pings = False
        await trio.sleep(61)
        assert (len(upstream.links), pool.ready_count, upstream.open_links) == (2, 1, 1)


@virtual_time
async def test_sessions_that_are_lost_at_once_are_not_opened_without_end() -> None:
    upstream = FakeUpstream(dies_at_once=True)
    async with running(upstream, PoolSettings(size=1, cap_seconds=60)):
        await trio.sleep(600)
    assert 10 < len(upstream.links) < 40
    assert upstream.open_links == 0


@virtual_time
async def test_openings_that_fail_are_tried_again_with_growing_waits() -> None:
    upstream = FakeUpstream()
    upstream.fails = [connect_failed(retryable=False) for _ in range(5)]
    async with running(upstream, PoolSettings(size=1)) as pool:
        assert pool.ready_count == 0
        await trio.sleep(0.5 * (1 + 2 + 4 + 8 + 16))
        await trio.testing.wait_all_tasks_blocked()
        assert pool.ready_count == 1
        assert trio.current_time() == pytest.approx(15.5)


@virtual_time
async def test_an_opening_that_hangs_is_given_up() -> None:
    upstream = FakeUpstream()
    upstream.hangs = True
    async with running(upstream, PoolSettings(size=1)) as pool:
        upstream.hangs = False
        await trio.sleep(20)
        assert pool.ready_count == 1


@virtual_time
async def test_without_a_ready_session_the_failure_is_the_callers() -> None:
    upstream = FakeUpstream()
    upstream.fails = [connect_failed(retryable=False)]
    pool = SessionPool(upstream, rng=lambda: 0.5)
    with pytest.raises(ConnectFailed):
        await pool.open(1, {})


@virtual_time
async def test_a_caller_that_gives_up_while_it_is_served_leaves_nothing_open() -> None:
    upstream = FakeUpstream()
    async with running(upstream, PoolSettings(size=1)) as pool:
        with trio.CancelScope() as scope:
            scope.cancel()
            link = await pool.open(1, {})
            await link.close("given up")
    assert upstream.open_links == 0


@virtual_time
async def test_a_pool_that_ends_closes_what_it_kept() -> None:
    upstream = FakeUpstream(closing_takes=60)
    async with running(upstream, PoolSettings(size=3)):
        assert upstream.open_links == 3
        began = trio.current_time()
    assert upstream.open_links == 0
    assert trio.current_time() - began < 1


@virtual_time
async def test_a_client_gets_its_session_at_once_from_the_pool() -> None:
    async with simulated_upstream() as (simulator, connector):
        assert isinstance(connector, RealtimeConnector)
        pool = SessionPool(connector, settings=PoolSettings(size=1), rng=lambda: 0.5)
        async with trio.open_nursery() as nursery:
            pool.start(nursery)
            await trio.sleep(1)
            async with driven_session(pool) as call:
                call.client.sends(CreateSession({"voice": "echo"}))
                await call.client.receives("session_ready")
                assert (
                    call.client.received_of_type("session.updated")[0]["session"]["audio"]["output"]["voice"] == "echo"
                )
                assert next(iter(simulator.journal.sessions())).events[0].type == "session.update"
            nursery.cancel_scope.cancel()


@virtual_time
async def test_each_failed_opening_is_reported() -> None:
    upstream = FakeUpstream()
    upstream.fails = [
        connect_failed(retryable=False, code="ACCESS_DENIED"),
        connect_failed(retryable=True, code="RATE_LIMITED"),
    ]
    reported: list[str] = []
    pool = SessionPool(
        upstream, settings=PoolSettings(size=1), rng=lambda: 0.5, on_failure=lambda one: reported.append(one.code)
    )
    async with trio.open_nursery() as nursery:
        pool.start(nursery)
        await trio.sleep(20)
        assert (reported, pool.ready_count) == (["ACCESS_DENIED", "RATE_LIMITED"], 1)
        nursery.cancel_scope.cancel()
