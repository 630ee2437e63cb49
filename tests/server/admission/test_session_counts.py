"""Counting clients, by address and over workers."""

from __future__ import annotations

import os

from bridge.server.admission.session_counts import ActiveSessions, SharedWorkerCounts


def test_clients_that_left_are_not_counted() -> None:
    present = ActiveSessions()
    for address in ("a", "a", "b"):
        present.add(address)
    present.remove("a")
    assert (present.in_process, present.across_workers()) == (2, 2)
    assert (present.from_address("a"), present.from_address("b"), present.from_address("c")) == (1, 1, 0)
    present.remove("a")
    present.remove("b")
    assert present.in_process == present.across_workers() == 0


def test_processes_see_each_others_counts() -> None:
    slots = SharedWorkerCounts(2)
    child = os.fork()
    if child == 0:
        slots.claim(1)
        there = ActiveSessions(slots)
        there.add("x")
        there.add("x")
        os._exit(0)
    os.waitpid(child, 0)
    slots.claim(0)
    present = ActiveSessions(slots)
    present.add("x")
    assert present.across_workers() == 3
    assert present.from_address("x") == 3
    assert present.from_address("y") == 0
    assert present.in_process_from("x") == 1
    slots.clear(1)
    assert present.from_address("x") == 1
    assert present.across_workers() == 1


def test_a_worker_that_takes_over_a_slot_starts_at_zero() -> None:
    slots = SharedWorkerCounts(1)
    slots.claim(0)
    ActiveSessions(slots).add("x")
    slots.claim(0)
    assert slots.total() == 0


def test_a_count_over_workers_is_never_too_low_and_hardly_ever_too_high() -> None:
    slots, other = SharedWorkerCounts(2), SharedWorkerCounts(2)
    there = ActiveSessions(slots)
    slots.claim(1)
    for number in range(1000):
        there.add(f"10.0.{number // 250}.{number % 250}")
    there.remove("10.0.0.0")
    slots._own = 0
    counted = [slots.elsewhere(f"10.0.{number // 250}.{number % 250}") for number in range(1, 1000)]
    assert set(counted) == {1}
    assert sum(slots.elsewhere(f"10.1.{number // 250}.{number % 250}") for number in range(1000)) == 0
    assert other.elsewhere("10.0.0.1") == 0
