"""Counting clients: by address, and over processes."""

from __future__ import annotations

import os

from bridge.server.admission.session_counts import Present, SharedSlots


def test_who_left_is_not_counted() -> None:
    present = Present()
    for address in ("a", "a", "b"):
        present.enter(address)
    present.leave("a")
    assert (present.here, present.everywhere()) == (2, 2)
    assert (present.from_address("a"), present.from_address("b"), present.from_address("c")) == (1, 1, 0)
    present.leave("a")
    present.leave("b")
    assert present.here == present.everywhere() == 0


def test_processes_see_one_anothers_counts() -> None:
    slots = SharedSlots(2)
    child = os.fork()
    if child == 0:
        slots.own(1)
        there = Present(slots)
        there.enter("x")
        there.enter("x")
        os._exit(0)
    os.waitpid(child, 0)
    slots.own(0)
    present = Present(slots)
    present.enter("x")
    assert present.everywhere() == 3
    assert present.from_address("x") == 1
    slots.clear(1)
    assert present.everywhere() == 1


def test_a_worker_that_takes_over_a_slot_begins_at_nothing() -> None:
    slots = SharedSlots(1)
    slots.own(0)
    Present(slots).enter("x")
    slots.own(0)
    assert slots.total() == 0
