"""When a worker sheds load, on times and sizes that a test makes up."""

from __future__ import annotations

import pytest

from bridge.server.overload import BUSY, Holder, LoadMarks, Overload, ShedReason

MIB = 2**20


def overload(lag_seconds: float = 0.2, memory_mib: int = 100) -> Overload:
    return Overload(LoadMarks(lag_seconds=lag_seconds, memory_bytes=memory_mib * MIB))


def run(load: Overload, lag: float, *, seconds: float, since: float = 0.0, memory: int = 0) -> float:
    """Measure 20 times a second; give the time afterwards."""
    for step in range(round(seconds * 20)):
        load.measured(lag, memory, since + step / 20)
    return since + seconds


def test_a_worker_with_little_to_do_takes_clients() -> None:
    load = overload()
    run(load, 0.01, seconds=60)
    assert load.sheds(1) is None


def test_one_pause_sheds_nobody_and_a_lag_that_lasts_sheds_newcomers() -> None:
    load = overload()
    now = run(load, 0.005, seconds=10)
    load.measured(1.0, 0, now)
    assert load.sheds(1) is None
    now = run(load, 0.5, seconds=2, since=now + 0.05)
    assert load.sheds(1) is ShedReason.LAG


def test_a_worker_that_sheds_takes_clients_again_once_the_lag_is_half_of_the_mark() -> None:
    load = overload()
    now = run(load, 0.5, seconds=5)
    now = run(load, 0.15, seconds=20, since=now)
    assert load.sheds(1) is not None
    now = run(load, 0.05, seconds=5, since=now)
    assert load.sheds(1) is None
    run(load, 0.15, seconds=20, since=now)
    assert load.sheds(1) is None


def serve(load: Overload, busy: float, clients: int, *, seconds: float, since: float = 0.0) -> float:
    """Measure twice a second how busy it is; give the time afterwards."""
    for step in range(round(seconds * 2) + 1):
        load.served(busy, clients, since + step / 2)
    return since + seconds


def test_a_worker_is_full_before_it_is_late() -> None:
    load = overload()
    now = serve(load, BUSY * 0.9, 45, seconds=20)
    assert load.sheds(46) is None
    serve(load, BUSY * 1.1, 55, seconds=20, since=now)
    assert load.sheds(56) is ShedReason.BUSY


def test_a_newcomer_counts_as_what_a_client_costs_before_it_has_done_anything() -> None:
    load = overload()
    serve(load, BUSY * 0.8, 40, seconds=20)
    assert load.sheds(49) is None
    assert load.sheds(51) is ShedReason.BUSY


def test_clients_that_come_one_after_the_other_are_let_in_up_to_the_mark_though_measures_come_late() -> None:
    load, came = overload(), list[float]()
    for step in range(400):
        now = step / 5
        if load.sheds(len(came) + 1) is None:
            came.append(now)
        if step % 3 == 0:
            settled = sum(now - at >= 2.0 for at in came)
            load.served(min(1.0, settled * BUSY / 60), settled, now)
    assert 52 <= len(came) <= 62


def test_what_one_of_few_clients_does_keeps_nobody_out() -> None:
    load = overload()
    serve(load, BUSY * 0.9, 1, seconds=20)
    assert load.sheds(8) is None


def test_a_crowd_that_says_nothing_keeps_nobody_out_where_there_is_room() -> None:
    load = overload()
    serve(load, BUSY * 0.6, 40, seconds=20)
    assert load.sheds(5000) is None


def test_a_full_worker_takes_clients_again_once_some_have_left() -> None:
    load = overload()
    now = serve(load, BUSY * 1.1, 55, seconds=20)
    assert load.sheds(56) is ShedReason.BUSY
    now = serve(load, BUSY * 0.95, 48, seconds=20, since=now)
    assert load.sheds(48) is ShedReason.BUSY
    serve(load, BUSY * 0.8, 40, seconds=20, since=now)
    assert load.sheds(41) is None


def test_past_the_memory_mark_newcomers_are_rejected_and_below_it_not() -> None:
    load = overload()
    load.measured(0.0, 101 * MIB, 1.0)
    assert load.sheds(1) is ShedReason.MEMORY
    load.measured(0.0, 100 * MIB, 2.0)
    assert load.sheds(1) is None


def test_without_marks_nobody_is_rejected_or_ended() -> None:
    load = overload(0.0, 0)
    run(load, 9.0, seconds=60, memory=2**40)
    serve(load, 1.0, 100, seconds=60)
    assert load.sheds(1) is None
    assert load.too_much([Holder("a", "1", 2**40)]) == []


@pytest.mark.parametrize(("memory_mib", "ended"), [(124, []), (126, ["c", "b"]), (150, ["c", "b", "e", "d"])])
def test_past_a_quarter_more_those_who_hold_most_are_ended_until_it_fits(memory_mib: int, ended: list[str]) -> None:
    load = overload()
    load.measured(0.0, memory_mib * MIB, 1.0)
    sizes = {"a": 1, "b": 14, "c": 16, "d": 2, "e": 9, "f": 0}
    holders = [Holder(name, name, size * MIB) for name, size in sizes.items()]
    assert load.too_much(holders) == ended


def test_who_only_speaks_is_not_ended() -> None:
    load = overload()
    load.measured(0.0, 500 * MIB, 1.0)
    speech = 30_000 * 48 + 1500 * 200
    assert load.too_much([Holder("a", "1", speech), Holder("b", "2", 0)]) == []


def test_memory_is_given_back_late_so_the_next_are_ended_after_a_pause() -> None:
    load = overload()
    holders = [Holder(f"{n}", f"{n}", 20 * MIB) for n in range(9)]
    ended = []
    for now in range(12):
        load.measured(0.0, 130 * MIB, float(now))
        found = load.too_much(holders)
        holders = [one for one in holders if one.client_id not in found]
        ended.append(len(found))
    assert ended == [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0]


def test_the_clients_of_one_address_hold_a_quarter_of_the_mark_at_most() -> None:
    load = overload()
    load.measured(0.0, 50 * MIB, 1.0)
    crowd = [Holder(f"crowd-{size}", "1.1.1.1", size * MIB) for size in (5, 7, 9, 8)]
    others = [Holder(f"other-{n}", f"2.2.2.{n}", 24 * MIB) for n in range(9)]
    assert load.too_much([*crowd, *others]) == ["crowd-9"]
