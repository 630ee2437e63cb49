"""Markdown: read by a CommonMark parser, in which text from outside stays text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from reports.model import Evidence, Moment, Report, ReportMetric, Severity, Timeline
from reports.render.markdown import LARGEST, render
from reports.render.markdown_text import code_block, escape, inline_code
from tests.reports.factories import exit_codes, finding, foreign_reports, placed, report, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_TAGS = {"<code>", "</code>", "<!-- -->", "<sub>", "</sub>"}
OWN_BLOCKS = re.compile(r"<details><summary>[^<]*(<!-- -->[^<]*)*</summary>|</details>")


def tokens(text: str) -> Iterator[Token]:
    for token in PARSER.parse(text):
        yield token
        yield from token.children or ()


def shown(text: str) -> str:
    """What a reader sees."""
    return "".join(token.content for token in tokens(text) if token.type in ("text", "code_inline", "fence"))


def test_the_verdict_comes_first_then_the_checks_then_what_is_wrong() -> None:
    text = render(report(finding(Severity.PASS), finding(check="session")), 1)
    assert text.splitlines()[0] == "### ❌ sherpa-probe access: failed"
    assert "**1 failed, 1 passed** in 480 ms (exit 1)" in text
    assert "| ❌ FAIL | session | The key was refused | 123 ms |" in text
    assert text.index("| ❌ FAIL") < text.index("#### <code>ACCESS-KEY-REFUSED</code> The key was refused")
    assert "**Cause:** It was revoked.\n\n**Next:**\n\n```\nmake a new key:\nsherpa-probe access\n```" in text
    assert render(report(finding(Severity.PASS)), 0).startswith("### ✅ sherpa-probe access: passed")


def test_there_is_a_table_a_probe() -> None:
    text = render(report(finding(), finding(probe="models")), 1)
    assert re.findall(r"^#### (\w+)$", text, re.MULTILINE) == ["access", "models"]


def test_findings_of_one_code_are_explained_once_with_all_their_places() -> None:
    text = render(report(*(placed(line=line) for line in range(1, 31))), 1)
    assert text.count("**Cause:**") == 1
    assert "- <code>src/a.ts:20:3</code>: <code>ping&#40;&#41;</code>" in text
    assert "- and 10 more" in text
    assert text.count("| ❌ FAIL |") == 30


def test_metrics_are_a_table_and_timelines_are_folded() -> None:
    moments = tuple(Moment(at=at / 10, who="server", what="response.output_audio.delta") for at in range(5))
    whole = report(
        metrics=(ReportMetric("events_ready_seconds", 0.41),), timelines=(Timeline("events: audio", moments),)
    )
    text = render(whole, 0)
    assert "| events ready | 410 ms |" in text
    assert "<details><summary>events: audio: 5 events</summary>\n\n```text\n" in text
    assert "response.output_audio.delta                x5 in 400 ms" in text


@given(texts)
def test_a_foreign_text_is_shown_as_it_is(text: str) -> None:
    for line in (f"x {escape(text)}", f"x {inline_code(text)}"):
        assert {token.type for token in tokens(line)} <= {
            "paragraph_open", "paragraph_close", "inline", "text", "html_inline", "softbreak",
        }  # fmt: skip


@pytest.mark.parametrize("text", ["@somebody", "#12", "GH-3", "https://evil.example", "www.evil.example"])
def test_no_one_is_mentioned_and_nothing_is_linked(text: str) -> None:
    """GitHub looks for these in the rendered text; an empty comment separates them."""
    assert "<!-- -->" in escape(text)
    assert shown(f"x {escape(text)}") == f"x {text}"


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert code_block("a\n````\nb").splitlines() == ["`````", "a", "````", "b", "`````"]


def test_a_huge_report_stays_below_the_limit_and_says_what_is_left_out() -> None:
    long = "x" * 5_000
    many = (finding(code=f"X-{n}", title=long, cause=long, evidence=(Evidence("a", long),)) for n in range(300))
    text = render(report(*many), 1)
    assert len(text.encode()) <= LARGEST + 1_000
    assert re.search(r"\*\d+ more sections are left out here", text)
    moments = tuple(Moment(at=at, who="server", what=f"event.{at}") for at in range(20_000))
    text = render(report(finding(), timelines=(Timeline("t", moments),)), 1)
    assert len(text.encode()) <= LARGEST
    assert "and 19000 more" in text


@given(foreign_reports, exit_codes)
def test_no_text_formats_links_or_leaves_its_place(whole: Report, exit_code: int) -> None:
    for token in tokens(render(whole, exit_code)):
        assert token.type not in {"link_open", "image", "s_open", "code_inline", "code_block", "blockquote_open", "hr"}
        if token.type == "html_inline":
            assert token.content in OWN_TAGS
        if token.type == "html_block":
            assert OWN_BLOCKS.fullmatch(token.content.strip()), token.content
