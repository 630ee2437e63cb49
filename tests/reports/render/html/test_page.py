"""The page as a whole: complete, well formed, bounded and reproducible, whatever the report contains."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.model import (
    Evidence,
    Finding,
    Moment,
    Place,
    Report,
    ReportMetric,
    Series,
    Severity,
    Table,
    TableRow,
    Timeline,
)
from reports.render.html.limits import MAX_PAGE_BYTES
from reports.render.html.page import render
from tests.reports.html_parser import ParsedPage
from tests.reports.html_samples import EVENTS, FAILED, HEALTHY, LINT, SAMPLES

#: What pages are made of: no text may add to it.
ELEMENTS = {tag for sample in SAMPLES.values() for tag, _ in ParsedPage(render(*sample)).elements}
ATTRIBUTES = {name for sample in SAMPLES.values() for _, a in ParsedPage(render(*sample)).elements for name in a}
BARE = Report(tool="sherpa-probe access", version="1", started="2026-11-21T04:02:28.075Z", seconds=0.1)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_well_formed_and_all_it_refers_to_is_in_it(name: str) -> None:
    page = ParsedPage(render(*SAMPLES[name]))
    assert len(page.ids()) == len(set(page.ids()))
    assert page.named() <= set(page.ids())
    assert len(page.all("script")) == len(page.all("style")) == len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("nav") == [{"aria-label": "Sections"}]


@pytest.mark.parametrize("name", SAMPLES)
def test_headings_go_down_by_one(name: str) -> None:
    levels = [int(tag[1]) for tag, _ in ParsedPage(render(*SAMPLES[name])).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_fetched_and_a_policy_forbids_it(name: str) -> None:
    source = render(*SAMPLES[name])
    page = ParsedPage(source)
    assert page.loaded() == ["data:,"]
    assert not re.search(r"url\(|@import|@font-face|xmlns", source)
    (policy,) = (m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = page.inside[tag]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [a for _, a in page.elements if "style" in a or any(name.startswith("on") for name in a)]


@pytest.mark.parametrize(
    ("exit_code", "word"),
    [(0, "Passed"), (1, "Failed"), (2, "Couldn't start"), (3, "Couldn't run"), (130, "Interrupted"), (77, "Failed")],
)
def test_the_verdict_comes_first_in_a_word(exit_code: int, word: str) -> None:
    page = ParsedPage(render(HEALTHY, exit_code))
    assert page.inside["h1"] == [word]
    assert page.inside["title"] == [f"{word}: sherpa-probe access, 21 November 2026, 04:02:28 UTC"]


def test_a_page_says_what_failed_why_and_what_to_type_next() -> None:
    text = ParsedPage(render(FAILED, 1)).text
    order = [
        "sherpa-probe access",
        "Failed",
        "Fix the problems below before you deploy.",
        "1 failed",
        "6 passed",
        "1 skipped",
        "base URL https://api.openai.com/v1",
        "duration 485 ms",
        "exit code 1",
        "ACCESS-NO-QUOTA access · session",
        "The account has no credit left",
        "first frame error insufficient_quota, close 1013",
        "Billing, not load",
        "then run: sherpa-probe access Copy command",
        "sherpa-probe explain ACCESS-NO-QUOTA Copy command",
        "Checks access",
        "accepted by GET /models",
        "142 ms",
        "skipped: no session",
    ]
    places = [text.find(words) for words in order]
    assert -1 not in places, order[places.index(-1)]
    found = 0
    for words in order:
        found = text.index(words, found)


def test_a_session_reads_in_order_as_a_table() -> None:
    text = ParsedPage(render(EVENTS, 1)).text
    assert "events: audio 230 events both ways in 6.98 s." in text
    assert "0.243 client to server: session.update server_vad" in text
    assert "0.300 client to server: input_audio_buffer.append ×32 in 620 ms" in text  # noqa: RUF001 - the sign for times
    assert "5.600 sherpa-probe: no audio for 640 ms" in text
    assert "1.30 s without an event" in text


def test_metrics_and_plots_come_last() -> None:
    page = ParsedPage(render(EVENTS, 1))
    assert "First audio 486 ms events_first_audio_seconds" in page.text
    assert "28 points: lowest 38, median 42 (dashed), highest 679 ms" in page.text
    assert len([a for a in page.all("svg") if a.get("class") == "pygal-chart"]) == 2


def test_a_mistake_in_ten_places_is_one_card_with_its_lines_of_source() -> None:
    page = ParsedPage(render(LINT, 1))
    assert len(page.all("article")) == 3
    assert "src/voice/session-0/openSocket.ts:12:13" in page.text
    assert "7 more places" in page.text
    assert page.inside["mark"].count('"OpenAI-Beta": "realtime=v1"') == 10


def test_an_empty_report_is_a_page_too() -> None:
    page = ParsedPage(render(BARE, 0))
    assert page.inside["h1"] == ["No checks"]
    assert page.named() <= set(page.ids())


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    assert render(*SAMPLES[name]) == render(*SAMPLES[name])


#: Text that tries to leave its place, and any other.
TEXT = st.one_of(
    st.sampled_from(
        [
            "</script><script>alert(1)</script>",
            "</style><img src=x onerror=alert(1)>",
            "' onmouseover='x' \" href=\"javascript:x",
            "{{ 7 * 7 }}{% raw %}",
            "<!--",
            "]]>",
            "&lt;b&gt;",
            "\x00\x1b[2J\u202e\ud800\ufffe",
            "run: sherpa-probe <b>x</b>",
            "https://example.com/\"onclick='x'><b>",
            "a\nb\r\nc\u2028d",
        ]
    ),
    st.text(st.characters(), max_size=40),
)
NUMBER = st.floats() | st.floats(-1e3, 1e3)
EVIDENCE = st.builds(Evidence, TEXT, TEXT)
FEW = 3
PLACE = st.builds(
    Place,
    path=TEXT,
    line=st.integers(1, 50),
    column=st.integers(-2, 60),
    end_line=st.integers(1, 50),
    end_column=st.integers(-2, 60),
    text=TEXT,
)
FINDING = st.builds(
    Finding,
    code=TEXT,
    severity=st.sampled_from(Severity),
    check=TEXT,
    title=TEXT,
    evidence=st.lists(EVIDENCE, max_size=FEW).map(tuple),
    cause=TEXT,
    fix=TEXT,
    link=TEXT,
    seconds=st.none() | NUMBER,
    probe=TEXT,
    place=st.none() | PLACE,
)
MOMENT = st.builds(
    Moment,
    at=NUMBER,
    who=st.sampled_from(["client", "server"]) | TEXT,
    what=TEXT,
    detail=TEXT,
    count=st.integers(1, 9),
    until=st.none() | NUMBER,
)
REPORT = st.builds(
    Report,
    tool=TEXT,
    version=TEXT,
    started=TEXT,
    seconds=NUMBER,
    target=st.lists(EVIDENCE, max_size=FEW).map(tuple),
    findings=st.lists(FINDING, max_size=FEW).map(tuple),
    timelines=st.lists(st.builds(Timeline, TEXT, st.lists(MOMENT, max_size=5).map(tuple)), max_size=2).map(tuple),
    metrics=st.lists(st.builds(ReportMetric, TEXT, NUMBER), max_size=FEW).map(tuple),
    series=st.lists(
        st.builds(
            Series,
            name=TEXT,
            unit=TEXT,
            timeline=TEXT,
            points=st.lists(st.tuples(NUMBER, NUMBER), max_size=5).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)


#: What draws nothing and can do something.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@settings(max_examples=60)
@given(REPORT, st.sampled_from([0, 1, 2, 3, 130]))
def test_no_text_can_leave_its_place(report: Report, exit_code: int) -> None:
    source = render(report, exit_code)
    page = ParsedPage(source)
    assert len(source.encode()) < MAX_PAGE_BYTES
    assert {c for c in source if unicodedata.category(c) in INVISIBLE} <= {"\n"}
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert len(page.all("script")) == 1
    assert {name for _, a in page.elements for name in a} <= ATTRIBUTES
    assert all(a["href"].startswith(("#", "https://")) for a in page.all("a"))
    assert page.named() <= set(page.ids())


def huge(text: str) -> Report:
    """10,000 findings, 50,000 moments and more of everything, with long texts."""
    findings = tuple(
        replace(
            FAILED.findings[6],
            code=f"CODE-{n % 997}",
            check=text[:200] + str(n),
            title=text,
            cause=text,
            fix=text,
            probe=f"probe {n % 50}",
            evidence=(Evidence(text, text),) * 20,
            place=None if n % 2 else replace(PLACED, path=text + str(n), text=text),
        )
        for n in range(3_000)
    )
    moments = tuple(
        Moment(at=n * 1.5, who=("client", "server", "tool")[n % 3], what=text[:50] + str(n), detail=text[:50])
        for n in range(10_000)
    )
    points = tuple((n * 1.234567, (n * 7919 % 1009) / 7) for n in range(300))
    steps = tuple(Moment(at=n * 1.5, who="load", what=text[:50] + str(n), detail=text[:500]) for n in range(2_000))
    columns = tuple(f"{text[:100]}_{n}_seconds" for n in range(40))
    row = TableRow(name=text, part=text, cells=(text, *(n * 1.1 for n in range(39))))
    return Report(
        tool=text,
        version=text,
        started=text,
        seconds=1e9,
        target=(Evidence(text, text),) * 100,
        findings=findings,
        timelines=(Timeline(text, moments), *(Timeline(text, moments[:500]), Timeline("run", steps)) * 30),
        metrics=tuple(ReportMetric(f"{text[:100]}_{n}_seconds", n * 1e9) for n in range(2000)),
        series=(
            *(Series(name=text, unit=text, timeline="run", points=points, plot=f"{n % 15}") for n in range(300)),
            *(Series(name=text, unit=text, timeline=str(n), points=points) for n in range(15)),
        ),
        tables=(Table(name=text, heading=text, columns=columns, rows=(row,) * 150),) * 30,
    )


PLACED = Place(path="a.ts", line=1, column=1, end_line=1, end_column=9)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("'\"" * 5000, id="escaped"),
        pytest.param("\U0001f600" * 5000, id="four bytes", marks=pytest.mark.nightly),
    ],
)
def test_a_page_stays_below_a_megabyte_and_says_what_it_left_out(text: str) -> None:
    source = render(huge(text), 1)
    assert len(source.encode()) < MAX_PAGE_BYTES
    text = ParsedPage(source).text
    assert re.search(r"[\d,]+ more problems are left out here. The JSON report is complete", text)
    assert re.search(r"[\d,]+ rows left out here. The JSON report is complete", text)
    assert re.search(r"[\d,]+ more checks are left out here", text)
    assert re.search(r"[\d,]+ more sessions are left out here", text)
    assert re.search(r"[\d,]+ more metrics are left out here", text)
    assert re.search(r"[\d,]+ more plots are left out here", text)
    assert re.search(r"[\d,]+ more lines are left out here", text)
    assert re.search(r"[\d,]+ more tables are left out here", text)
    assert re.search(r"[\d,]+ more timelines are left out here", text)


def test_what_left_out_and_shown_are_together_is_what_was_found() -> None:
    findings = tuple(replace(FAILED.findings[6], code=f"C-{n}") for n in range(250))
    page = ParsedPage(render(replace(BARE, findings=findings), 1))
    shown = len(page.all("article"))
    assert f"{250 - shown} more problems are left out here" in page.text
    assert f"and {250 - 3} more" in page.text
