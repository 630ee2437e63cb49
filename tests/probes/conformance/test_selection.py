"""Which cases run: patterns, sets of requirements, expected failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.conformance.registry import CASES
from probes.conformance.selection import SelectionError, matches, not_scored, read_expected_failures, select

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("pattern", ["B-01", "b-01", "B.1", "B.01", "B.*", "B", "*-01"])
def test_a_case_is_named_by_its_id_a_pattern_or_its_group(pattern: str) -> None:
    assert matches("B-01", pattern)
    assert not matches("C-02", pattern)


def test_cases_are_chosen_and_left_out() -> None:
    chosen = select(CASES, ["B"], ["B-01"])
    assert "B-02" in {case.id for case in chosen}
    assert "B-01" not in {case.id for case in chosen}
    assert {case.group for case in select(CASES, [], [], "BC")} == {"B", "C"}


@pytest.mark.parametrize(("wanted", "excluded"), [(["Z.*"], []), ([], ["nothing"]), (["B-01"], ["B-01"])])
def test_a_pattern_without_a_case_is_an_error(wanted: list[str], excluded: list[str]) -> None:
    with pytest.raises(SelectionError):
        select(CASES, wanted, excluded)


def test_an_unknown_set_of_requirements_is_an_error_that_lists_the_sets() -> None:
    assert not not_scored(CASES, None)
    assert not not_scored(CASES, "2026-12")
    with pytest.raises(SelectionError, match="there are 2026-12"):
        not_scored(CASES, "1999-01")


def test_expected_failures_have_an_id_and_a_reason_a_line(tmp_path: Path) -> None:
    path = tmp_path / "expected.txt"
    path.write_text("# ours\nB-01  # ticket 12\n\nC-01\n")
    found = read_expected_failures(path, CASES)
    assert {name: entry.reason for name, entry in found.items()} == {"B-01": "ticket 12", "C-01": ""}


def test_an_unknown_case_among_the_expected_failures_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "expected.txt"
    path.write_text("B-01\nQ-99\n")
    with pytest.raises(SelectionError, match="line 2: there is no case 'Q-99'"):
        read_expected_failures(path, CASES)
    with pytest.raises(SelectionError, match="can't read"):
        read_expected_failures(tmp_path / "none", CASES)
