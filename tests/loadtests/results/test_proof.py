"""Whether a run can decide a budget: size, length, and a generator on time."""

from __future__ import annotations

from typing import Any

import pytest

from loadtests.metrics.budgets import evaluate, parse_budget
from loadtests.metrics.histograms import RunMeasurements
from loadtests.results.proof import Doubt, RunEvidence
from tests.loadtests.factories import make_test_plan


def doubt(budget: str, measurements: RunMeasurements, *, seconds: float = 40.0, **plan: Any) -> Doubt | None:
    """The doubt about a budget in a run of `seconds`."""
    options = {"users": 6, "duration": f"{seconds:g}s", **plan}
    parsed = parse_budget(budget)
    return RunEvidence(make_test_plan(**options), measurements, seconds).doubt(evaluate(parsed, measurements, seconds))


def durations(name: str, *values: float, phase: str = "start", lag: float = 5.0) -> RunMeasurements:
    measured = RunMeasurements(phase=phase)
    for ms in values:
        measured.record_duration(name, ms, 1)
    measured.record_duration("pace_lag", lag, 1, times=100)
    return measured


def counted(*, lag: float = 5.0, **counts: float) -> RunMeasurements:
    measured = durations("turn", 100, lag=lag)
    for name, amount in counts.items():
        measured.add_count(name, amount, 1)
    return measured


def reason(found: Doubt | None) -> str:
    return found.reason if found is not None else ""


def test_one_slow_value_of_six_is_no_p99() -> None:
    found = doubt("p99(turn) < 1s", durations("turn", 100, 110, 120, 130, 140, 2000))
    assert found is not None
    assert found.reason == "too small to prove this"
    assert found.cause == "One of 6 values is beyond the limit. A p99 needs at least 100 of them."
    assert found.fix == "Run it with more callers: --users 102"
    assert doubt("p99(turn) < 1s", durations("turn", 2000)) is not None


@pytest.mark.parametrize(
    ("budget", "values"),
    [
        ("p99(turn) < 1s", [100, 110, 120, 130, 2000, 2100]),  # two of them
        ("p50(turn) < 1s", [100, 2000, 2000]),
        ("max(turn) < 1s", [100, 2000]),  # exact, whatever the number
        ("p99(turn) < 1s", [100] * 98 + [2000] * 2),
        ("min(turn) >= 3s", [3500, 100]),
    ],
)  # fmt: skip
def test_enough_values_or_more_than_one_of_them_decide(budget: str, values: list[float]) -> None:
    assert doubt(budget, durations("turn", *values)) is None


def test_a_late_generator_decides_no_duration_but_what_did_not_depend_on_it() -> None:
    late = durations("turn", *[2000] * 200, lag=30.0)
    assert reason(doubt("p99(turn) < 1s", late)) == "the load generator was late"
    assert doubt("p99(turn) < 3s", late) is None, "lateness only adds"
    assert doubt("min(turn) >= 3s", late) is None, "it can't make anything early"
    assert doubt("sessions_left == 0", counted(sessions_left=2, lag=30.0)) is None
    assert reason(doubt("errors == 0", counted(errors=2, lag=1500.0))) == "the load generator was late", (
        "it stood still"
    )


@pytest.mark.parametrize(
    ("measure", "seconds", "proved"),
    [
        ("stranded_calls", 12.0, False), ("stranded_calls", 13.0, True), ("left_waiting", 11.0, False),
        ("mute_sessions", 9.0, False), ("mute_sessions", 10.0, True), ("errors", 5.0, True),
    ],
)  # fmt: skip
def test_what_takes_longer_than_the_run_to_be_seen_is_not_proved(measure: str, seconds: float, proved: bool) -> None:
    found = doubt(f"{measure} == 0", counted(**{measure: 0}), seconds=seconds)
    assert (found is None) is proved
    assert doubt(f"{measure} == 0", counted(**{measure: 1}), seconds=seconds) is None, "what was seen is a fact"


def test_time_counts_from_the_first_disruption_and_the_row_says_how_long_to_run() -> None:
    found = doubt("mute_sessions == 0", counted(mute_sessions=0), seconds=14.0, scenario="reconnect-storm")
    assert reason(found) == "too short to prove this: --duration 16s"
    assert doubt("mute_sessions == 0", counted(mute_sessions=0), seconds=16.0, scenario="reconnect-storm") is None


def test_memory_needs_half_a_minute_with_all_callers_whether_it_grew_or_not() -> None:
    for grown in (10, 90):
        short = doubt("memory_grown_mb < 40", counted(memory_grown_mb=grown), seconds=20.0, users=2)
        assert reason(short) == "too short to prove this: --duration 31s"
    assert doubt("memory_grown_mb < 40", counted(memory_grown_mb=90), seconds=40.0) is None


def test_a_soak_of_few_calls_does_not_prove_that_calls_leak_nothing() -> None:
    few, many = counted(memory_grown_mb=19, calls=108), counted(memory_grown_mb=19, calls=500)
    found = doubt("memory_grown_mb < 40", few, seconds=75.0, scenario="soak")
    assert reason(found) == "too small to prove this: 108 of 400 calls; --users 24 or --duration 300s"
    assert doubt("memory_grown_mb < 40", many, seconds=75.0, scenario="soak") is None
    leaking = counted(memory_grown_mb=60, calls=108)
    assert doubt("memory_grown_mb < 40", leaking, seconds=75.0, scenario="soak") is None, "that is no warm-up"


@pytest.mark.parametrize(
    ("users", "budget", "measured", "decided"),
    [
        (6, "dials_per_second_max@storm <= 7.2", 8, False),
        (6, "dials_per_second_max@storm <= 7.2", 12, True),  # each caller dials twice
        (100, "dials_per_second_max@storm <= 120", 121, True),
        (6, "count(reconnect@storm) >= 6", 5, True),  # one caller never came back
    ],
)
def test_a_count_that_missed_a_small_limit_by_chance_decides_nothing(
    users: int, budget: str, measured: int, decided: bool
) -> None:
    measurements = durations("reconnect", *([200] * (measured if "reconnect" in budget else 1)), phase="storm")
    measurements.add_count("dials_per_second_max", measured, 1)
    found = doubt(budget, measurements, users=users, scenario="reconnect-storm")
    assert (found is None) is decided


def test_nothing_at_all_is_no_chance() -> None:
    assert doubt("upstream_errors >= 0.8", counted(upstream_errors=0), users=4, scenario="error-flood") is None


def test_a_limit_of_the_user_s_own_is_kept_to_the_letter() -> None:
    assert doubt("errors <= 7", counted(errors=8)) is None


def test_five_of_six_are_no_less_than_nine_of_ten() -> None:
    measurements = durations("ready", *[100] * 5, phase="well")
    assert doubt("count(ready@well) >= 5.4", measurements, scenario="thundering-herd") is not None
    fewer = durations("ready", *[100] * 4, phase="well")
    assert doubt("count(ready@well) >= 5.4", fewer, scenario="thundering-herd") is None
