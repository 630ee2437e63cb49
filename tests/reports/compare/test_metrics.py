"""How metrics are judged, and which changes are noise."""

from __future__ import annotations

from math import nan

import pytest

from reports.compare.change_kinds import ChangeKind
from reports.compare.metrics import Direction, compare_metric, metric_changes, metric_rule
from reports.model import Report, ReportMetric, Table, TableRow
from tests.reports.factories import report


@pytest.mark.parametrize(
    ("name", "was", "now", "change"),
    [
        ("events_first_audio_seconds", 0.4, 0.47, None),
        ("events_first_audio_seconds", 0.4, 0.49, ChangeKind.WORSE),
        ("events_first_audio_seconds", 0.4, 0.31, ChangeKind.BETTER),
        ("events_ready_seconds", 0.001, 0.004, None),  # a few milliseconds are noise
        ("bridge_lost_ms", 0, 20, ChangeKind.WORSE),
        ("bridge_lost_ms", 20, 0, ChangeKind.BETTER),
        ("events_gaps_total", 0, 1, ChangeKind.WORSE),
        ("load_sessions_per_second", 100, 70, ChangeKind.WORSE),
        ("models_configured_left_days", 100, 20, ChangeKind.WORSE),
        ("events_deltas_total", 10, 30, ChangeKind.MOVED),
        ("bridge_spoken_seconds", 10, 30, ChangeKind.MOVED),
        ("x_seconds", nan, 1, None),
    ],
)
def test_a_metric_is_judged_by_its_name(name: str, was: float, now: float, change: ChangeKind | None) -> None:
    assert compare_metric(name, was, now, 0.2) is change


def test_what_a_name_means_is_read_from_whole_words() -> None:
    assert metric_rule("plates_total").direction is Direction.NEITHER
    assert metric_rule("lost").direction is Direction.LOWER
    assert metric_rule("load_capacity_callers_total").direction is Direction.HIGHER
    assert metric_rule("load_unanswered_turns_total").direction is Direction.LOWER
    assert metric_rule("load_turns_total").direction is Direction.HIGHER


@pytest.mark.parametrize(
    ("name", "was", "now", "values", "change"),
    [
        ("load_first_audio_p50_seconds", 0.26, 0.33, 200, ChangeKind.WORSE),
        ("load_first_audio_p95_seconds", 0.30, 0.38, 200, None),
        ("load_first_audio_p99_seconds", 0.30, 0.42, 200, None),
        ("load_first_audio_p99_seconds", 0.30, 0.60, 200, ChangeKind.WORSE),
        ("load_connect_p99_seconds", 0.009, 0.120, 5, ChangeKind.WORSE),
        ("load_connect_p99_seconds", 0.39, 0.13, 5, None),  # the p99 of five values is their maximum
        ("load_connect_max_seconds", 0.013, 0.039, 5, None),
        ("load_turn_max_seconds", 1.0, 1.9, 500, None),
        ("load_turn_max_seconds", 1.0, 2.1, 500, ChangeKind.WORSE),
        ("load_turns_total", 100, 76, 0, None),  # chance: about the square root
        ("load_turns_total", 100, 60, 0, ChangeKind.WORSE),
        ("load_errors_total", 0, 1, 0, ChangeKind.WORSE),
        ("load_errors_total", 125, 140, 0, None),
        ("load_unanswered_turns_total", 0, 5, 0, None),
        ("load_pace_lag_p50_seconds", 0.001, 0.9, 5000, None),
        ("load_generator_cpu_percent", 5, 60, 0, None),
        ("load_unfinished_turns_total", 16, 0, 0, None),
        ("load_bridge_cpu_percent", 20, 30, 0, None),
        ("load_bridge_cpu_percent", 20, 60, 0, ChangeKind.MOVED),
    ],
)  # fmt: skip
def test_what_differs_between_runs_of_the_same_target_is_noise(
    name: str, was: float, now: float, values: float, change: ChangeKind | None
) -> None:
    assert compare_metric(name, was, now, 0.2, values=values) is change


def measured(p99: float, count: float) -> Report:
    table = Table(
        name="durations", heading="", columns=("count_total", "p99_seconds"),
        rows=(TableRow(name="connect", cells=(count, p99)),), metric="load",
    )  # fmt: skip
    return report(metrics=(ReportMetric("load_connect_p99_seconds", p99),), tables=(table,))


def test_the_number_of_values_is_read_from_the_table_that_shows_them() -> None:
    few = metric_changes(measured(0.39, 5), measured(0.13, 200), 0.2, ())
    many = metric_changes(measured(0.39, 200), measured(0.13, 200), 0.2, ())
    assert [one.change for one in few] == []
    assert [one.change for one in many] == [ChangeKind.BETTER]
