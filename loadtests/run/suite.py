"""Runs scenarios one after another against one target: `sherpa-load suite`.

A scenario that this target can't be put through (it needs the simulator's control API, or a deploy command) is skipped
with its reason. Everything else that is wrong with the command line is reported before the first run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loadtests.run.run import check_request, run, with_stack_name
from loadtests.run.suite_report import ScenarioResult, suite_report
from loadtests.scenarios.plan import MissingRequirementError, find_scenario
from loadtests.scenarios.table import SCENARIOS
from reports.model import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadtests.run.run import OnProgress, RunRequest
    from loadtests.scenarios.plan import RunPlan
    from reports.store.reader import StoredReport

#: For short runs with --quick.
QUICK_CALLERS = 5


@dataclass(frozen=True, slots=True)
class SuiteItem:
    """One scenario of a suite: the request for its run, or why it is skipped."""

    name: str
    request: RunRequest
    plan: RunPlan | None
    skipped: str = ""


def suite_items(
    request: RunRequest, names: Sequence[str], environment: Mapping[str, str], *, quick: bool
) -> list[SuiteItem]:
    """Check a request with each scenario; without `names`, with all of them. Raises PlanError.

    A scenario that was asked for by name must be possible.
    """
    return [_suite_item(request, name, environment, quick=quick, named=bool(names)) for name in names or SCENARIOS]


def _suite_item(
    request: RunRequest, name: str, environment: Mapping[str, str], *, quick: bool, named: bool
) -> SuiteItem:
    scenario, options = find_scenario(name), replace(request.options, scenario=name)
    if quick:
        users, duration = options.users or QUICK_CALLERS, options.duration or f"{scenario.min_seconds:g}s"
        options = replace(options, users=users, duration=duration)
    request = replace(request, options=options)
    try:
        return SuiteItem(name, request, check_request(request, environment))
    except MissingRequirementError as error:
        if named:
            raise
        return SuiteItem(name, request, None, skipped=f"needs {error.option}")


def run_suite(
    items: Sequence[SuiteItem],
    environment: Mapping[str, str],
    on_progress: OnProgress,
    one: Callable[[RunRequest, Mapping[str, str], OnProgress], StoredReport] = run,
) -> StoredReport:
    """Run the scenarios in their order and return one report. An interrupt ends the sequence, with a report."""
    results: list[ScenarioResult] = []
    for number, item in enumerate(items, 1):
        started = time.monotonic()
        stored = None
        if item.plan is not None:
            stored = one(item.request, environment, _numbered(on_progress, f"{item.name}, {number} of {len(items)}"))
        results.append(ScenarioResult(item.name, item.plan, stored, time.monotonic() - started, item.skipped))
        if stored is not None and stored.exit_code == EXIT_INTERRUPTED:
            break
    return with_stack_name(suite_report(results), items[0].request)


def _numbered(on_progress: OnProgress, text: str) -> OnProgress:
    """Put the scenario and its number into each progress report."""

    def show(report: Mapping[str, object]) -> None:
        word = "doing" if "doing" in report else "act"
        on_progress({**report, word: f"{text}: {report[word]}" if report.get(word) else text})

    return show
