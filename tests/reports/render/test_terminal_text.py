"""Text from outside becomes harmless, and durations readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.render.terminal_text import display_width, format_milliseconds, pad, sanitize, shorten, truncate, wrap


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert all(c.isprintable() or c == "\u3000" or c.isspace() for c in sanitize(text))
    assert len(sanitize(text).splitlines()) <= 1


def test_ordinary_text_stays_as_it_is() -> None:
    assert sanitize("Grüße, 東京 … ok") == "Grüße, 東京 … ok"


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, ""), (0.0042, "4 ms"), (0.188, "188 ms"), (9.4, "9400 ms"), (61.24, "61.2 s")]
)
def test_durations_are_short(seconds: float | None, words: str) -> None:
    assert format_milliseconds(seconds) == words


def test_a_cut_text_shows_that_it_was_cut() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("東京", 4), ("e\u0301te\u0301", 3), ("\N{WOMAN}", 2), ("שלום", 4)]
)
def test_a_text_is_as_wide_as_a_terminal_draws_it(text: str, width: int) -> None:
    assert display_width(text) == width
    assert display_width(pad(text, 10)) == 10


def test_a_wide_text_is_cut_between_its_characters() -> None:
    assert truncate("東京は日本の首都", 6) == "東京…"
    assert truncate("東京は日本の首都", 7) == "東京は…"
    assert truncate("東京", 4) == "東京"


@given(st.text(st.sampled_from("ab 東é\u0301\N{WOMAN}-"), max_size=80), st.integers(8, 40))
def test_a_text_in_any_script_is_broken_into_lines_that_fit_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width, "  ", "   ")
    words_fit = all(display_width(word) <= width - 3 or display_width(word) > len(word) for word in text.split())
    assert not words_fit or max((display_width(line) for line in lines), default=0) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())
