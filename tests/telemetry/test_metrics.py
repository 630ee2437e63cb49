"""Counters, gauges, histograms, and their text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from bridge.telemetry.metric_table import METRICS, PREFIX, MetricType
from bridge.telemetry.metrics import (
    MAX_SERIES,
    Exemplar,
    Metrics,
    MetricsSnapshot,
    merge_snapshots,
    render_openmetrics,
    render_prometheus,
    wants_openmetrics,
)
from tests.prometheus_lint import lint_problems


def parsed(snapshot: MetricsSnapshot) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Read the text as Prometheus' own library does."""
    families = text_string_to_metric_families(render_prometheus(snapshot).decode())
    return {(s.name.removeprefix(PREFIX), tuple(s.labels.items())): s.value for f in families for s in f.samples}


def test_what_was_counted_is_what_prometheus_reads() -> None:
    metrics = Metrics()
    metrics.increment("sessions_lost_total")
    metrics.increment("dropped_seconds_total", 12.5, "too_old")
    metrics.set("sessions", 3, "ready")
    for seconds in (0.05, 0.06, 7, 1000):
        metrics.observe("ready_seconds", seconds)
    found = parsed(metrics.snapshot())
    assert found["sessions_lost_total", ()] == 1
    assert found["dropped_seconds_total", (("reason", "too_old"),)] == 12.5
    assert found["sessions", (("state", "ready"),)] == 3
    assert found["ready_seconds_bucket", (("le", "0.05"),)] == 1
    assert found["ready_seconds_bucket", (("le", "0.1"),)] == 2
    assert found["ready_seconds_bucket", (("le", "60.0"),)] == 3
    assert found["ready_seconds_bucket", (("le", "+Inf"),)] == 4
    assert found["ready_seconds_count", ()] == 4
    assert found["ready_seconds_sum", ()] == pytest.approx(1007.11)
    assert (metrics.value("sessions_lost_total"), metrics.value("ready_seconds"), metrics.value("sessions")) == (
        1,
        4,
        0,
    )


def test_metrics_without_labels_are_there_from_the_start() -> None:
    found = parsed(Metrics().snapshot())
    assert found["reconnections_total", ()] == 0
    assert not any(labels and labels[0][0] != "le" for _, labels in found)


@pytest.mark.parametrize("label", ['"} 1\nevil 1\n', "a\\", "\u202e\x1b", "ü" * 500])
def test_an_untrusted_label_is_escaped(label: str) -> None:
    metrics = Metrics()
    metrics.increment("refused_total", 1, label)
    [(name, labels)] = [key for key in parsed(metrics.snapshot()) if key[0] == "refused_total"]
    assert name == "refused_total"
    assert len(labels[0][1]) <= 160
    assert "\n" not in labels[0][1]


def test_labels_that_never_end_are_counted_together() -> None:
    metrics = Metrics()
    for n in range(1000):
        metrics.increment("refused_total", 1, str(n))
    kept = metrics.snapshot().values["refused_total"]
    assert len(kept) == MAX_SERIES + 1
    assert kept["other"] == [1000 - MAX_SERIES]


def test_a_name_that_is_not_in_the_table_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Metrics().increment("nothing_total")


def test_values_of_processes_are_added_up_without_gauges_if_asked() -> None:
    one, two = Metrics(), Metrics()
    for metrics in (one, two):
        metrics.increment("clients_total", 2, "native")
        metrics.set("connections", 5)
        metrics.observe("forward_seconds", 0.001)
    both = merge_snapshots([one.snapshot(), two.snapshot()]).values
    assert (both["clients_total"]["native"], both["connections"][""]) == ([4], [10])
    assert sum(both["forward_seconds"][""][:-1]) == 2
    past = merge_snapshots([one.snapshot()], without_gauges=True).values
    assert "connections" not in past
    assert past["clients_total"]["native"] == [2]
    assert merge_snapshots([MetricsSnapshot({"of_another_version": {"": [1.0]}})]).values == {}


