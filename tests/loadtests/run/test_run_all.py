"""All scenarios in sequence: a table, a page each, one exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from loadtests.run.run_all import ScenarioResult, failed_budgets, main, results_table, run_all, worst_exit_code
from loadtests.scenarios.table import SCENARIOS
from reports.model import Finding, Report, ReportMetric, Severity
from reports.store.reader import StoredReport

if TYPE_CHECKING:
    from pathlib import Path

    from loadtests.scenarios.table import LoadScenario


def done(name: str, code: int = 0, *, lost: float | None = None) -> ScenarioResult:
    severity = Severity.PASS if code == 0 else Severity.FAIL
    finding = Finding(code="LOAD-X", severity=severity, check="lost_ms == 0", title="it is so")
    report = Report(
        tool="sherpa-load run",
        version="0",
        started="2026-11-21T00:00:00.000Z",
        seconds=1.0,
        findings=(finding,),
        metrics=(
            ReportMetric("load_ready_p99_seconds", 0.0123),
            *(() if lost is None else (ReportMetric("load_lost_ms", lost),)),
        ),
    )
    return ScenarioResult(SCENARIOS[name], 40, StoredReport(report, code), 31.4)


def test_each_gets_a_page_and_all_are_run_although_one_is_red(tmp_path: Path) -> None:
    codes = {"conversation": 0, "flapping": 1, "soak": 0}

    def one(scenario: LoadScenario) -> ScenarioResult:
        return done(scenario.name, codes[scenario.name])

    results = run_all([SCENARIOS[name] for name in codes], tmp_path, one)
    assert [result.scenario.name for result in results] == list(codes)
    assert sorted(page.name for page in tmp_path.iterdir()) == ["conversation.html", "flapping.html", "soak.html"]
    assert "<html" in (tmp_path / "flapping.html").read_text()


def test_an_interrupt_ends_the_row(tmp_path: Path) -> None:
    results = run_all([SCENARIOS["conversation"], SCENARIOS["soak"]], tmp_path, lambda one: done(one.name, 130))
    assert len(results) == 1
    assert worst_exit_code(results) == 130


@pytest.mark.parametrize(
    ("codes", "whole"), [([0, 0], 0), ([0, 1, 0], 1), ([1, 3], 3), ([2, 3], 2), ([0, 130, 1], 130), ([], 0)]
)
def test_the_worst_exit_code_wins(codes: list[int], whole: int) -> None:
    assert worst_exit_code([done("soak", code) for code in codes]) == whole


def test_the_table_has_a_row_each_within_a_terminal() -> None:
    console = Console(width=80)
    rows = results_table([done("thundering-herd", lost=0), done("conversation", 1, lost=1240)])
    with console.capture() as captured:
        console.print(rows)
    lines = captured.get().splitlines()
    herd, session = (next(line for line in lines if name in line) for name in ("thundering-herd", "conversation"))
    assert herd.split() == ["ok", "thundering-herd", "40", "31", "12", "0"]
    assert session.split() == ["FAIL", "conversation", "40", "31", "12", "1240"]
    assert "…" not in captured.get()


def test_failed_budgets_are_named() -> None:
    assert failed_budgets(done("soak", 1).stored.report) == ["lost_ms == 0"]
    assert failed_budgets(done("soak", 0).stored.report) == []


def test_an_unknown_scenario_is_reported_with_a_similar_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["soaked"])
    assert left.value.code == 2
    assert "unknown scenario 'soaked': did you mean soak?" in capsys.readouterr().err
