"""Measurements: exact sums and close percentiles, the same from one process as from many."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from loadtests.metrics.histograms import RunMeasurements

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTES = st.lists(
    st.tuples(st.sampled_from(["ready", "turn"]), st.floats(0.01, 60_000), st.integers(0, 20), st.integers(0, 2))
)


def recorded(notes: Sequence[tuple[str, float, int, int]], processes: int) -> RunMeasurements:
    """Distribute the records over processes by their last number, and merge the exports."""
    workers = [RunMeasurements() for _ in range(processes)]
    for name, ms, at, who in notes:
        worker = workers[who % processes]
        worker.phase = "storm" if at > 10 else "start"
        worker.record_duration(name, ms, at)
        worker.add_count("errors", 2, at)
    whole = RunMeasurements()
    for worker in workers:
        whole.merge(json.loads(json.dumps(worker.export_and_clear())))
    return whole


@given(NOTES)
def test_many_processes_add_up_to_what_one_would_have_measured(notes: list[tuple[str, float, int, int]]) -> None:
    one, three = recorded(notes, 1), recorded(notes, 3)
    assert one.measured_names() == three.measured_names()
    for name in ("ready", "turn", "errors"):
        for phase in (None, "start", "storm"):
            assert one.total(name, phase) == three.total(name, phase)
            assert one.percentile(name, 99, phase) == three.percentile(name, 99, phase)
        assert one.durations_by_second(name) == three.durations_by_second(name)
        assert one.counts_by_second(name) == three.counts_by_second(name)


def test_percentiles_are_true_to_a_thousandth() -> None:
    measurements = RunMeasurements()
    for ms in range(1, 1001):
        measurements.record_duration("turn", ms, 0)
    found = measurements.percentile("turn", 99)
    assert found is not None
    assert abs(found - 990) <= 1
    assert measurements.total("turn") == 1000


def test_what_was_never_measured_is_none_and_not_nought() -> None:
    measurements = RunMeasurements()
    assert measurements.percentile("turn", 99) is None
    assert measurements.total("lost_ms") is None
    measurements.add_count("lost_ms", 0, 1)
    assert measurements.total("lost_ms") == 0


def test_a_phase_is_measured_separately() -> None:
    measurements = RunMeasurements()
    measurements.record_duration("ready", 10, 0)
    measurements.phase = "storm"
    measurements.record_duration("ready", 1000, 5)
    assert measurements.phases() == ("start", "storm")
    assert measurements.total("ready", "storm") == 1
    assert (measurements.percentile("ready", 50, "") or 0) < 11
    assert (measurements.percentile("ready", 50, "storm") or 0) > 990


def test_taking_forgets_and_a_piece_too_late_for_its_plot_still_counts() -> None:
    worker, master = RunMeasurements(), RunMeasurements()
    worker.record_duration("ready", 10, 1)
    master.merge(worker.export_and_clear())
    assert worker.measured_names() == frozenset()
    master.compact(now=100)
    worker.record_duration("ready", 500, 1)
    master.merge(worker.export_and_clear())
    assert master.total("ready") == 2
    assert master.durations_by_second("ready")[1].count == 1


def test_durations_out_of_range_are_clamped() -> None:
    measurements = RunMeasurements()
    measurements.record_duration("turn", -5, 0)
    measurements.record_duration("turn", 1e12, 0)
    assert measurements.total("turn") == 2
    assert 3_590_000 < (measurements.percentile("turn", 100) or 0) < 3_610_000


def test_a_peak_is_the_highest_of_its_phases_and_no_sum() -> None:
    measurements = RunMeasurements()
    for phase, most in (("start", 5), ("storm", 9), ("calm", 2)):
        measurements.phase = phase
        measurements.add_count("dials_per_second_max", most, 1.0)
    assert measurements.total("dials_per_second_max") == 9
    assert measurements.total("dials_per_second_max", "calm") == 2
    assert RunMeasurements().total("dials_per_second_max") is None
