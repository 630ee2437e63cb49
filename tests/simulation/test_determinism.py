"""A seed repeats a run: the same trace in this process, in another one, and with another hash seed."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from bridge.simulation.determinism import run_seeded, seeded_randomness
from bridge.simulation.plan import draw_plan
from bridge.simulation.runner import simulate

_SEEDS = (1, 13, 41, 304)


@pytest.mark.parametrize("seed", _SEEDS)
def test_a_run_can_be_repeated(seed: int) -> None:
    first = simulate(draw_plan(seed), keep_trace=True)
    simulate(draw_plan(seed + 1))
    again = simulate(draw_plan(seed), keep_trace=True)
    assert first.lines == again.lines
    assert first == again


def test_different_seeds_are_different_runs() -> None:
    digests = {simulate(draw_plan(seed)).digest for seed in range(20)}
    assert len(digests) == 20


@pytest.mark.slow
def test_another_process_with_another_hash_seed_repeats_the_same_runs() -> None:
    code = (
        "from bridge.simulation.plan import draw_plan; from bridge.simulation.runner import simulate\n"
        f"print(*(simulate(draw_plan(seed)).digest for seed in {_SEEDS}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [simulate(draw_plan(seed)).digest for seed in _SEEDS]


def test_randomness_is_restored_afterwards() -> None:
    random.seed(7)
    wanted = random.random()
    system = os.urandom
    random.seed(7)
    with seeded_randomness(1):
        first = (os.urandom(8), random.random())
    assert os.urandom is system
    assert random.random() == wanted
    with seeded_randomness(1):
        assert (os.urandom(8), random.random()) == first


def test_an_exception_of_a_run_is_raised() -> None:
    async def main() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        run_seeded(1, main)
