"""Every scenario as a short run: it passes with our bridge and fails with a bridge that has its defect.

All runs are started side by side when the first result is requested, since a run is several processes that mostly wait.
"""

from __future__ import annotations

import os
import shlex
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loadtests.results.resources import ProcessSource
from loadtests.run.locust_process import Distribution
from loadtests.run.run import RunEnvironment, run_once
from loadtests.run.stack import open_stack
from loadtests.scenarios.plan import RunOptions
from loadtests.scenarios.table import SCENARIOS
from reports.model import Severity
from tests.loadtests.faulty_client import Defect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from loadtests.run.stack import BridgeCommand
    from reports.store.reader import StoredReport

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
CALLERS = 4
SIDE_BY_SIDE = 10


@dataclass(frozen=True)
class Case:
    scenario: str
    defect: Defect | None = None
    """None: our own bridge."""
    failures: str = ""
    """The start of the budget that must fail; empty: none."""
    seconds: float = 0.0
    """Duration until it shows; 0: the scenario's own."""

    def __str__(self) -> str:
        return f"{self.scenario}-{self.defect or 'ours'}"


GREEN = [Case(name) for name in SCENARIOS]
#: The other bridge, without a defect: what a red run says is the defect's doing.
GREEN_TOO = [Case(name, Defect.NONE) for name in ("error-flood",)]
GREEN_AT_NIGHT = [Case(name, Defect.NONE) for name in SCENARIOS if name not in {case.scenario for case in GREEN_TOO}]
RED = [
    Case("conversation", Defect.LOSES_CHUNKS, "lost_ms"),
    Case("conversation", Defect.DOUBLES_CHUNKS, "repeated_ms"),
    Case("conversation", Defect.SWAPS_CHUNKS, "reordered_ms"),
    Case("early-audio", Defect.DROPS_EARLY, "lost_ms"),
    Case("slow-create", Defect.READY_EARLY, "min(ready)"),
    Case("reconnect-storm", Defect.LOSES_WHILE_LOST, "lost_ms"),
    Case("reconnect-storm", Defect.NEVER_BACK, "count(reconnect@storm)"),
    Case("reconnect-storm", Defect.DIALS_TWICE, "dials_per_second_max@storm"),
    Case("reconnect-storm", Defect.MUTE_ONCE_BACK, "mute_sessions", seconds=32.0),
    Case("reconnect-storm", Defect.DEAF_ONCE_BACK, "lost_ms", seconds=32.0),
    Case("conversation", Defect.CROSSTALK, "crosstalk_ms"),
    Case("conversation", Defect.ENDS_UNASKED, "uncalled_ends"),
    Case("flapping", Defect.REPEATS_IN_SILENCE, "repeated_ms"),
    Case("flapping", Defect.LATE_EVENTS, "stale_events"),
    Case("error-flood", Defect.NO_THROTTLE, "error_window_violations"),
    Case("error-flood", Defect.LOSES_WHILE_LOST, "silently_lost_ms"),
    Case("error-flood", Defect.SWALLOWS_THE_END, "stranded_calls", seconds=24.0),
    Case("error-flood", Defect.DROPS_IN_SILENCE, "silently_lost_ms", seconds=40.0),
    Case("error-flood", Defect.DIES_OF_NONSENSE, "target: The target process ended"),
    Case("error-flood", Defect.IGNORES_NONSENSE, "unanswered_messages", seconds=24.0),
    Case("error-flood", Defect.SWALLOWS_UPSTREAM, "upstream_errors"),
    Case("thundering-herd", Defect.HIDES_THE_END, "endings_without_error"),
    Case("thundering-herd", Defect.NO_BACKOFF, "dials_per_second_max@outage"),
    Case("slow-reader", Defect.UNBOUNDED, "memory_grown_mb", seconds=32.0),
    Case("expiry", Defect.NO_ROLLOVER, "errors"),
    Case("barge-in", Defect.SHOWS_RACES, "errors"),
    Case("deploy", Defect.NO_DRAIN, "endings_without_error"),
    Case("soak", Defect.LEAKS_SESSIONS, "sessions_left"),
    Case("soak", Defect.LEAKS_MEMORY, "memory_grown_mb", seconds=32.0),
]

