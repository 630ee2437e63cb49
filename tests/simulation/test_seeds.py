"""Hundreds of calls, nightly thousands, each from a seed, with whatever can go wrong: no invariant is violated."""

from __future__ import annotations

import pytest

from bridge.simulation.disruptions import FAULT_KINDS
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import simulate
from bridge.simulation.seeds import SimulationSummary, run_seeds

_CHUNK = 20
#: They change how a link behaves throughout: there is no single fault to count.
_CONDITIONS = ("latency", "slices")


def _assert_no_violations(summary: SimulationSummary) -> None:
    found = [f"seed {result.seed}: {violation}" for result in summary.failed for violation in result.violations]
    assert not found, "\n".join([*found, "repeat: python -m bridge.simulation --seed S"])


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, _CHUNK))
def test_calls_violate_no_invariant(first: int) -> None:
    summary = run_seeds(range(first, first + _CHUNK))
    assert summary.runs == _CHUNK
    assert summary.connections >= _CHUNK
    _assert_no_violations(summary)


@pytest.mark.parametrize("seed", [858, 3801, 5704, 5944])
def test_bugs_that_were_found_stay_fixed(seed: int) -> None:
    """Speech into a stalled upstream; a failure as a client leaves; a reset after a refusal; stalls, duplicates."""
    result = simulate(draw_plan(seed, simple=True))
    assert not result.violations


@pytest.mark.parametrize("seed", [6464, 8152, 13298, 1003431, 1006492])
def test_false_alarms_stay_silent(seed: int) -> None:
    """Last messages to clients that don't read, or have left; a close that a stall delays past the end of the run."""
    _assert_no_violations(run_seeds([seed]))


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_of_fault_takes_effect_by_itself(kind: str) -> None:
    summary = run_seeds(range(100_000, 100_006), (kind,))
    _assert_no_violations(summary)
    assert kind in _CONDITIONS or summary.fault_counts, f"{kind} never took effect"


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(1_000_000, 1_020_000, 1_000))
def test_more_calls_violate_no_invariant(first: int) -> None:
    _assert_no_violations(run_seeds(range(first, first + 1_000)))
