"""Metrics for people: a label without the unit, a value with it."""

from __future__ import annotations

import pytest

from reports.model import ReportMetric
from reports.render.html.limits import LEVELS
from reports.render.html.metrics import metric_groups


@pytest.mark.parametrize(
    ("name", "value", "whose", "label", "text"),
    [
        ("events_first_audio_seconds", 0.486, "events", "First audio", "486 ms"),
        ("bridge_lost_ms", 40.0, "bridge", "Lost", "40 ms"),
        ("load_turns_total", 12_000.0, "load", "Turns", "12,000"),
        ("load_cpu_percent", 71.5, "load", "Cpu", "71.5 %"),
        ("events_real_time_factor", 1.374, "events", "Real time factor", "1.37"),
        ("calls_total", 3.0, "", "Calls", "3"),
        ("", 1.0, "", "-", "1"),
        ("events_ready_seconds", float("nan"), "events", "Ready", "-"),
    ],
)
def test_a_metric_is_written_for_people(name: str, value: float, whose: str, label: str, text: str) -> None:
    (group,) = metric_groups([ReportMetric(name, value)], LEVELS[0]).shown
    (figure,) = group.metrics
    assert (group.name, figure.label, figure.value, figure.name) == (whose, label, text, name)


def test_the_metrics_of_a_probe_stand_together() -> None:
    names = ["events_a_seconds", "bridge_a_seconds", "events_b_seconds"]
    groups = metric_groups([ReportMetric(name, 1.0) for name in names], LEVELS[0]).shown
    assert [(group.name, len(group.metrics)) for group in groups] == [("events", 2), ("bridge", 1)]
