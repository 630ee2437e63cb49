"""Plans and aggregated runs that never took place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtests.metrics.histograms import RunMeasurements
from loadtests.results.aggregator import RunAggregator
from loadtests.scenarios.plan import RunOptions, make_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtests.scenarios.plan import RunPlan


def make_test_plan(**changed: Any) -> RunPlan:
    """A plan of a conversation of two callers for ten seconds against everything."""
    given: dict[str, Any] = {
        "scenario": "conversation",
        "url": "ws://127.0.0.1:8765",
        "users": 2,
        "duration": "10s",
        "control_url": "http://127.0.0.1:1/_sim",
        "deploy_command": "deploy",
        "memory_known": True,
        "default_budgets": False,
    }
    return make_plan(RunOptions(**{**given, **changed}), {})


def worker_report(*, well: int = 0, failed: int = 0, **measured: float) -> Mapping[str, Any]:
    """What a process tells: durations in ms by name, and `calls`, `errors`, ... as sums.

    `well` and `failed` are attempts to get a session.
    """
    return worker_report_of(measured, well, failed)


def worker_report_of(measured: Mapping[str, float], well: int = 0, failed: int = 0) -> Mapping[str, Any]:
    """The same, of figures that stand in a mapping."""
    measurements = RunMeasurements()
    for name, value in measured.items():
        if name in ("ready", "first_audio", "turn", "pace_lag", "connect"):
            measurements.record_duration(name, value, 1)
        else:
            measurements.add_count(name, value, 1)
    return {
        "measurements": measurements.export_and_clear(),
        "sent_audio": [],
        "attempts": {"ready": well, "failed": failed},
    }


def aggregated(*wires: Mapping[str, Any], **changed: Any) -> RunAggregator:
    """A run in which this came in at its second second."""
    aggregator = RunAggregator(plan=make_test_plan(**changed), started_at=1_800_000_000.0)
    for one in wires:
        aggregator.merge(one, 2.0)
    return aggregator
