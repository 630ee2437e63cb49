"""Rows of several probes, and of findings with places."""

from __future__ import annotations

import re

import pytest

from reports.model import Evidence, Report, Severity
from reports.render.terminal import page as terminal
from reports.render.terminal_text import display_width
from tests.reports.factories import finding, placed, report


def lines(whole: Report, **how: bool | int) -> list[str]:
    return terminal.render(whole, 1, **how).splitlines()  # type: ignore[arg-type] # width is the int, the others are bools


def test_rows_of_several_probes_stand_under_their_names_in_order_of_appearance() -> None:
    whole = report(
        finding(Severity.PASS, probe="models", check="realtime"),
        finding(Severity.PASS),
        finding(Severity.PASS, probe="models", check="a check with a long name"),
    )
    page = lines(whole)
    assert [line for line in page if line and line[0] != " "][1:3] == ["models", "access"]
    starts = {line.index("The key") for line in page if "The key" in line}
    assert len(starts) == 1, "columns of all probes line up"
    assert page.index("access") > max(n for n, line in enumerate(page) if "long name" in line)


def test_rows_of_one_probe_have_no_heading_whatever_the_command_says_beside_it() -> None:
    page = lines(report(finding(Severity.PASS), finding(probe="probe", check="probe"), finding(probe="config")))
    assert "access" not in page
    assert "probe" not in page


def test_findings_of_the_command_itself_have_no_heading() -> None:
    page = lines(report(finding(probe="config", check="key source"), finding(), finding(probe="models")))
    assert [line for line in page if line in ("config", "access", "models")] == ["access", "models"]


def test_a_finding_in_a_file_shows_its_place() -> None:
    page = lines(report(placed("src/server/bridge.ts", 12), placed(severity=Severity.INFO, title="mended")))
    assert "  FAIL  ping  src/server/bridge.ts:12:3" in page
    assert "  info  ping  src/a.ts:3:3  mended" in page


def test_a_place_that_is_too_long_stands_below() -> None:
    path = "src/" + "a-long-name/" * 7 + "x.ts"
    page = lines(report(placed(path)))
    assert page[2:4] == ["  FAIL  ping", f"        {path}:3:3"]


@pytest.mark.parametrize("severity", [Severity.FAIL, Severity.SKIPPED, Severity.INFO])
def test_of_many_places_ten_are_shown_and_the_rest_counted(severity: Severity) -> None:
    whole = report(*(placed(line=line, severity=severity) for line in range(1, 43)), placed(code="LINT-B", check="b"))
    page = lines(whole)
    assert sum(bool(re.match(r"  \S+ +ping  src", line)) for line in page) == 10
    assert "  ..    ping  and 32 more" in page
    assert "  FAIL  b     src/a.ts:3:3" in page
    everything = lines(whole, verbose=True)
    assert sum(bool(re.match(r"  \S+ +ping  src", line)) for line in everything) == 42
    assert not any(" more" in line for line in everything if "sherpa" not in line)


@pytest.mark.parametrize("width", [40, 50, 80])
def test_no_row_ends_in_spaces(width: int) -> None:
    found = report(placed("a/long/path/to/some/file.py"), placed(code="LINT-B", check="a-longer-name"), finding())
    page = re.sub(r"\x1b\[[\d;]*m", "", terminal.render(found, 1, width=width, colour=True))
    assert [line for line in page.splitlines() if line != line.rstrip()] == []


def test_thousands_of_findings_stay_readable() -> None:
    whole = report(*(placed(f"src/{n}.ts", code=f"LINT-{n % 5}", check=f"rule-{n % 5}") for n in range(5_000)))
    assert len(lines(whole)) < 200


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_wide_characters_keep_the_columns(width: int) -> None:
    whole = report(
        finding(Severity.PASS, title="東京は日本の首都です。" * 9),
        finding(Severity.PASS, check="鍵", title="ok"),
        finding(evidence=(Evidence("返事", "\N{WOMAN}" * 60), Evidence("b", "é" * 30)), cause="東京" * 60),
    )
    page = lines(whole, width=width)
    assert max(map(display_width, page)) <= width
    times = [display_width(line) for line in page if line.endswith("123 ms")]
    assert times == [width] * 3
    assert "".join(page).count("東") == 9 + 60


def test_a_check_with_a_very_long_name_leaves_room_for_its_text() -> None:
    page = lines(report(finding(Severity.PASS, check="x" * 200), finding(Severity.PASS)), width=80)
    assert max(map(display_width, page)) <= 80
    assert sum(bool(re.match(r"  ok    x{35}…  The key was refused +123 ms$", line)) for line in page) == 1
