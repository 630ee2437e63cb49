"""Many timers, one task: they are called in order and at their time, and moving one wakes nobody."""

from __future__ import annotations

import gc
import math
import weakref
from collections import Counter

import pytest
import trio
import trio.testing

from bridge.transport.timers import current_timers

pytestmark = pytest.mark.usefixtures("autojump_clock")


class StepCounter(trio.abc.Instrument):
    """Counts how often each task runs, by its name."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps[task.name] += 1


async def test_timers_are_called_at_their_time_and_in_the_order_of_setting() -> None:
    called: list[tuple[str, float]] = []
    began, timers = trio.current_time(), current_timers()
    for name, seconds in (("c", 3), ("a", 1), ("b", 2), ("a again", 1)):
        timers.timer(lambda now, name=name: called.append((name, now - began))).set(began + seconds)  # type: ignore[misc]
    await trio.sleep(10)
    assert called == [("a", 1), ("a again", 1), ("b", 2), ("c", 3)]


async def test_a_timer_that_is_moved_is_called_once_at_the_last_time_it_was_set_to() -> None:
    called: list[float] = []
    began, timers = trio.current_time(), current_timers()
    timer = timers.timer(lambda now: called.append(now - began))
    for seconds in (5, 3, 9, 1, 4):
        timer.set(began + seconds)
    await trio.sleep(20)
    assert called == [4]


async def test_a_timer_can_be_set_again_by_its_own_call_and_to_never() -> None:
    called: list[float] = []
    began, timers = trio.current_time(), current_timers()

    def call(now: float) -> None:
        called.append(now - began)
        timer.set(now + 2 if len(called) < 3 else math.inf)

    timer = timers.timer(call)
    timer.set(began - 1)
    assert not called, "a time that is past means soon, not now"
    await trio.sleep(60)
    assert called == [0, 2, 4]


async def test_moving_a_timer_to_a_later_time_wakes_nobody() -> None:
    counter, timer = StepCounter(), current_timers().timer(lambda _: None)
    timer.set(trio.current_time() + 10)
    await trio.sleep(1)
    trio.lowlevel.add_instrument(counter)
    for _ in range(100):
        timer.set(trio.current_time() + 10)
        await trio.sleep(0.01)
    trio.lowlevel.remove_instrument(counter)
    assert counter.steps["timers"] == 0


async def test_a_stopped_timer_is_not_called_and_forgets_its_owner() -> None:
    class Owner:
        called = False

        def call(self, _now: float) -> None:
            Owner.called = True

    owner = Owner()
    timer = current_timers().timer(owner.call)
    timer.set(trio.current_time() + 1)
    timer.stop()
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None
    await trio.sleep(2)
    assert not Owner.called


async def test_a_thousand_timers_at_once_let_other_tasks_run_in_between() -> None:
    called, seen, timers = [0], [], current_timers()

    def call(_now: float) -> None:
        called[0] += 1

    due = trio.current_time() + 1
    for _ in range(1_000):
        timers.timer(call).set(due)
    await trio.sleep_until(due)
    while called[0] < 1_000:
        seen.append(called[0])
        await trio.lowlevel.checkpoint()
    assert len(set(seen)) > 10


async def test_stopped_timers_do_not_wait_for_their_time_and_the_others_keep_their_order() -> None:
    called, timers, now = list[int](), current_timers(), trio.current_time()
    kept = [timers.timer(lambda _now, number=number: called.append(number)) for number in range(10)]  # type: ignore[misc]
    for number, timer in enumerate(kept):
        timer.set(now + 100 - number)
    for _ in range(10_000):
        stopped = timers.timer(lambda _now: called.append(-1))
        stopped.set(now + 60)
        stopped.stop()
        stopped.stop()
    assert len(timers._queue) < 200
    await trio.sleep(101)
    assert called == list(reversed(range(10)))
    assert timers._queue == []
