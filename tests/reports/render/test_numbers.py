"""Numbers with the unit that reads best."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.model import ReportMetric
from reports.render.numbers import FormattedMetric, format_duration, format_metric, format_number


@pytest.mark.parametrize(
    ("name", "value", "label", "shown"),
    [
        ("events_first_audio_seconds", 0.4123, "events first audio", "412 ms"),
        ("events_ready_seconds", 0.0012, "events ready", "1.2 ms"),
        ("bridge_gap_ms", 1500.0, "bridge gap", "1.50 s"),
        ("events_gaps_total", 3.0, "events gaps", "3"),
        ("cpu_percent", 12.5, "cpu", "12.5 %"),
        ("whole_ratio", 0.5, "whole", "50 %"),
        ("memory_bytes", 1048576.0, "memory", "1.05 MB"),
        ("callers", 2.5, "callers", "2.5"),
        ("seconds", 1.0, "seconds", "1.00 s"),
        ("x_seconds", nan, "x", "-"),
        ("", 1.0, "", "1"),
    ],
)
def test_a_name_s_ending_is_its_unit(name: str, value: float, label: str, shown: str) -> None:
    assert format_metric(ReportMetric(name, value)) == FormattedMetric(label, shown)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"), (0.0001, "0.1 ms"), (0.0042, "4.2 ms"), (0.188, "188 ms"), (0.9996, "1.00 s"), (9.996, "10.0 s"),
        (59.97, "1 min 0 s"), (245, "4 min 5 s"), (inf, "-"),
    ],
)  # fmt: skip
def test_durations_are_short(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_short(value: float) -> None:
    assert len(format_number(value)) < 25
    assert len(format_duration(value)) < 40
