"""Runs every scenario in sequence against the simulated bridge: `make load`.

    python -m loadtests.run.run_all [--folder FOLDER] [--quick] [--workers N] [SCENARIO ...]

Prints a table and writes an HTML report for each scenario. Exits with 0 if all passed, else with the worst exit code.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from loadtests.run.progress import show_progress
from loadtests.run.run import RunRequest, run
from loadtests.scenarios.plan import PlanError, RunOptions, find_scenario
from loadtests.scenarios.table import SCENARIOS, LoadScenario
from reports.model import EXIT_COULD_NOT_RUN, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, Severity
from reports.render.registry import get_renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reports.model import Report
    from reports.store.reader import StoredReport

#: For short runs with --quick.
_QUICK_CALLERS = 5
#: The exit code of the whole: the first of these that any run had.
_EXIT_CODES = (EXIT_INTERRUPTED, EXIT_USAGE, EXIT_COULD_NOT_RUN, EXIT_FAILED, EXIT_OK)
#: Columns of the table: a metric of the report, its heading, a factor. Times are p99.
_COLUMNS = (
    ("load_ready_p99_seconds", "ready ms", 1000.0),
    ("load_first_audio_p99_seconds", "audio ms", 1000.0),
    ("load_reconnect_p99_seconds", "reconnect ms", 1000.0),
    ("load_lost_ms", "lost ms", 1.0),
    ("load_dials_peak_total", "dials/s", 1.0),
)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """A scenario and its result."""

    scenario: LoadScenario
    callers: int
    stored: StoredReport
    seconds: float


def run_all(
    scenarios: Sequence[LoadScenario], folder: Path, one: Callable[[LoadScenario], ScenarioResult]
) -> list[ScenarioResult]:
    """Run the scenarios. Each report is written as soon as its run ends. An interrupt ends the sequence."""
    results: list[ScenarioResult] = []
    for scenario in scenarios:
        result = one(scenario)
        results.append(result)
        page = get_renderer("html")(result.stored.report, result.stored.exit_code)
        (folder / f"{scenario.name}.html").write_text(page, encoding="utf-8")
        if result.stored.exit_code == EXIT_INTERRUPTED:
            break
    return results


def run_one(scenario: LoadScenario, *, quick: bool, workers: int) -> ScenarioResult:
    """Run one scenario with its own settings, or a short run with `quick`."""
    callers = _QUICK_CALLERS if quick else scenario.users
    seconds = scenario.min_seconds if quick else scenario.seconds
    options = RunOptions(scenario=scenario.name, users=callers, duration=f"{seconds:g}s")
    started = time.monotonic()
    with show_progress(os.environ) as on_progress:
        stored = run(RunRequest(options=options, simulate=True, bridge_workers=workers), os.environ, on_progress)
    return ScenarioResult(scenario, callers, stored, time.monotonic() - started)


def results_table(results: Sequence[ScenarioResult]) -> Table:
    """Make the table, one row per scenario."""
    rows = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("", "scenario", "callers", "s", *(column[1] for column in _COLUMNS)):
        rows.add_column(heading, justify="left" if heading in ("", "scenario") else "right", no_wrap=True)
    for one in results:
        verdict = "[green]ok[/]" if one.stored.exit_code == EXIT_OK else "[bold red]FAIL[/]"
        size = (str(one.callers), f"{one.seconds:.0f}")
        rows.add_row(verdict, one.scenario.name, *size, *_values(one.stored.report))
    return rows


def _values(report: Report) -> list[str]:
    values: Mapping[str, float] = {metric.name: metric.value for metric in report.metrics}
    return [f"{values[name] * factor:.0f}" if name in values else "" for name, _heading, factor in _COLUMNS]


def failed_budgets(report: Report) -> list[str]:
    """List the failed checks of a report."""
    bad = (Severity.FAIL, Severity.ERROR)
    return [finding.check or finding.title for finding in report.findings if finding.severity in bad]


def worst_exit_code(results: Sequence[ScenarioResult]) -> int:
    """Return the worst exit code."""
    codes = {one.stored.exit_code for one in results}
    return next((code for code in _EXIT_CODES if code in codes), EXIT_OK)


def main(lines: Sequence[str] | None = None) -> int:
    """Run the scenarios on the command line, by default all of them."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.run.run_all", description="Run the load test scenarios in sequence."
    )
    parser.add_argument("scenario", nargs="*", help="default: all of them")
    parser.add_argument("--folder", type=Path, default=Path(".load"), help="folder for the reports [.load]")
    parser.add_argument("--quick", action="store_true", help="short runs with a few callers")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes of the bridge [1]")
    arguments = parser.parse_args(lines)
    try:
        chosen = [find_scenario(name) for name in arguments.scenario or SCENARIOS]
    except PlanError as error:
        parser.error(str(error))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    results = run_all(
        chosen, arguments.folder, lambda one: run_one(one, quick=arguments.quick, workers=arguments.workers)
    )
    console = Console()
    console.print(results_table(results))
    for one in results:
        for check in failed_budgets(one.stored.report):
            console.print(f"{one.scenario.name}: {check}", style="red", highlight=False)
    console.print(
        f"times are p99; reconnect: from the loss of a session until the next is ready; reports: {arguments.folder}",
        highlight=False,
    )
    return worst_exit_code(results)


if __name__ == "__main__":
    sys.exit(main())
