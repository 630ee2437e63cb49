"""A connection in virtual time: pings, due actions, and faults on the wire."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from websockets.frames import Opcode
from websockets.protocol import Side

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.faults.base import apply_faults
from bridge.simulator.faults.pipeline import FaultPipeline
from bridge.simulator.faults.session_faults import StormFault
from bridge.simulator.faults.wire_faults import HalfOpenFault, TruncateFault
from bridge.simulator.service.connection import Connection
from bridge.simulator.service.journal import SessionRecord
from bridge.simulator.service.server import Simulator
from bridge.simulator.session.behaviour import PING_SECONDS, SessionBehaviour
from bridge.simulator.session.session import SessionSetup, SimulatedSession
from bridge.simulator.settings import Settings
from bridge.transport.memory import memory_link_pair
from bridge.transport.websocket import WebSocketLink
from bridge.upstream.dial.dial import parse_url, upgrade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.simulator.faults.base import Fault
    from bridge.simulator.session.state import ServerOutput

SETUP = SessionSetup(dialect=Dialect.GA, kind=SessionKind.CONVERSATION, model="gpt-realtime-2.1", unix_time=0)
UPDATE = '{"type":"session.update","session":{"type":"realtime"}}'


def a_connection(
    *faults: Fault, ping_seconds: float | None = None, behaviour: SessionBehaviour | None = None
) -> Connection:
    record = SessionRecord(
        session_id="sess_1", key="sk-1", scenario="good", dialect="ga", kind="conversation", model="m", opened_at=0.0
    )
    behaviour = apply_faults(faults, behaviour or SessionBehaviour())
    session = SimulatedSession(SETUP, behaviour=behaviour, seed=1, now=trio.current_time())
    return Connection(session, FaultPipeline(faults, 1), record, ping_seconds)


@asynccontextmanager
async def running(connection: Connection) -> AsyncIterator[WebSocketLink]:
    """Run a connection, and yield the client's link to it."""
    client, server = memory_link_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run, server)
        yield client
        nursery.cancel_scope.cancel()


async def pings_in(seconds: float, connection: Connection) -> list[float]:
    """Record when raw ping frames come. The first byte of a server's frame has its opcode, the second its length."""
    ours, theirs = trio.testing.memory_stream_pair()
    found: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.run, WebSocketLink(theirs, Side.SERVER))
        began = trio.current_time()
        with trio.move_on_after(seconds):
            while data := await ours.receive_some():
                if data[0] & 0x0F == Opcode.PING:
                    found.append(trio.current_time() - began)
        nursery.cancel_scope.cancel()
    return found


async def test_an_idle_session_is_pinged_as_recorded(autojump_clock: trio.testing.MockClock) -> None:
    assert autojump_clock.autojump_threshold == 0
    assert await pings_in(65, a_connection()) == pytest.approx([PING_SECONDS, 2 * PING_SECONDS, 3 * PING_SECONDS])


async def test_the_ping_interval_is_configurable(autojump_clock: trio.testing.MockClock) -> None:
    assert autojump_clock.autojump_threshold == 0
    assert await pings_in(16, a_connection(ping_seconds=5)) == pytest.approx([5, 10, 15])


async def test_a_half_open_session_sends_no_pings_and_no_events_and_does_not_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert autojump_clock.autojump_threshold == 0
    assert await pings_in(100, a_connection(HalfOpenFault("created"))) == []
    connection = a_connection(HalfOpenFault("ready"))
    async with running(connection) as client:
        assert "session.created" in str(await client.receive())
        await client.send_text(UPDATE)
        assert "session.updated" in str(await client.receive())
        await client.send_text(UPDATE)
        with trio.move_on_after(600) as silence:
            await client.receive()
        assert silence.cancelled_caught
    assert not connection.record.closed


class _Behind(SimulatedSession):
    """A session that always has an overdue call."""

    @property
    def next_wake(self) -> float | None:
        return 0.0


async def test_a_session_that_is_always_behind_still_reads_from_its_client() -> None:
    connection = a_connection()
    connection.session = _Behind(SETUP, now=trio.current_time())
    with trio.fail_after(10):
        async with running(connection) as client:
            assert "session.created" in str(await client.receive())
            await client.send_text('{"type":"input_audio_buffer.clear"}')
            assert "input_audio_buffer.cleared" in str(await client.receive())


async def test_a_session_that_is_always_behind_wakes_a_thousand_times_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert autojump_clock.autojump_threshold == 0
    wakes = 0

    class Counted(_Behind):
        def wake(self, now: float) -> list[ServerOutput]:
            nonlocal wakes
            wakes += 1
            assert wakes < 2_000, "time does not pass any more"
            return super().wake(now)

    connection = a_connection()
    connection.session = Counted(SETUP, now=trio.current_time())
    async with running(connection):
        await trio.sleep(1)
    assert 900 < wakes < 1_100


@pytest.mark.parametrize("rate", [1e300, 1_000])
async def test_a_storm_does_not_starve_the_client(rate: float) -> None:
    connection = a_connection(StormFault(rate))
    with trio.fail_after(20):
        async with running(connection) as client:
            for text in (UPDATE, '{"type":"input_audio_buffer.clear"}'):
                await client.send_text(text)
            while "input_audio_buffer.cleared" not in str(await client.receive()):
                pass


async def heard_from(seed: int) -> list[str]:
    """What a simulator of this seed sends: all of it, ids and damage included."""
    settings = Settings(seed=seed, faults=(TruncateFault(0.3),), unix_time=lambda: 0.0)
    simulator, frames = Simulator(settings), []
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(simulator.serve_stream, theirs)
        url = parse_url("ws://memory/v1/realtime?model=gpt-realtime-2.1")
        opened = await upgrade(ours, url, headers=[("authorization", "Bearer sk-1")])
        for _ in range(20):
            await opened.link.send_text('{"type":"input_audio_buffer.clear"}')
        with trio.move_on_after(5):
            while True:
                frames.append(str(await opened.link.receive()))
        nursery.cancel_scope.cancel()
    return frames


async def test_a_seed_gives_the_same_ids_and_the_same_damage(autojump_clock: trio.testing.MockClock) -> None:
    assert autojump_clock.autojump_threshold == 0
    first = await heard_from(7)
    assert len(first) == 21
    assert await heard_from(7) == first
    other = await heard_from(8)
    assert [frame.endswith("}") for frame in other] != [frame.endswith("}") for frame in first]
    assert not {frame for frame in other if frame.endswith("}")} & set(first)
