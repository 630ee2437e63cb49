from __future__ import annotations

import pytest
import trio

from bridge.driver.send_queue import SendQueue


async def take(queue: SendQueue[str]) -> str:
    return await queue.__anext__()


async def test_what_was_put_in_first_comes_out_first() -> None:
    queue: SendQueue[str] = SendQueue(100)
    assert queue.put("a", 1)
    assert queue.put("b", 1)
    queue.close()
    assert [item async for item in queue] == ["a", "b"]


async def test_past_the_bound_nothing_is_taken() -> None:
    queue: SendQueue[str] = SendQueue(10)
    assert queue.put("a", 10)
    assert not queue.put("b", 1)
    queue.close()
    assert [item async for item in queue] == ["a"]
    assert queue.peak_bytes == 10


async def test_one_that_is_larger_than_the_bound_passes_alone() -> None:
    queue: SendQueue[str] = SendQueue(10)
    assert queue.put("large", 1000)
    assert not queue.put("b", 1)


async def test_what_is_being_written_counts_until_the_next_item_is_taken() -> None:
    queue: SendQueue[str] = SendQueue(10)
    queue.put("a", 6)
    queue.put("b", 4)
    await take(queue)
    assert queue.queued_bytes == 10
    assert not queue.put("c", 1)
    await take(queue)
    assert queue.queued_bytes == 4
    assert queue.put("c", 6)


async def test_clearing_forgets_all_but_what_is_being_written() -> None:
    queue: SendQueue[str] = SendQueue(10)
    queue.put("a", 6)
    queue.put("b", 4)
    await take(queue)
    assert queue.clear() == 4
    assert queue.queued_bytes == 6
    assert queue.put("c", 4)
    assert await take(queue) == "c"


async def test_the_reader_waits_for_the_next_one(autojump_clock: trio.testing.MockClock) -> None:
    queue: SendQueue[str] = SendQueue(10)
    async with trio.open_nursery() as nursery:

        async def put_later() -> None:
            await trio.sleep(5)
            queue.put("late", 1)

        nursery.start_soon(put_later)
        assert await take(queue) == "late"
    assert autojump_clock.current_time() == 5


async def test_finishing_wakes_a_reader_that_waits() -> None:
    queue: SendQueue[str] = SendQueue(10)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(StopAsyncIteration):
                await take(queue)

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        queue.close()


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    queue: SendQueue[str] = SendQueue(10)
    with trio.move_on_after(0):
        await take(queue)
    queue.put("a", 1)
    assert await take(queue) == "a"
