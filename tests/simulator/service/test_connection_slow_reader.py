"""A client that does not read: its session waits, the memory is bounded, and a close comes through."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from websockets.protocol import Side

from bridge.simulator.faults.actions import CloseFrame, Drop, Reset
from bridge.simulator.faults.wire_faults import DropFault, HalfOpenFault, InvalidUtf8Fault
from bridge.simulator.service.connection import MAX_UNSENT_BYTES
from bridge.simulator.session.behaviour import PING_SECONDS
from bridge.transport.link import LinkClosed
from bridge.transport.memory import memory_link_pair
from bridge.transport.websocket import CLOSE_SECONDS, WebSocketLink
from tests.simulator.service.test_connection import UPDATE, a_connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bridge.simulator.faults.actions import WireAction
    from bridge.simulator.service.connection import Connection

pytestmark = pytest.mark.usefixtures("autojump_clock")

N_ITEMS = 60
TEXT = "x" * 4_096


def an_item(number: int) -> str:
    part = {"type": "input_text", "text": TEXT}
    item = {"id": f"item_{number}", "type": "message", "role": "user", "content": [part]}
    return json.dumps({"type": "conversation.item.create", "item": item})


class Client:
    """Sends items and reads only when it is told to."""

    def __init__(self, link: WebSocketLink) -> None:
        self.link = link
        self.sent_all = trio.Event()

    async def send_items(self) -> None:
        with suppress(LinkClosed):
            for number in range(N_ITEMS):
                await self.link.send_text(an_item(number))
            self.sent_all.set()

    async def read_items(self, count: int = N_ITEMS) -> list[str]:
        """Read until so many items were added. Raises LinkClosed if the link ends before."""
        found: list[str] = []
        while len(found) < count:
            event = json.loads(await self.link.receive())
            if event["type"] == "conversation.item.added":
                found.append(event["item"]["id"])
        return found


@asynccontextmanager
async def running(connection: Connection) -> AsyncIterator[tuple[Client, trio.Event]]:
    """Run a connection over a stream that holds nothing. Yields the client, and an event for the end."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    ended = trio.Event()

    async def run() -> None:
        await connection.run(WebSocketLink(theirs, Side.SERVER))
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        client = Client(WebSocketLink(ours, Side.CLIENT))
        assert "session.created" in str(await client.link.receive())
        nursery.start_soon(client.send_items)
        yield client, ended
        nursery.cancel_scope.cancel()


def handled(connection: Connection) -> int:
    return connection.record.counts["conversation.item.create"]


async def test_what_a_client_does_not_read_stops_the_reading_from_it_and_nothing_is_lost() -> None:
    connection = a_connection()
    async with running(connection) as (client, _):
        await trio.sleep(300)
        stopped_at = handled(connection)
        assert 5 < stopped_at < 20, "two events of 4 KiB for each item"
        assert stopped_at * 2 * len(TEXT) < 2 * MAX_UNSENT_BYTES
        assert not client.sent_all.is_set()
        assert await client.read_items() == [f"item_{number}" for number in range(N_ITEMS)]
        assert client.sent_all.is_set()
        assert handled(connection) == N_ITEMS


async def test_the_time_of_the_session_stands_still_while_its_client_does_not_read() -> None:
    connection = a_connection()
    async with running(connection) as (client, _):
        await trio.sleep(10 * PING_SECONDS)
        assert client.link.pings_received == 0
        await client.read_items()
        with trio.move_on_after(2.5 * PING_SECONDS):
            while True:
                await client.link.receive()
        assert client.link.pings_received == 3, "the overdue one, and two more"


@pytest.mark.parametrize(
    ("action", "code"), [(CloseFrame(1012, "restart"), 1012), (Drop(), 1006), (Reset(), 1006)], ids=str
)
async def test_what_was_sent_before_the_end_arrives_before_it(action: WireAction, code: int) -> None:
    connection = a_connection()
    async with running(connection) as (client, ended):
        await trio.sleep(1)
        sent = connection.record.sent["conversation.item.added"]
        connection.perform(action)
        with trio.fail_after(CLOSE_SECONDS):
            assert await client.read_items(sent) == [f"item_{number}" for number in range(sent)]
            with pytest.raises(LinkClosed) as closed:
                await client.read_items(1)
            await ended.wait()
    assert closed.value.code == code
    assert connection.record.close_code == (1012 if code == 1012 else None)
    assert not connection.record.closed_by_client


@pytest.mark.parametrize("action", [CloseFrame(1012, ""), Drop(), Reset()], ids=str)
async def test_a_client_that_never_reads_cannot_prevent_the_end(action: WireAction) -> None:
    connection = a_connection()
    async with running(connection) as (_, ended):
        await trio.sleep(1)
        connection.perform(action)
        connection.perform(action)
        with trio.fail_after(3 * CLOSE_SECONDS):
            await ended.wait()


async def test_a_freeze_holds_when_the_client_reads_again() -> None:
    connection = a_connection(HalfOpenFault("update"))
    async with running(connection) as (client, _):
        await client.read_items()
        await client.link.send_text(UPDATE)
        with trio.move_on_after(5):
            await client.link.send_text(UPDATE)
            await client.read_items(1)
        assert connection.record.counts["session.update"] == 1


async def test_an_end_right_behind_raw_bytes_is_not_delayed() -> None:
    connection = a_connection(InvalidUtf8Fault("append"), DropFault("append"))
    client, server = memory_link_pair()

    async def append() -> None:
        assert "session.created" in str(await client.receive())
        await client.send_text('{"type":"input_audio_buffer.append","audio":"AAA="}')

    async with trio.open_nursery() as nursery:
        nursery.start_soon(append)
        with trio.fail_after(0.5):
            await connection.run(server)
    assert connection.record.closed
    with pytest.raises(LinkClosed) as closed:
        await client.receive()
    assert closed.value.code == 1007
