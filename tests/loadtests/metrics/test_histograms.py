"""Figures: exact sums and close percentiles, the same from one process as from many."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from loadtests.metrics.histograms import Figures

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTES = st.lists(
    st.tuples(st.sampled_from(["ready", "turn"]), st.floats(0.01, 60_000), st.integers(0, 20), st.integers(0, 2))
)


def noted(notes: Sequence[tuple[str, float, int, int]], processes: int) -> Figures:
    """Spread the notes over processes by their last number, and merge what each of them gives."""
    workers = [Figures() for _ in range(processes)]
    for name, ms, at, who in notes:
        worker = workers[who % processes]
        worker.phase = "storm" if at > 10 else "start"
        worker.duration(name, ms, at)
        worker.count("errors", 2, at)
    whole = Figures()
    for worker in workers:
        whole.merge(json.loads(json.dumps(worker.take())))
    return whole


@given(NOTES)
def test_many_processes_add_up_to_what_one_would_have_seen(notes: list[tuple[str, float, int, int]]) -> None:
    one, three = noted(notes, 1), noted(notes, 3)
    assert one.names() == three.names()
    for name in ("ready", "turn", "errors"):
        for phase in (None, "start", "storm"):
            assert one.total(name, phase) == three.total(name, phase)
            assert one.percentile(name, 99, phase) == three.percentile(name, 99, phase)
        assert one.by_second(name) == three.by_second(name)
        assert one.counts_by_second(name) == three.counts_by_second(name)


def test_percentiles_are_true_to_a_thousandth() -> None:
    figures = Figures()
    for ms in range(1, 1001):
        figures.duration("turn", ms, 0)
    found = figures.percentile("turn", 99)
    assert found is not None
    assert abs(found - 990) <= 1
    assert figures.total("turn") == 1000


def test_what_was_never_measured_is_none_and_not_nought() -> None:
    figures = Figures()
    assert figures.percentile("turn", 99) is None
    assert figures.total("lost_ms") is None
    figures.count("lost_ms", 0, 1)
    assert figures.total("lost_ms") == 0


def test_a_phase_is_kept_apart() -> None:
    figures = Figures()
    figures.duration("ready", 10, 0)
    figures.phase = "storm"
    figures.duration("ready", 1000, 5)
    assert figures.phases() == ("start", "storm")
    assert figures.total("ready", "storm") == 1
    assert (figures.percentile("ready", 50, "") or 0) < 11
    assert (figures.percentile("ready", 50, "storm") or 0) > 990


def test_taking_forgets_and_a_piece_too_late_for_its_plot_still_counts() -> None:
    worker, master = Figures(), Figures()
    worker.duration("ready", 10, 1)
    master.merge(worker.take())
    assert worker.names() == frozenset()
    master.settle(now=100)
    worker.duration("ready", 500, 1)
    master.merge(worker.take())
    assert master.total("ready") == 2
    assert master.by_second("ready")[1].count == 1


def test_durations_out_of_range_are_kept_at_its_ends() -> None:
    figures = Figures()
    figures.duration("turn", -5, 0)
    figures.duration("turn", 1e12, 0)
    assert figures.total("turn") == 2
    assert 3_590_000 < (figures.percentile("turn", 100) or 0) < 3_610_000


def test_a_peak_is_the_highest_of_its_phases_and_no_sum() -> None:
    figures = Figures()
    for phase, most in (("start", 5), ("storm", 9), ("calm", 2)):
        figures.phase = phase
        figures.count("dials_per_second_max", most, 1.0)
    assert figures.total("dials_per_second_max") == 9
    assert figures.total("dials_per_second_max", "calm") == 2
    assert Figures().total("dials_per_second_max") is None
