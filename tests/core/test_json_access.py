from __future__ import annotations

import math
from typing import Any

import pytest

from bridge.core.json_access import as_number, as_object, as_text, loggable_id


@pytest.mark.parametrize(("value", "expected"), [(5, 5.0), (2.5, 2.5), (0, 0.0)])
def test_a_number_is_a_number(value: float, expected: float) -> None:
    assert as_number(value) == expected


@pytest.mark.parametrize("value", [None, True, "5", [], -1, math.nan, math.inf, -math.inf, 10**400, 1e300])
def test_a_number_that_no_session_has_is_zero(value: Any) -> None:
    assert as_number(value) == 0.0


@pytest.mark.parametrize("value", [None, 5, "x", [{}], True])
def test_what_is_no_object_is_an_empty_one(value: Any) -> None:
    assert as_object(value) == {}
    assert as_object({"a": value}) == {"a": value}


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], {}])
def test_what_is_no_text_is_none(value: Any) -> None:
    assert as_text(value) is None
    assert as_text("x") == "x"


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        ("item_BjXhqYTp9LzNW7mwJFGQc", "item_BjXhqYTp9LzNW7mwJFGQc"),
        ("", "(0 characters)"),
        ("my card is 4111 1111", "(20 characters)"),
        ("x" * 41, "(41 characters)"),
        ("a\nb", "(3 characters)"),
    ],
)
def test_an_id_that_may_say_something_is_logged_by_its_length_only(text: str, logged: str) -> None:
    assert loggable_id(text) == logged
