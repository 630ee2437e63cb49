"""Every way to fail, in every format, as it is kept; `python -m tests.golden.update` keeps what is shown now.

A difference is a change that users see: look at it, and keep it where it is meant.
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
def test_a_way_to_fail_names_its_one_cause_and_looks_as_it_is_kept(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    outcome = case.run(tmp_path)
    failed = [f.code for f in outcome.report.findings if f.severity in (Severity.FAIL, Severity.ERROR)]
    warned = tuple(f.code for f in outcome.report.findings if f.severity is Severity.WARNING)
    assert (failed, warned, outcome.exit_code) == ([case.code], case.warnings, case.exit_code)
    for format_name, text in renderings(outcome):
        assert text == file_of(name, format_name).read_text(encoding="utf-8"), f"{format_name} changed"


def test_enough_ways_to_fail_are_kept_and_nothing_else() -> None:
    assert len(CASES) >= ENOUGH
    wanted = {file_of(name, format_name) for name in CASES for format_name in ("terminal", *FORMATS)}
    assert {path for path in EXPECTED_FOLDER.rglob("*") if path.is_file()} == wanted
