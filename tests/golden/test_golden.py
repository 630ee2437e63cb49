"""Compares every failure in every format with its golden file. `python -m tests.golden.update` rewrites them.

A difference is a change that users see: check it before you commit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reports.model import Severity
from reports.render.registry import FORMATS
from tests.golden.cases import CASES
from tests.golden.update import EXPECTED_FOLDER, file_of, renderings

if TYPE_CHECKING:
    from pathlib import Path

#: So many ways to fail are shown at the least.
ENOUGH = 40


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_failure_has_one_cause_and_matches_its_golden_files(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    outcome = case.run(tmp_path)
    failed = [f.code for f in outcome.report.findings if f.severity in (Severity.FAIL, Severity.ERROR)]
    warned = tuple(f.code for f in outcome.report.findings if f.severity is Severity.WARNING)
    assert (failed, warned, outcome.exit_code) == ([case.code], case.warnings, case.exit_code)
    for format_name, text in renderings(outcome):
        assert text == file_of(name, format_name).read_text(encoding="utf-8"), f"{format_name} changed"


def test_there_are_enough_golden_files_and_no_others() -> None:
    assert len(CASES) >= ENOUGH
    wanted = {file_of(name, format_name) for name in CASES for format_name in ("terminal", *FORMATS)}
    assert {path for path in EXPECTED_FOLDER.rglob("*") if path.is_file()} == wanted
