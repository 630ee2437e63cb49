"""`make test` shows how far it is, names what failed, and sums up both parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.progress import clock
from tests.run_all import Result

ROOT = Path(__file__).parents[1]
SUITE = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_number(number):
    assert number != 7

@pytest.fixture
def broken():
    raise RuntimeError("no such thing")

def test_that_cannot_start(broken):
    pass
"""


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist", "worksteal"]], ids=["one process", "two workers"])
def test_progress_is_shown_in_steps_and_failures_are_named(workers: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    result = tmp_path / "result.json"
    words = ["-q", "-p", "no:cacheprovider", "-p", "tests.progress", "--result-file", str(result), *workers]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "test_suite.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stdout
    assert len([line for line in lines if " of 41 tests in " in line]) == 20
    assert "left" in next(line for line in lines if line.startswith("  51%  21 of 41"))
    failed = {"test_suite.py::test_number[7]", "test_suite.py::test_that_cannot_start"}
    assert {f"FAILED {test}" for test in failed} <= set(lines)
    counts = json.loads(result.read_text())
    assert (counts["tests"], set(counts["failed"])) == (41, failed)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (Result(0, 61.2, 10_058), "alone           10,058 passed, 0 failed in 1:01"),
        (Result(1, 9.9, 20, ("a", "b")), "alone           18 passed, 2 failed in 0:09"),
        (Result(4, 1.0), "alone           0 passed, 0 failed in 0:01 (pytest ended with exit code 4)"),
    ],
)
def test_a_part_is_summed_up_in_a_line(result: Result, line: str) -> None:
    assert result.line("alone") == line


def test_a_duration_is_minutes_and_seconds() -> None:
    assert [clock(seconds) for seconds in (0.4, 7, 750)] == ["0:00", "0:07", "12:30"]
