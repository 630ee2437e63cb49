from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.audio.intervals import IntervalSet

NUMBERS = st.lists(st.integers(0, 60), max_size=60)
RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: (pair[0], sum(pair))), max_size=20)


def numbers_in(ranges: IntervalSet) -> set[int]:
    return {number for first, end in ranges for number in range(first, end)}


def assert_tidy(ranges: IntervalSet) -> None:
    """Sorted, disjoint, not touching, none empty."""
    flat = [edge for both in ranges for edge in both]
    assert flat == sorted(set(flat))


@given(NUMBERS)
def test_it_holds_what_a_set_would_hold(numbers: list[int]) -> None:
    ours = IntervalSet()
    model: set[int] = set()
    for number in numbers:
        assert ours.add(number) is (number not in model)
        model.add(number)
        assert_tidy(ours)
    assert numbers_in(ours) == model
    assert len(ours) == len(model)
    assert [number in ours for number in range(62)] == [number in model for number in range(62)]
    assert ours.end == max(model, default=-1) + 1


@given(RANGES)
def test_adding_ranges_says_how_many_numbers_were_new(ranges: list[tuple[int, int]]) -> None:
    ours = IntervalSet()
    model: set[int] = set()
    for first, end in ranges:
        assert ours.add_range(first, end) == len(set(range(first, end)) - model)
        model.update(range(first, end))
        assert_tidy(ours)
    assert numbers_in(ours) == model
    assert len(ours) == len(model)


def test_a_range_joins_those_that_it_touches_and_counts_only_what_is_new() -> None:
    ours = IntervalSet([(0, 3), (5, 7), (9, 10)])
    assert ours.add_range(2, 5) == 2
    assert ours.add_range(4, 4) == 0
    assert (list(ours), len(ours)) == ([(0, 7), (9, 10)], 8)
    assert ours.update(IntervalSet([(6, 9), (12, 13)])) == 3
    assert list(ours) == [(0, 10), (12, 13)]
    assert [number in ours for number in (0, 9, 10, 12, 13)] == [True, True, False, True, False]


@given(RANGES, RANGES)
def test_update_is_union_and_counts_what_is_new(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    ours, theirs = IntervalSet(one), IntervalSet(two)
    expected = numbers_in(ours) | numbers_in(theirs)
    before = len(ours)
    assert ours.update(theirs) == len(expected) - before
    assert numbers_in(ours) == expected


@given(RANGES, st.integers(0, 90))
def test_gaps_and_ranges_together_are_everything(ranges: list[tuple[int, int]], end: int) -> None:
    ours = IntervalSet(ranges)
    missing = [number for first, after in ours.gaps(end) for number in range(first, after)]
    assert missing == [number for number in range(end) if number not in ours]


def test_gaps_end_where_they_are_asked_to_end() -> None:
    ours = IntervalSet([(2, 4), (6, 8)])
    assert list(ours.gaps(5)) == [(0, 2), (4, 5)]
    assert list(ours.gaps(8)) == [(0, 2), (4, 6)]
    assert list(ours.gaps(10)) == [(0, 2), (4, 6), (8, 10)]


def test_numbers_in_a_row_are_one_range_whatever_their_count() -> None:
    ours = IntervalSet()
    assert all(ours.add(number) for number in range(10_000))
    assert list(ours) == [(0, 10_000)]


@given(NUMBERS)
def test_the_order_of_adding_does_not_matter(numbers: list[int]) -> None:
    forward, backward = IntervalSet(), IntervalSet()
    for number in numbers:
        forward.add(number)
    for number in reversed(numbers):
        backward.add(number)
    assert forward == backward


def test_sets_with_different_numbers_differ() -> None:
    assert IntervalSet([(0, 3)]) != IntervalSet([(0, 4)])
    assert IntervalSet([(0, 3)]) != [(0, 3)]
    assert repr(IntervalSet([(0, 3), (5, 6)])) == "IntervalSet([(0, 3), (5, 6)])"


@pytest.mark.parametrize("bad", [(-1, 3), (5, 4)])
def test_what_is_no_range_is_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not a range"):
        IntervalSet([bad])
