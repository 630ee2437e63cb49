"""Metrics over several workers, including dead ones."""

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


def test_a_scraped_worker_adds_the_snapshots_of_the_others_to_its_own_metrics(tmp_path: Path) -> None:
    one, two = WorkerSnapshots(tmp_path, 0), WorkerSnapshots(tmp_path, 1)
    one.write(worker(100, 100).snapshot())
    two.write(worker(2, 3).snapshot())
    total = one.merge_workers(worker(1, 1).snapshot()).values
    assert total["sessions_lost_total"][""] == [3]
    assert total["errors_sent_total"]["RATE_LIMITED"] == [3]
    assert total["sessions"]["ready"] == [4]
    assert total["workers"][""] == [2]
    assert sum(total["ready_seconds"][""][:-1]) == 2


def test_counters_of_a_dead_worker_stay_and_its_gauges_go(tmp_path: Path) -> None:
    for restart in range(2):
        WorkerSnapshots(tmp_path, 1).write(worker(2, 3).snapshot())
        retire(tmp_path, 1, restarted=True)
        total = WorkerSnapshots(tmp_path, 0).merge_workers(worker(1, 1).snapshot()).values
        assert total["sessions_lost_total"][""] == [1 + 2 * (restart + 1)]
        assert total["sessions"]["ready"] == [1]
        assert total["worker_restarts_total"][""] == [restart + 1]


def test_a_worker_that_died_before_its_first_snapshot_is_retired_too(tmp_path: Path) -> None:
    retire(tmp_path, 0, restarted=False)
    total = WorkerSnapshots(tmp_path, 0).merge_workers(worker(1, 1).snapshot()).values
    assert total["sessions_lost_total"][""] == [1]
    assert total["worker_restarts_total"][""] == [0]


def test_a_broken_snapshot_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "worker-1.snapshot").write_text("{")
    assert WorkerSnapshots(tmp_path, 0).merge_workers(worker(1, 1).snapshot()).values["sessions_lost_total"][""] == [1]


def test_a_reported_count_is_not_lost_with_its_worker(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.increment("clients_total", 3, "native")
    shown = WorkerSnapshots(tmp_path, 0).merge_workers(metrics.snapshot())
    retire(tmp_path, 0, restarted=True)
    after = WorkerSnapshots(tmp_path, 1).merge_workers(Metrics().snapshot())
    assert after.values["clients_total"] == shown.values["clients_total"] == {"native": [3]}


def test_outcomes_of_all_workers_are_merged_and_those_of_a_dead_one_dropped(tmp_path: Path) -> None:
    WorkerSnapshots(tmp_path, 1).write(MetricsSnapshot(outcomes=[(1.0, "QUOTA_EXHAUSTED")]))
    own = MetricsSnapshot(outcomes=[(2.0, "")])
    assert WorkerSnapshots(tmp_path, 0).merge_workers(own).outcomes == [(2.0, ""), (1.0, "QUOTA_EXHAUSTED")]
    retire(tmp_path, 1, restarted=True)
    assert WorkerSnapshots(tmp_path, 0).merge_workers(own).outcomes == [(2.0, "")]


def test_a_folder_that_is_not_writable_costs_only_the_metrics_of_others(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert WorkerSnapshots(gone, 0).merge_workers(worker(1, 1).snapshot()).values["sessions_lost_total"][""] == [1]
    retire(gone, 0, restarted=True)
