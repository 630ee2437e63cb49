from __future__ import annotations

import pytest

from bridge.protocol.ordering.rules import BoundedDict, get_index, get_object, get_text


def test_the_oldest_entry_is_forgotten_first_and_that_is_known() -> None:
    recent: BoundedDict[int] = BoundedDict(2)
    for number, key in enumerate("ab"):
        recent[key] = number
    assert not recent.has_evicted
    recent["c"] = 2
    assert recent.has_evicted
    assert list(recent) == ["b", "c"]
    assert recent.get("a") is None


def test_writing_an_entry_again_makes_it_young() -> None:
    recent: BoundedDict[int] = BoundedDict(2)
    for key in "abac":
        recent[key] = 0
    assert list(recent) == ["a", "c"]


def test_taking_an_entry_out_is_no_forgetting() -> None:
    recent: BoundedDict[int] = BoundedDict(1)
    recent["a"] = 7
    assert recent.pop("a") == 7
    assert recent.pop("a") is None
    assert (len(recent), recent.has_evicted) == (0, False)


@pytest.mark.parametrize("value", [None, 7, {}, []])
def test_a_field_of_another_kind_counts_as_absent(value: object) -> None:
    assert get_text({"a": value}, "a") is None
    assert get_object({"a": value}, "a") == {}


def test_an_index_that_is_left_out_is_the_first() -> None:
    assert get_index({}, "content_index") == 0
    assert get_index({"content_index": 3}, "content_index") == 3
