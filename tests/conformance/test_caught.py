"""The conformance suite catches every defect of the independent bridge, and finds no fault with it without defects."""

from __future__ import annotations

import shutil

import pytest

from probes.conformance.registry import CASES
from tests.conformance.caught import failing_cases, listed_defects, read_table, run_cases

CAUGHT = read_table()
#: On a machine that is late, what a client sends early may come late, and a defect has no occasion to show.
TRIES = 3
#: Defects of several groups, with cases that take a moment.
HANDFUL = ("no-timestamp", "early-dropped", "overtaken", "retry-bad-key", "errors-swallowed", "upstream-leaked")


def is_caught(defect: str, case: str) -> bool:
    """Whether the case fails for the defect; a few tries."""
    return any(failing_cases(defect, [case], jobs=1) == [case] for _ in range(TRIES))


pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


@pytest.mark.slow
def test_every_defect_is_caught_by_a_case_that_there_is() -> None:
    assert {defect["name"] for defect in listed_defects()} - {name for name, cases in CAUGHT.items() if cases} == set()
    assert {case.lstrip("~") for cases in CAUGHT.values() for case in cases} - {case.id for case in CASES} == set()


def test_every_case_fails_for_some_defect() -> None:
    failing = {case for cases in CAUGHT.values() for case in cases if not case.startswith("~")}
    assert [case.id for case in CASES if case.id not in failing] == []


@pytest.mark.slow
@pytest.mark.parametrize("defect", HANDFUL)
def test_a_defect_fails_its_case_and_nothing_else_does(defect: str) -> None:
    case = CAUGHT[defect][0]
    assert failing_cases("", [case], jobs=1) == []
    assert is_caught(defect, case)


@pytest.mark.nightly
@pytest.mark.parametrize("defect", CAUGHT)
def test_a_defect_fails_its_first_case(defect: str) -> None:
    assert is_caught(defect, CAUGHT[defect][0])


@pytest.mark.nightly
def test_without_defects_no_case_fails() -> None:
    findings = run_cases("", ["*"])
    assert [finding["check"] for finding in findings if finding["severity"] in ("fail", "error")] == []
