"""Untrusted text in a log: visible, on one line, and short."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.telemetry.escape import MAX_TEXT, escape, escape_all


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, 日本 👋", "Grüße, 日本 👋"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028line", "\\u2028line"),
        ("\ud800", "\\ud800"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\ufeff\u200b", "\\ufeff\\u200b"),
    ],
)
def test_what_shows_nothing_is_spelled_out(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_long_text_is_cut() -> None:
    assert escape("x" * 1000) == "x" * (MAX_TEXT - 1) + "…"
    assert len(escape("x" * MAX_TEXT)) == MAX_TEXT


@given(st.text(st.characters()))
def test_any_text_is_one_printable_line(text: str) -> None:
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    assert all(mark == " " or mark.isprintable() or not mark.isascii() for mark in shown)
    shown.encode()


def test_texts_are_found_wherever_they_stand() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd\n"

    value = {"a\n": ["b\n", ("c\n",), 1, 2.5, None, True, Odd()]}
    assert escape_all(value) == {"a\\n": ["b\\n", ["c\\n"], 1, 2.5, None, True, "odd\\n"]}
