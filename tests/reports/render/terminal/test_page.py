"""The terminal page: rows that fit, blocks that explain, words instead of colour alone."""

from __future__ import annotations

import re

import pytest

from reports.model import Evidence, Finding, Moment, Report, ReportMetric, Severity, Timeline
from reports.render.terminal import page as terminal

LONG = "the quick brown fox jumps over the lazy dog " * 5


def finding(severity: Severity, check: str = "key", title: str = "accepted", **more: object) -> Finding:
    return Finding(code="ACCESS-CODE", severity=severity, check=check, title=title, **more)  # type: ignore[arg-type] # any field


def page(*findings: Finding, exit_code: int = 0, **how: bool | int) -> str:
    target = (Evidence("base URL", "https://api.openai.com/v1"), Evidence("model", "gpt-realtime-2.1"))
    report = Report(
        tool="sherpa-probe access", version="1", started="s", seconds=0.48, target=target, findings=findings
    )
    return terminal.render(report, exit_code, **how)  # type: ignore[arg-type] # width is the int, the others are bools


def test_every_severity_has_its_own_word() -> None:
    text = page(*(finding(severity, check=f"check{n}") for n, severity in enumerate(Severity)))
    words = [line.split()[0] for line in text.splitlines() if re.match(r"  \S+ +check\d", line)]
    assert words == ["ok", "info", "warn", "FAIL", "ERR", "--"]
    assert len(set(words)) == len(Severity)


def test_a_row_shows_what_came_out_and_how_long_it_took() -> None:
    assert "  ok    key  accepted" in page(finding(Severity.PASS, seconds=0.142))
    (row,) = [line for line in page(finding(Severity.PASS, seconds=0.142)).splitlines() if "accepted" in line]
    assert row.endswith(" 142 ms")
    assert len(row) == 80


def test_a_failure_is_explained_below_with_what_to_type_next() -> None:
    text = page(
        finding(
            Severity.FAIL,
            title="The key was refused",
            evidence=(Evidence("first frame", "error invalid_api_key"), Evidence("session", "none")),
            cause="It was revoked.",
            fix="make a new key:\nsherpa-probe access",
            link="sherpa-probe explain 3000",
        ),
        exit_code=1,
    )
    rows, block = text.split("\n\nACCESS-CODE", 1)
    assert "FAIL  key  first frame: error invalid_api_key" in rows
    assert block.splitlines()[:6] == [
        "  The key was refused",
        "  seen   session: none",
        "  cause  It was revoked.",
        "  next   make a new key:",
        "         sherpa-probe access",
        "  more   sherpa-probe explain 3000",
    ]


def test_what_passed_gets_no_block() -> None:
    assert "ACCESS-CODE" not in page(finding(Severity.PASS), finding(Severity.SKIPPED), finding(Severity.INFO))


def test_the_verdict_counts_and_gives_time_and_exit_code() -> None:
    text = page(
        finding(Severity.PASS), finding(Severity.PASS), finding(Severity.FAIL), finding(Severity.SKIPPED), exit_code=1
    )
    last = text.splitlines()[-1]
    assert last.startswith("1 failed, 2 passed, 1 skipped in 0.48 s")
    assert last.endswith("exit 1")
    assert len(last) == 80


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_nothing_is_wider_than_the_page_and_nothing_is_lost(width: int) -> None:
    text = page(
        finding(Severity.PASS, title=LONG, seconds=1.5),
        finding(Severity.FAIL, title=LONG, evidence=(Evidence("a", LONG), Evidence("b", LONG)), cause=LONG, fix=LONG),
        width=width,
    )
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("lazy") == 6 * 5


@pytest.mark.parametrize("width", [40, 60])
def test_addresses_and_long_words_are_never_broken(width: int) -> None:
    address = "https://a-rather-long-host-name.example.com/with-a-path/v1/realtime"
    command = "sherpa-probe access --model gpt-realtime-2.1-mini"
    text = page(
        finding(Severity.PASS, title=f"answers at {address}", seconds=1.5),
        finding(Severity.FAIL, evidence=(Evidence("", address), Evidence("at", address)), cause=address, fix=command),
        width=width,
    )
    assert text.count(address) == 4
    assert all(word in text.split() for word in command.split())


def test_on_a_narrow_page_the_row_s_words_stand_below_its_name() -> None:
    row, words = page(finding(Severity.PASS, seconds=0.142), width=40).splitlines()[4:6]
    assert row.split() == ["ok", "key", "142", "ms"]
    assert words == "        accepted"


def test_a_page_of_more_columns_than_words_can_bear_ends_at_100() -> None:
    assert max(map(len, page(finding(Severity.PASS, title=LONG), width=200).splitlines())) <= 100


def test_there_is_no_escape_without_colour_and_words_stay_with_it() -> None:
    assert "\x1b" not in page(finding(Severity.FAIL))
    coloured = page(finding(Severity.FAIL), colour=True)
    assert "\x1b[1;31m" in coloured
    assert "FAIL" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == page(finding(Severity.FAIL))


def test_a_server_can_not_write_escapes_lines_or_markup_on_the_screen() -> None:
    text = page(finding(Severity.FAIL, title="a\x1b[2Jb\nc [red]d[/red] \u202ee", cause="x\x07y", fix="z"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "\\x1b[2Jb c [red]d[/red] \\u202ee" in text


def test_what_passing_checks_saw_is_shown_when_asked_for() -> None:
    passing = finding(Severity.PASS, evidence=(Evidence("cf-ray", "8f"),))
    assert "cf-ray" not in page(passing)
    assert "seen   cf-ray: 8f" in page(passing, verbose=True)


def test_a_report_without_findings_is_still_a_page() -> None:
    assert "no checks in 0.48 s" in page()


def test_timelines_and_metrics_are_shown_on_request() -> None:
    moments = (Moment(at=0.1, who="client", what="session.update"),)
    metrics = (ReportMetric("events_first_audio_seconds", 0.412), ReportMetric("events_gaps_total", 12_000))
    whole = Report(
        tool="t", version="1", started="s", seconds=1, findings=(finding(Severity.PASS),),
        timelines=(Timeline("events: audio", moments),), metrics=metrics,
    )  # fmt: skip
    assert "events" not in terminal.render(whole, 0)
    parts = terminal.render(whole, 0, timelines=True).split("\n\n")
    assert [part.splitlines()[0].split()[0] for part in parts] == ["t", "events:", "ok", "measured", "1"]
    assert parts[3].splitlines() == [
        "measured",
        "  events first audio  412 ms",
        "  events gaps         12,000",
    ]
