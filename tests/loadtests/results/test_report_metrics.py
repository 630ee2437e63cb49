"""Measurements as metrics with stable names and as series over time."""

from __future__ import annotations

from loadtests.metrics.measures import MEASURES
from loadtests.results.report_metrics import metrics, series, tables
from reports.compare.metrics import Direction, metric_rule
from tests.loadtests.factories import aggregated, worker_report


def test_metrics_have_names_that_end_in_their_unit() -> None:
    aggregator = aggregated(
        worker_report(calls=2, turn=150, lost_ms=40, errors=3, dials_per_second_max=9),
        worker_report(turn=50, memory_grown_mb=2.5),
    )
    found = {metric.name: metric.value for metric in metrics(aggregator)}
    assert found["load_calls_total"] == 2
    assert found["load_lost_ms"] == 40
    assert found["load_dials_peak_total"] == 9
    assert found["load_memory_grown_bytes"] == 2_500_000
    assert 0.149 < found["load_turn_max_seconds"] < 0.151
    assert 0.049 < found["load_turn_p50_seconds"] < 0.051
    assert "load_ready_p50_seconds" not in found, "it never happened"


def test_of_what_a_bridge_should_not_do_less_is_better_in_every_comparison() -> None:
    bad = {
        "lost_ms", "silently_lost_ms", "repeated_ms", "reordered_ms", "dropped_ms", "errors", "error_window_violations",
        "endings_without_error", "stale_events", "unanswered_messages", "failed_connects", "failed_calls",
        "stranded_calls", "unanswered_turns", "unclean_ends", "dials", "dials_per_second_max", "sessions_left",
        "memory_grown_mb",
    }  # fmt: skip
    assert bad <= set(MEASURES)
    for name in bad:
        (metric,) = metrics(aggregated(worker_report(**{name: 1})))
        assert metric_rule(metric.name).direction is Direction.LOWER, metric.name
    for name in ("calls", "turns", "chunks", "sent_ms", "unfinished_turns"):
        (metric,) = metrics(aggregated(worker_report(**{name: 1})))
        assert metric_rule(metric.name).direction is not Direction.LOWER, metric.name


def test_percentiles_stand_by_phase_where_there_are_several() -> None:
    aggregator = aggregated(worker_report(turn=150), scenario="reconnect-storm", users=1, duration="40s")
    aggregator.measurements.phase = "storm"
    aggregator.measurements.record_duration("turn", 900.0, 20)
    aggregator.measurements.record_duration("turn", 900.0, 21)
    (table,) = tables(aggregator)
    rows = [(row.name, row.part, row.cells[0], round(float(row.cells[4] or 0), 2)) for row in table.rows]
    assert rows == [("turn", "", 3, 0.9), ("turn", "start", 1, 0.15), ("turn", "storm", 2, 0.9)]
    assert "load_turn_p99_seconds" in table.metrics


def test_a_scenario_in_which_nothing_is_done_has_no_phases_to_tell_apart() -> None:
    (table,) = tables(aggregated(worker_report(turn=150, ready=10)))
    assert [(row.name, row.part) for row in table.rows] == [("ready", ""), ("turn", "")]


def test_lines_of_one_plot_say_so() -> None:
    aggregator = aggregated(worker_report(turn=150))
    aggregator.resources = {name: {"cpu": [[1, 10], [2, 10]]} for name in ("bridge", "machine")}
    plots = {one.name: one.plot for one in series(aggregator, "load")}
    assert plots == {"turn, p50": "turn", "turn, p99": "turn", "cpu, bridge": "cpu", "cpu, machine": "cpu"}


def test_processes_show_what_they_use_when_everybody_calls() -> None:
    aggregator = aggregated()
    aggregator.resources = {"bridge": {"cpu": [[1, 0], [2, 10], [3, 50], [4, 70]], "memory": [[1, 40], [2, 44.5]]}}
    found = {metric.name: metric.value for metric in metrics(aggregator)}
    assert found == {"load_bridge_cpu_percent": 60, "load_bridge_memory_bytes": 44_500_000}


def test_points_belong_to_the_timeline_and_nothing_is_drawn_that_was_not_measured() -> None:
    aggregator = aggregated(worker_report(turn=150, errors=2))
    aggregator.tick(1.0, 2)
    drawn = {one.name: one for one in series(aggregator, "load")}
    assert set(drawn) == {"callers", "turn, p50", "turn, p99", "errors"}
    assert {one.timeline for one in drawn.values()} == {"load"}
    assert drawn["errors"].points == ((0.5, 0.0), (1.5, 2.0)), "a second without any has none, and is drawn"
    assert drawn["callers"].unit == "callers"