def test_a_snapshot_is_no_window_on_what_comes_later() -> None:
    metrics = Metrics()
    before = metrics.snapshot()
    metrics.increment("sessions_lost_total")
    assert before.values["sessions_lost_total"][""] == [0]


def test_promtool_accepts_every_metric() -> None:
    metrics = Metrics()
    for name, metric in METRICS.items():
        if metric.type is MetricType.HISTOGRAM:
            metrics.observe(name, 0.1)
        else:
            metrics.increment(name, 1, "x" if metric.label else "")
    text = render_prometheus(metrics.snapshot()).decode()
    assert text.count("# TYPE") == len(METRICS)
    assert lint_problems(text) == []


def test_a_sum_of_seconds_is_shown_without_the_noise_of_floats() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.increment("resent_seconds_total", 0.1)
    assert f"{PREFIX}resent_seconds_total 0.3\n" in render_prometheus(metrics.snapshot()).decode()


def test_counters_are_named_as_counters() -> None:
    for name, metric in METRICS.items():
        assert name.endswith("_total") == (metric.type is MetricType.COUNTER), name
        assert bool(metric.buckets) == (metric.type is MetricType.HISTOGRAM), name


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    text = (Path(__file__).parents[2] / "docs" / "grafana-sherpa-bridge.json").read_text()
    asked = set(
        re.findall(rf"{PREFIX}(\w+)", "".join(t["expr"] for p in json.loads(text)["panels"] for t in p["targets"]))
    )
    assert asked
    assert {name.removesuffix("_bucket") for name in asked} <= set(METRICS)


def test_openmetrics_has_the_same_series_and_exemplars_besides() -> None:
    metrics = Metrics(unix_now=lambda: 1_795_248_000.25)
    metrics.increment("refused_total", 2, "SERVER_BUSY")
    metrics.observe("first_audio_seconds", 0.42, client_id="c-1")
    metrics.observe("first_audio_seconds", 0.45, client_id="c-2")
    metrics.observe("first_audio_seconds", 99, client_id="c-3")
    metrics.observe("forward_seconds", 0.001, count=3)
    snapshot = metrics.snapshot()
    families = openmetrics_families(render_openmetrics(snapshot).decode())  # type: ignore[no-untyped-call]
    samples = [one for family in families for one in family.samples]
    found = {(one.name.removeprefix(PREFIX), tuple(one.labels.items())): one.value for one in samples}
    assert found == parsed(snapshot)
    exemplars = {one.labels["le"]: one.exemplar for one in samples if one.exemplar is not None}
    assert {le: (one.labels["client_id"], one.value, float(one.timestamp)) for le, one in exemplars.items()} == {
        "0.5": ("c-2", 0.45, 1_795_248_000.25),
        "+Inf": ("c-3", 99, 1_795_248_000.25),
    }
    assert b" # " not in render_prometheus(snapshot), "the older format has no exemplars"


def test_of_several_processes_the_newest_exemplar_is_kept_also_through_a_file() -> None:
    old, new = Metrics(unix_now=lambda: 1.0), Metrics(unix_now=lambda: 2.0)
    for metrics, client in ((old, "c-old"), (new, "c-new")):
        metrics.observe("ready_seconds", 0.07, client_id=client)
    old.observe("ready_seconds", 7, client_id="c-slow")
    written = msgspec.json.decode(msgspec.json.encode(old.snapshot()), type=MetricsSnapshot)
    for order in ([new.snapshot(), written], [written, new.snapshot()]):
        merged = merge_snapshots(order, without_gauges=True).exemplars["ready_seconds"]
        assert sorted(merged.items()) == [(1, Exemplar(0.07, 2.0, "c-new")), (8, Exemplar(7, 1.0, "c-slow"))]


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (PROMETHEUS, True),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; q=0.5 , text/plain;q=0.4", True),
        ("", False),
        ("*/*", False),
        ("text/plain, application/openmetrics-text;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nan", False),
        ("application/openmetrics-text;q=7", False),
    ],
)
def test_openmetrics_is_written_for_those_who_prefer_it(accept: str, *, wanted: bool) -> None:
    assert wants_openmetrics(accept) == wanted