#: What takes long, or is much like what is found by day.
SEEN_AT_NIGHT = (
    Defect.DOUBLES_CHUNKS,
    Defect.SWAPS_CHUNKS,
    Defect.DIALS_TWICE,
    Defect.LATE_EVENTS,
    Defect.DROPS_IN_SILENCE,
    Defect.MUTE_ONCE_BACK,
    Defect.DEAF_ONCE_BACK,
    Defect.SWALLOWS_THE_END,
    Defect.IGNORES_NONSENSE,
    Defect.HIDES_THE_END,
    Defect.LEAKS_MEMORY,
    Defect.UNBOUNDED,
    Defect.CROSSTALK,
    Defect.ENDS_UNASKED,
    Defect.SWALLOWS_UPSTREAM,
)


def faulty_command(defect: Defect) -> BridgeCommand:
    """Return the command of the other bridge with this defect."""

    def faulty(upstream: str) -> Sequence[str]:
        words = ("--upstream", upstream, "--port", "0", "--defect", str(defect))
        return (sys.executable, "-c", _FAULTY.format(root=str(ROOT)), *words)

    return faulty


def run(case: Case) -> StoredReport:
    scenario = SCENARIOS[case.scenario]
    command = None if case.defect is None else faulty_command(case.defect)
    with open_stack(bridge=scenario.bridge_settings, bridge_command=command) as stack:
        options = RunOptions(
            scenario=case.scenario,
            url=stack.url,
            users=CALLERS,
            duration=f"{case.seconds or scenario.min_seconds:g}s",
            control_url=stack.control,
            deploy_command=shlex.join(stack.deploy_command),
            memory_known=True,
        )
        watched = {"bridge": ProcessSource(lambda: stack.bridge.pid)}
        return run_once(RunEnvironment(options, watched, stack), Distribution(), os.environ, lambda _: None)


_FAULTY = """
import asyncio, sys
sys.path.insert(0, {root!r})
from tests.loadtests.faulty_bridge import main
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def process_state_is_restored() -> None:
    """Replace the check for processes that a test leaves behind: here, other cases run during each test."""


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Mapping[Case, Future[StoredReport]]]:
    """Start the runs of all selected cases."""
    own = [
        item for item in request.session.items if isinstance(item, pytest.Function) and item.module is request.module
    ]
    asked = [item.callspec.params["case"] for item in own if hasattr(item, "callspec")]
    cases = [case for case in asked if isinstance(case, Case)]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        longest_first = sorted(cases, key=lambda case: -(case.seconds or SCENARIOS[case.scenario].min_seconds))
        yield {case: threads.submit(run, case) for case in longest_first}


def failures(stored: StoredReport) -> list[str]:
    """The budgets that failed, and any other problem."""
    bad = (Severity.FAIL, Severity.ERROR)
    return [f"{one.check}: {one.title}" for one in stored.report.findings if one.severity in bad]


@pytest.mark.parametrize(
    "case", [*GREEN, *GREEN_TOO, *(pytest.param(case, marks=pytest.mark.nightly) for case in GREEN_AT_NIGHT)], ids=str
)
def test_a_bridge_without_a_defect_passes(case: Case, runs: Mapping[Case, Future[StoredReport]]) -> None:
    stored = runs[case].result(timeout=120)
    assert failures(stored) == []
    assert stored.exit_code == 0


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.nightly] if case.defect in SEEN_AT_NIGHT else []) for case in RED],
    ids=str,
)
def test_a_bridge_with_a_defect_fails_the_budget_for_it(case: Case, runs: Mapping[Case, Future[StoredReport]]) -> None:
    stored = runs[case].result(timeout=120)
    assert [said for said in failures(stored) if said.startswith(case.failures)], failures(stored)
    assert stored.exit_code == 1


def test_every_defect_is_tested_and_every_scenario_finds_one() -> None:
    assert {one.defect for one in RED} | {Defect.NONE} == set(Defect)
    assert {one.scenario for one in RED} == set(SCENARIOS)
