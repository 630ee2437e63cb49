"""Thousands of calls, each from a seed, with whatever can go wrong: nothing that is promised is broken."""

from __future__ import annotations

import pytest

from bridge.simulation.disruptions import FAULT_KINDS
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import simulate
from bridge.simulation.seeds import SimulationSummary, run_seeds

_CHUNK = 50
#: So many seeds are simulated in every `make test`, the others of the first 2,000 every night.
_EVERY_TIME = 600
#: They make everything slow and in pieces: there is nothing to count.
_WEATHER = ("latency", "slices")


def _nothing_is_broken(tally: SimulationSummary) -> None:
    told = [f"seed {outcome.seed}: {fault}" for outcome in tally.failed for fault in outcome.violations]
    assert not told, "\n".join([*told, "again: python -m bridge.simulation --seed S"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        *range(0, _EVERY_TIME, _CHUNK),
        *(pytest.param(first, marks=pytest.mark.nightly) for first in range(_EVERY_TIME, 2_000, _CHUNK)),
    ],
)
def test_calls_keep_every_promise(first: int) -> None:
    tally = run_seeds(range(first, first + _CHUNK))
    assert tally.runs == _CHUNK
    assert tally.connections >= _CHUNK
    _nothing_is_broken(tally)


@pytest.mark.parametrize("seed", [858, 3801, 5704, 5944])
def test_what_was_once_found_stays_mended(seed: int) -> None:
    """Speech into a stalled upstream; a failure as the client leaves; a reset behind a refusal; stalls and doubles."""
    outcome = simulate(draw_plan(seed, simple=True))
    assert not outcome.violations


@pytest.mark.parametrize("seed", [6464, 8152, 13298, 1003431, 1006492])
def test_what_was_taken_for_broken_and_is_not(seed: int) -> None:
    """Last words to clients that do not read, or left meanwhile; a goodbye that is held up until after the end."""
    _nothing_is_broken(run_seeds([seed]))


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_of_fault_comes_to_pass_by_itself(kind: str) -> None:
    tally = run_seeds(range(100_000, 100_006), (kind,))
    _nothing_is_broken(tally)
    assert kind in _WEATHER or tally.fault_counts, f"{kind} never came to pass"


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(1_000_000, 1_020_000, 1_000))
def test_more_calls_keep_every_promise(first: int) -> None:
    _nothing_is_broken(run_seeds(range(first, first + 1_000)))
