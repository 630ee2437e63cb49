"""A pytest plugin for `make test`: a line of progress with an estimate instead of a dot for each test.

Used as `pytest -q -p tests.progress --result-file FILE`. A test that fails is named at once; its traceback comes at
the end, where pytest prints it. FILE receives the counts as JSON.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _pytest.terminal import TerminalReporter

_STEPS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where the counts go."""
    parser.addoption("--result-file", type=Path, help="where to write the counts of this run, as JSON")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Report from the process that the terminal belongs to, not from the workers of pytest-xdist."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(terminal, config.getoption("--result-file")), "progress")


class Progress:
    """Counts tests as their reports come in."""

    def __init__(self, terminal: TerminalReporter, result_file: Path | None) -> None:
        self._terminal = terminal
        self._result_file = result_file
        self._total = 0
        self._began = 0.0
        self._done: set[str] = set()
        self._failed: dict[str, None] = {}
        self._next_step = 1

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note how many tests there are, where this process runs them itself."""
        self._begin(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Note how many tests there are, where workers run them."""
        self._begin(len(ids))

    def _begin(self, total: int) -> None:
        self._total = max(self._total, total)
        self._began = time.monotonic()

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Count tests as usual, and print no letter for them."""
        if report.passed and report.when == "call":
            return "passed", "", ""
        return ("failed" if report.when == "call" else "error", "", "") if report.failed else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test when it has been torn down, and name it when it fails."""
        if report.failed and report.nodeid not in self._failed:
            self._failed[report.nodeid] = None
            self._terminal.ensure_newline()
            self._terminal.write_line(f"FAILED {report.nodeid}", red=True)
        if report.when == "teardown":
            self._done.add(report.nodeid)
            self._show()

    def _show(self) -> None:
        done, total = len(self._done), self._total
        if not total or done * _STEPS < self._next_step * total:
            return
        self._next_step = done * _STEPS // total + 1
        seconds = time.monotonic() - self._began
        left = f", about {clock(seconds * (total - done) / done)} left" if done < total else ""
        self._terminal.ensure_newline()
        self._terminal.write_line(f"{done / total:5.0%}  {done:,} of {total:,} tests in {clock(seconds)}{left}")

    def pytest_sessionfinish(self) -> None:
        """Write the counts."""
        if self._result_file is not None:
            self._result_file.write_text(json.dumps({"tests": len(self._done), "failed": list(self._failed)}))


def clock(seconds: float) -> str:
    """Format a duration: `0:07`, `12:30`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
