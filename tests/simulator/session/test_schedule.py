"""Scheduled calls: their order, and cancelling them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator.session.schedule import Schedule


def run(schedule: Schedule, now: float) -> list[float]:
    ran = []
    while (due := schedule.pop(now)) is not None:
        at, action = due
        action()
        ran.append(at)
    return ran


def test_what_is_due_runs_in_the_order_of_its_time_and_no_earlier() -> None:
    schedule, done = Schedule(), list[str]()
    schedule.call_at(2, lambda: done.append("late"))
    schedule.call_at(1, lambda: done.append("early"))
    assert schedule.next_time == 1
    assert run(schedule, 1.5) == [1]
    assert schedule.next_time == 2
    assert run(schedule, 2) == [2]
    assert done == ["early", "late"]
    assert schedule.next_time is None


def test_what_is_due_at_the_same_time_keeps_its_order() -> None:
    schedule, done = Schedule(), list[int]()
    for number in range(20):
        schedule.call_at(1, lambda number=number: done.append(number))  # type: ignore[misc] # mypy infers no type for it
    run(schedule, 1)
    assert done == list(range(20))


def test_a_cancelled_call_is_neither_awaited_nor_run() -> None:
    schedule, done = Schedule(), list[str]()
    first = schedule.call_at(1, lambda: done.append("first"))
    schedule.call_at(2, lambda: done.append("second"))
    first.cancel()
    first.cancel()
    assert schedule.next_time == 2
    run(schedule, 5)
    assert done == ["second"]


def test_cancelling_a_call_that_has_run_is_safe() -> None:
    schedule, done = Schedule(), list[str]()
    due = schedule.call_at(1, lambda: done.append("ran"))
    run(schedule, 1)
    due.cancel()
    assert (done, schedule.next_time) == (["ran"], None)


def test_a_callback_can_schedule_another_call() -> None:
    schedule, done = Schedule(), list[str]()

    def again() -> None:
        schedule.call_at(1, lambda: done.append("inner"))

    schedule.call_at(1, again)
    run(schedule, 1)
    assert done == ["inner"]


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans())), st.floats(0, 100))
def test_everything_due_by_now_runs_once_unless_cancelled(plan: list[tuple[float, bool]], now: float) -> None:
    schedule = Schedule()
    dues = [(at, cancelled, schedule.call_at(at, lambda: None)) for at, cancelled in plan]
    for _, cancelled, due in dues:
        if cancelled:
            due.cancel()
    assert run(schedule, now) == sorted(at for at, cancelled in plan if at <= now and not cancelled)
    assert schedule.next_time == min((at for at, cancelled in plan if at > now and not cancelled), default=None)
