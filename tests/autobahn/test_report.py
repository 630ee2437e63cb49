"""Reading Autobahn's report, and what counts as wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.autobahn.report import faults, read_cases, table

if TYPE_CHECKING:
    from pathlib import Path

Row = tuple[str, str, str, bool, list[int], int | None]
GOOD: list[Row] = [
    ("1.1.1", "OK", "OK", True, [1000], 1000),
    ("10.1.1", "OK", "OK", True, [1000], 1000),
    ("3.2", "NON-STRICT", "OK", False, [1002], 1002),
    ("6.3.1", "OK", "OK", False, [1007], 1007),
    ("7.13.1", "INFORMATIONAL", "INFORMATIONAL", False, [1000, 5000, 1002], 1002),
    ("7.3.1", "OK", "OK", True, [1000], None),
]


def _report(folder: Path, rows: list[Row]) -> Path:
    index = {}
    for name, behavior, close, clean, wanted, got in rows:
        index[name] = {"behavior": behavior, "behaviorClose": close, "reportfile": f"{name}.json", "duration": 1}
        detail = {"expectedClose": {"closeCode": wanted, "requireClean": clean}, "remoteCloseCode": got}
        # Real files quote what was sent, including lone surrogates.
        (folder / f"{name}.json").write_text(json.dumps({**detail, "received": ["\ud800"]}))
    (folder / "index.json").write_text(json.dumps({"agent": index}))
    return folder


def test_a_report_without_faults_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    cases = read_cases(_report(tmp_path, GOOD))
    assert [case.id for case in cases] == ["1.1.1", "3.2", "6.3.1", "7.3.1", "7.13.1", "10.1.1"]
    assert faults(cases, expected=6) == []


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (("7.1.5", "FAILED", "OK", True, [1000], 1000), "FAILED"),
        (("7.1.5", "OK", "WRONG CODE", True, [1000], 1002), "WRONG CODE"),
        (("7.1.5", "OK", "UNCLEAN", True, [1000], None), "UNCLEAN"),
        (("9.1.1", "UNIMPLEMENTED", "OK", True, [1000], 1000), "UNIMPLEMENTED"),
        (("3.3", "OK", "OK", False, [1002], None), "None instead of"),
        (("6.4.1", "OK", "OK", False, [1007], 1002), "1002 instead of"),
    ],
)
def test_what_is_wrong_is_found(tmp_path: Path, row: Row, word: str) -> None:
    [fault] = faults(read_cases(_report(tmp_path, [*GOOD, row])), expected=7)
    assert fault.startswith(f"{row[0]}: ")
    assert word in fault


def test_a_case_that_was_not_reported_is_a_fault(tmp_path: Path) -> None:
    assert faults(read_cases(_report(tmp_path, GOOD)), expected=7) == ["6 cases were reported and 7 should be"]


def test_the_table_has_a_line_for_each_section_and_tells_how_violations_were_answered(tmp_path: Path) -> None:
    wrong: Row = ("3.3", "OK", "OK", False, [1002], None)
    lines = list(table(read_cases(_report(tmp_path, [*GOOD, wrong]))))
    assert [line.split()[0] for line in lines[1:-2]] == ["1", "3", "6", "7", "10"]
    assert lines[2].split() == ["3", "reserved", "bits", "2", "1", "1", "0", "1"]
    assert lines[-2].split() == ["all", "7", "5", "1", "1", "1"]
    assert lines[-1] == "violations: 4, answered 2 with 1002, 1 with no code, 1 with 1007"
