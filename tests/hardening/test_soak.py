"""What a soak test takes for growth, and what not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.hardening.soak import Round, problems

CALM = Round(60.0, 40, 30, 100.0, (0.004, 0.010))


def test_what_stays_is_no_problem() -> None:
    assert list(problems([CALM] * 6)) == []


def test_the_first_third_is_for_warming_up() -> None:
    assert list(problems([replace(CALM, memory_mib=20.0)] * 2 + [CALM] * 4)) == []


GROWN = {
    "memory_mib": replace(CALM, memory_mib=400.0),
    "descriptors": replace(CALM, descriptors=400),
    "tasks": replace(CALM, tasks=400),
    "log_kib_per_minute": replace(CALM, log_kib_per_minute=400.0),
}


@pytest.mark.parametrize("name", GROWN)
def test_what_grows_is_named(name: str) -> None:
    (problem,) = problems([CALM] * 4 + [GROWN[name]] * 2)
    assert problem.startswith(f"{name} grew from")


def test_a_single_peak_is_no_growth() -> None:
    assert list(problems([CALM] * 5 + [replace(CALM, memory_mib=400.0)] + [CALM] * 3)) == []


def test_round_trips_that_take_longer_are_a_problem() -> None:
    (problem,) = problems([replace(CALM, added_seconds=(0.06, 0.07))] * 3)
    assert "added 65.0 ms" in problem


def test_too_few_rounds_say_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        list(problems([CALM] * 2))
