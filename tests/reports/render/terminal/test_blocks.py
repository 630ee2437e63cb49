"""Findings with places and the same code share a block."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.model import Evidence, Place, Report, Severity
from reports.render.terminal import page as terminal
from reports.render.terminal_text import display_width
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report


def block(whole: Report, code: str = "LINT-PING", **how: bool | int) -> list[str]:
    text = terminal.render(whole, 1, **how)  # type: ignore[arg-type] # width is the int, the others are bools
    (found,) = [part for part in text.split("\n\n") if part.startswith(code)]
    return found.splitlines()


def test_one_block_lists_all_places_with_their_source_and_explains_once() -> None:
    whole = report(placed(line=3), placed("src/other.ts", 120, "\tsocket.ping('very', 'long', 'line')" * 4))
    assert block(whole) == [
        "LINT-PING  The key was refused",
        "  at     src/a.ts:3:3        ping()",
        "         src/other.ts:120:3  socket.ping('very', 'long', 'line') socket.ping('v…",
        "  cause  It was revoked.",
        "  next   make a new key:",
        "         sherpa-probe access",
        "  more   sherpa-probe explain 401",
    ]


def test_the_source_stands_below_a_long_place() -> None:
    path = "packages/assistant/src/server/realtime/bridge.ts"
    assert block(report(placed(path, 10)))[1:3] == [f"  at     {path}:10:3", "           ping()"]


def test_of_a_long_line_the_part_with_the_finding_is_shown() -> None:
    text = "\tconst socket = new WebSocket(address, { headers: { authorization, 'OpenAI-Beta': 'realtime=v1' } })"
    start = text.index("'OpenAI-Beta'")
    place = Place(path="a.ts", line=1, column=start + 1, end_line=1, end_column=start + 14, text=text)
    assert block(report(placed(place=place)))[1] == ("  at     a.ts:1:68  …rization, 'OpenAI-Beta': 'realtime=v1' } })")
    assert block(report(placed(text="x" * 200)))[1] == f"  at     src/a.ts:3:3  {'x' * 56}…"


def test_evidence_for_a_place_stands_with_it() -> None:
    whole = report(placed(evidence=(Evidence("shut down", "2026-05-07"),)), placed(line=9))
    assert block(whole)[1:4] == [
        "  at     src/a.ts:3:3  ping()",
        "           seen   shut down: 2026-05-07",
        "         src/a.ts:9:3  ping()",
    ]


def test_a_source_that_must_not_be_shown_leaves_only_the_place() -> None:
    assert block(report(placed(text="")))[1] == "  at     src/a.ts:3:3"


def test_of_many_places_ten_are_listed() -> None:
    whole = report(*(placed(line=line) for line in range(1, 43)))
    found = block(whole)
    assert sum("src/a.ts" in line for line in found) == 10
    assert "         and 32 more (-v shows them)" in found
    assert sum("src/a.ts" in line for line in block(whole, verbose=True)) == 42


def test_other_words_for_the_same_code_are_another_block() -> None:
    text = terminal.render(report(placed(), placed(title="Another model")), 1)
    assert text.count("LINT-PING  ") == 2


def test_findings_without_a_place_have_a_block_each() -> None:
    text = terminal.render(report(finding(), finding(), finding(Severity.INFO)), 1)
    assert text.count("ACCESS-KEY-REFUSED") == 2


@given(foreign_reports, exit_codes, st.integers(40, 100), st.booleans())
def test_any_report_is_a_page_without_escapes_and_tricks(whole: Report, code: int, width: int, verbose: bool) -> None:
    text = terminal.render(whole, code, width=width, verbose=verbose, timelines=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\u2028\u2029]", text)
    assert text.splitlines()[-1].endswith(f"exit {code}")
    text.encode()


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@given(st.lists(st.tuples(st.text("ab 東é\u0301\N{WOMAN}|#", max_size=60), st.text("東京a ", max_size=60)), max_size=4))
def test_no_row_is_wider_than_the_page_but_for_a_word(width: int, rows: list[tuple[str, str]]) -> None:
    found = [finding(Severity.PASS, title=title, check=check[:30]) for title, check in rows]
    longest = max((len(word) for title, _ in rows for word in title.split()), default=0)
    text = terminal.render(report(*found), 0, width=width)
    assert longest > 20 or max(display_width(line) for line in text.splitlines()) <= width
