"""Foreign text becomes harmless and durations readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text import milliseconds, plain, shortened


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert all(c.isprintable() or c == "\u3000" or c.isspace() for c in plain(text))
    assert len(plain(text).splitlines()) <= 1


def test_ordinary_text_stays_as_it_is() -> None:
    assert plain("Grüße, 東京 … ok") == "Grüße, 東京 … ok"


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (0.0042, "4 ms"), (0.188, "188 ms"), (9.4, "9400 ms"), (61.24, "61.2 s")]
)
def test_durations_are_short(seconds: float | None, words: str) -> None:
    assert milliseconds(seconds) == words


def test_a_cut_text_shows_that_it_was_cut() -> None:
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abcd", 4) == "abcd"
