from __future__ import annotations

import copy
import logging
import pickle
from typing import TYPE_CHECKING

import pytest

from bridge.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz-w3Qd"


@pytest.mark.parametrize("shown", [str, repr, "{}".format, "{:>60}".format, lambda secret: f"{secret!r}"])
def test_no_form_of_text_shows_the_value(shown: Callable[[Secret], str]) -> None:
    text = shown(Secret(KEY))
    assert KEY not in text
    assert "abcdef" not in text
    assert "w3Qd" in text


def test_it_is_hidden_inside_other_values_and_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("using %s and %r", Secret(KEY), {"key": Secret(KEY)})
    assert KEY not in caplog.text
    assert KEY not in str([Secret(KEY)])


@pytest.mark.parametrize(
    ("value", "hint"),
    [(KEY, "sk-…w3Qd"), ("short", "…"), ("sk-short", "sk-…"), ("0123456789abcdef0123456789abcdef", "…cdef"), ("", "…")],
)
def test_the_hint_tells_keys_apart_and_gives_little_away(value: str, hint: str) -> None:
    assert Secret(value).hint == hint


def test_it_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(KEY))
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(Secret(KEY))


def test_it_compares_by_value_and_hides_itself_in_texts() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret("sk-other")
    assert len({Secret(KEY), Secret(KEY)}) == 1
    assert Secret(KEY).hide(f"refused: {KEY}!") == "refused: sk-…w3Qd!"
    assert Secret("").hide("nothing to hide") == "nothing to hide"
    assert not Secret("")
    assert Secret(KEY).reveal() == KEY
