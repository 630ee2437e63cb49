"""The figures of several workers as one, dead ones included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.server.process.worker_metrics import WorkerSnapshots, retire
from bridge.telemetry.metrics import Metrics, MetricsSnapshot

if TYPE_CHECKING:
    from pathlib import Path


def worker(lost: int, ready: int) -> Metrics:
    metrics = Metrics()
    metrics.increment("sessions_lost_total", lost)
    metrics.increment("errors_sent_total", lost, "RATE_LIMITED")
    metrics.observe("ready_seconds", 0.3)
    metrics.set("sessions", ready, "ready")
    metrics.set("workers", 1)
    return metrics


def test_whoever_is_asked_adds_up_what_the_others_wrote_and_what_is_its_own_now(tmp_path: Path) -> None:
    one, two = WorkerSnapshots(tmp_path, 0), WorkerSnapshots(tmp_path, 1)
    one.write(worker(100, 100).snapshot())
    two.write(worker(2, 3).snapshot())
    total = one.merge_workers(worker(1, 1).snapshot()).values
    assert total["sessions_lost_total"][""] == [3]
    assert total["errors_sent_total"]["RATE_LIMITED"] == [3]
    assert total["sessions"]["ready"] == [4]
    assert total["workers"][""] == [2]
    assert sum(total["ready_seconds"][""][:-1]) == 2


def test_what_a_dead_worker_counted_stays_and_its_gauges_go(tmp_path: Path) -> None:
    for restart in range(2):
        WorkerSnapshots(tmp_path, 1).write(worker(2, 3).snapshot())
        retire(tmp_path, 1, restarted=True)
        total = WorkerSnapshots(tmp_path, 0).merge_workers(worker(1, 1).snapshot()).values
        assert total["sessions_lost_total"][""] == [1 + 2 * (restart + 1)]
        assert total["sessions"]["ready"] == [1]
        assert total["worker_restarts_total"][""] == [restart + 1]


def test_a_worker_that_died_before_it_wrote_is_buried_too(tmp_path: Path) -> None:
    retire(tmp_path, 0, restarted=False)
    total = WorkerSnapshots(tmp_path, 0).merge_workers(worker(1, 1).snapshot()).values
    assert total["sessions_lost_total"][""] == [1]
    assert total["worker_restarts_total"][""] == [0]


def test_a_broken_sheet_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "worker-1.figures").write_text("{")
    assert WorkerSnapshots(tmp_path, 0).merge_workers(worker(1, 1).snapshot()).values["sessions_lost_total"][""] == [1]


def test_what_was_shown_once_is_not_lost_with_the_worker_that_showed_it(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.increment("clients_total", 3, "native")
    shown = WorkerSnapshots(tmp_path, 0).merge_workers(metrics.snapshot())
    retire(tmp_path, 0, restarted=True)
    after = WorkerSnapshots(tmp_path, 1).merge_workers(Metrics().snapshot())
    assert after.values["clients_total"] == shown.values["clients_total"] == {"native": [3]}


def test_what_attempts_came_to_is_told_by_all_and_goes_with_the_dead(tmp_path: Path) -> None:
    WorkerSnapshots(tmp_path, 1).write(MetricsSnapshot(outcomes=[(1.0, "QUOTA_EXHAUSTED")]))
    own = MetricsSnapshot(outcomes=[(2.0, "")])
    assert WorkerSnapshots(tmp_path, 0).merge_workers(own).outcomes == [(2.0, ""), (1.0, "QUOTA_EXHAUSTED")]
    retire(tmp_path, 1, restarted=True)
    assert WorkerSnapshots(tmp_path, 0).merge_workers(own).outcomes == [(2.0, "")]


def test_a_folder_that_cannot_be_written_costs_the_others_figures_and_nothing_else(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert WorkerSnapshots(gone, 0).merge_workers(worker(1, 1).snapshot()).values["sessions_lost_total"][""] == [1]
    retire(gone, 0, restarted=True)
