"""What keeps the tests reliable on a busy machine, read from their sources.

No test asserts how much time something takes, unless it runs alone; and what waits for a process gives it a minute.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parent
CLOCKS = {"time.monotonic", "time.perf_counter", "time.process_time"}
OWN = {"test_quickness.py", "test_tests.py"}
#: Only files with one of these words are looked at.
MAY_WAIT = re.compile("monotonic|perf_counter|process_time|timeout|wait")
#: Functions that wait for a process, and how long they wait at least where they wait for its end.
WAITING = {"run", "communicate", "wait", "check_output"}
LEAST_SECONDS = 60
#: Up to here, a wait is part of what is tested: the process is expected to be still there.
A_MOMENT = 2


@cache
def functions() -> tuple[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef], ...]:
    """All functions of all test files that do not run alone as a whole."""
    paths = sorted(TESTS.rglob("test_*.py"))
    return tuple(
        (f"{path.relative_to(TESTS)}::{node.name}", node)
        for path in paths
        if "hardening" not in path.parts and path.name not in OWN and MAY_WAIT.search(text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def runs_alone(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("mark.alone" in ast.unparse(decorator) for decorator in function.decorator_list)


def calls_in(node: ast.AST) -> Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


def seconds_of(call: ast.Call) -> float | None:
    """The constant time-out of a call that waits for a process."""
    if ast.unparse(call.func).rpartition(".")[2] not in WAITING or not isinstance(call.func, ast.Attribute):
        return None
    given = [word.value for word in call.keywords if word.arg == "timeout"]
    if call.func.attr == "wait" and ast.unparse(call.func.value).endswith(("process", "running")):
        given += call.args[:1]
    return next(
        (one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, int | float)), None
    )


def test_only_tests_that_run_alone_assert_how_long_something_takes() -> None:
    timed = [
        name
        for name, function in functions()
        if not runs_alone(function)
        for node in ast.walk(function)
        if isinstance(node, ast.Assert) and any(ast.unparse(call.func) in CLOCKS for call in calls_in(node.test))
    ]
    assert timed == []


def test_a_process_has_a_minute_to_end() -> None:
    hasty = [
        f"{name}: {ast.unparse(call)[:80]}"
        for name, function in functions()
        for call in calls_in(function)
        if (seconds := seconds_of(call)) is not None and A_MOMENT < seconds < LEAST_SECONDS
    ]
    assert hasty == []
