"""The search finds the limit of targets with a sharp one, goes lower if a target wavers, and always ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.capacity.search import CapacitySearch, SearchStage

if TYPE_CHECKING:
    from collections.abc import Callable


def searched(holds: Callable[[int, int], bool], start: int = 10, most: int = 5000) -> CapacitySearch:
    """Search an invented target: `holds(callers, number of the run)`."""
    search = CapacitySearch(start=start, maximum=most)
    while search.stage is not SearchStage.DONE:
        search.record(passed=holds(search.next_callers, len(search.runs)))
    return search


@given(edge=st.integers(1, 4999), start=st.integers(1, 300))
def test_a_limit_is_found_within_5_percent_and_the_result_passed_twice(edge: int, start: int) -> None:
    search = searched(lambda callers, _: callers <= edge, start)
    assert edge * 0.94 - 1 <= search.result <= edge
    assert search.runs.count((search.result, True)) == 2
    assert len(search.runs) <= 24
    assert search.is_confirmed
    assert not search.reached_maximum


def test_a_target_that_handles_nothing_has_the_result_0() -> None:
    assert searched(lambda *_: False).result == 0


def test_a_target_that_handles_everything_ends_at_the_upper_limit() -> None:
    search = searched(lambda *_: True, start=10, most=300)
    assert (search.result, search.reached_maximum) == (300, True)


def test_a_number_that_passed_once_and_not_again_is_not_the_result() -> None:
    failing_later = searched(lambda callers, run: callers <= 100 and not (callers > 90 and run > 6))
    assert 0 < failing_later.result <= 90


@given(st.lists(st.booleans(), min_size=24, max_size=24), st.integers(1, 50))
def test_it_ends_whatever_the_target_does(luck: list[bool], start: int) -> None:
    search = searched(lambda _, run: luck[run], start, most=64)
    assert len(search.runs) <= 24
    assert search.result == 0 or any(held for callers, held in search.runs if callers >= search.result)


@pytest.mark.parametrize(("start", "most"), [(0, 10), (11, 10)])
def test_a_search_without_a_range_is_refused(start: int, most: int) -> None:
    with pytest.raises(ValueError, match="the search must start between 1 and 10 callers"):
        CapacitySearch(start=start, maximum=most)
