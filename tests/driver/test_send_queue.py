from __future__ import annotations

import pytest
import trio

from bridge.driver.send_queue import SendQueue


async def take(outbox: SendQueue[str]) -> str:
    return await outbox.__anext__()


async def test_what_was_put_in_first_comes_out_first() -> None:
    outbox: SendQueue[str] = SendQueue(100)
    assert outbox.put("a", 1)
    assert outbox.put("b", 1)
    outbox.close()
    assert [item async for item in outbox] == ["a", "b"]


async def test_past_the_bound_nothing_is_taken() -> None:
    outbox: SendQueue[str] = SendQueue(10)
    assert outbox.put("a", 10)
    assert not outbox.put("b", 1)
    outbox.close()
    assert [item async for item in outbox] == ["a"]
    assert outbox.peak_bytes == 10


async def test_one_that_is_larger_than_the_bound_passes_alone() -> None:
    outbox: SendQueue[str] = SendQueue(10)
    assert outbox.put("large", 1000)
    assert not outbox.put("b", 1)


async def test_what_is_being_written_counts_until_the_next_one_is_asked_for() -> None:
    outbox: SendQueue[str] = SendQueue(10)
    outbox.put("a", 6)
    outbox.put("b", 4)
    await take(outbox)
    assert outbox.queued_bytes == 10
    assert not outbox.put("c", 1)
    await take(outbox)
    assert outbox.queued_bytes == 4
    assert outbox.put("c", 6)


async def test_clearing_forgets_all_but_what_is_being_written() -> None:
    outbox: SendQueue[str] = SendQueue(10)
    outbox.put("a", 6)
    outbox.put("b", 4)
    await take(outbox)
    assert outbox.clear() == 4
    assert outbox.queued_bytes == 6
    assert outbox.put("c", 4)
    assert await take(outbox) == "c"


async def test_the_reader_waits_for_the_next_one(autojump_clock: trio.testing.MockClock) -> None:
    outbox: SendQueue[str] = SendQueue(10)
    async with trio.open_nursery() as nursery:

        async def put_later() -> None:
            await trio.sleep(5)
            outbox.put("late", 1)

        nursery.start_soon(put_later)
        assert await take(outbox) == "late"
    assert autojump_clock.current_time() == 5


async def test_finishing_wakes_a_reader_that_waits() -> None:
    outbox: SendQueue[str] = SendQueue(10)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(StopAsyncIteration):
                await take(outbox)

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        outbox.close()


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    outbox: SendQueue[str] = SendQueue(10)
    with trio.move_on_after(0):
        await take(outbox)
    outbox.put("a", 1)
    assert await take(outbox) == "a"
