from __future__ import annotations

import pytest

from bridge.protocol.ordering.rules import Recent, index_of, object_of, text_of


def test_the_oldest_entry_is_forgotten_first_and_that_is_known() -> None:
    recent: Recent[int] = Recent(2)
    for number, key in enumerate("ab"):
        recent[key] = number
    assert not recent.forgot
    recent["c"] = 2
    assert recent.forgot
    assert list(recent) == ["b", "c"]
    assert recent.get("a") is None


def test_writing_an_entry_again_makes_it_young() -> None:
    recent: Recent[int] = Recent(2)
    for key in "abac":
        recent[key] = 0
    assert list(recent) == ["a", "c"]


def test_taking_an_entry_out_is_no_forgetting() -> None:
    recent: Recent[int] = Recent(1)
    recent["a"] = 7
    assert recent.pop("a") == 7
    assert recent.pop("a") is None
    assert (len(recent), recent.forgot) == (0, False)


@pytest.mark.parametrize("value", [None, 7, {}, []])
def test_a_field_of_another_kind_counts_as_absent(value: object) -> None:
    assert text_of({"a": value}, "a") is None
    assert object_of({"a": value}, "a") == {}


def test_an_index_that_is_left_out_is_the_first() -> None:
    assert index_of({}, "content_index") == 0
    assert index_of({"content_index": 3}, "content_index") == 3
