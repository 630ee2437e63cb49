"""Report files are checked before the run and written completely after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtests.results import problems
from loadtests.results.report import report_without_run
from loadtests.run.report_files import ReportFileError, reserve_report_files
from reports.store.reader import read_report
from tests.loadtests.factories import make_test_plan

if TYPE_CHECKING:
    from pathlib import Path

KEPT = report_without_run(make_test_plan(), problems.CRASHED)


def test_every_format_is_written(tmp_path: Path) -> None:
    with reserve_report_files([f"json={tmp_path / 'a.json'}", f"html={tmp_path / 'a.html'}"]) as write:
        assert write(KEPT) == KEPT
    assert read_report((tmp_path / "a.json").read_bytes()).exit_code == KEPT.exit_code
    assert "LOAD-CRASHED" in (tmp_path / "a.html").read_text()
    assert {file.name for file in tmp_path.iterdir()} == {"a.json", "a.html"}


@pytest.mark.parametrize(
    ("text", "words"),
    [("htm=x", "did you mean html?"), ("xyz=x", "available: json"), ("json", "is not FORMAT=PATH"),
     ("json=/no/such/folder/x", "can't write")],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_beforehand(text: str, words: str) -> None:
    with pytest.raises(ReportFileError) as refused, reserve_report_files([text]):
        raise AssertionError
    assert words in str(refused.value)


def test_one_that_fails_at_the_end_is_reported_in_the_result(tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    with reserve_report_files([f"json={folder / 'a.json'}"]) as write:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        stored = write(KEPT)
    assert stored.report.findings[-1].code == "LOAD-REPORT-LOST"
    assert stored.exit_code == 2
