"""A meter: into the figures and to Locust; chunks are added up and lose nothing by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loadtests.metrics.histograms import RunMeasurements
from loadtests.metrics.measures import MEASURES
from loadtests.metrics.recorder import CountsOnlyRecorder, ProcessRecorder, SentAudio


class Clock:
    """A clock that stands."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Locust:
    """What Locust was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def __call__(self, **said: Any) -> None:
        self.told.append(said)


def meter_of() -> tuple[ProcessRecorder, Clock, Locust]:
    clock, locust = Clock(), Locust()
    return ProcessRecorder(fire=locust, clock=clock), clock, locust


def test_a_duration_is_a_figure_and_a_row_on_locusts_page() -> None:
    meter, clock, locust = meter_of()
    clock.now += 3.5
    meter.record_duration("ready", 0.25)
    assert meter.measurements.durations_by_second("ready")[3].count == 1
    assert meter.measurements.percentile("ready", 50) == pytest.approx(250, rel=0.002)
    (said,) = locust.told
    assert (said["name"], said["response_time"], said["exception"]) == ("ready", 250, None)


def test_a_failure_is_counted_and_told_with_its_reason() -> None:
    meter, _, locust = meter_of()
    meter.record_failure("failed_connects", "nobody there", 0.1)
    assert meter.measurements.total("failed_connects") == 1
    assert repr(locust.told[0]["exception"]) == "nobody there", "Locust shows it so"


def test_an_error_message_is_counted_and_is_no_failure_to_locust() -> None:
    meter, _, locust = meter_of()
    meter.record_error("INVALID_MESSAGE")
    assert meter.measurements.total("errors") == 1
    assert locust.told[0]["exception"] is None
    assert locust.told[0]["response_time"] is None


@pytest.mark.parametrize("code", ["SESSION_NOT_READY", "NO_SESSION_EXISTS", "session_not_ready"])
def test_being_told_to_wait_is_no_error(code: str) -> None:
    meter, _, _ = meter_of()
    meter.record_error(code)
    assert (meter.measurements.total("errors"), meter.measurements.total("told_to_wait")) == (None, 1)


def test_chunks_come_to_the_figures_in_their_second_and_their_phase() -> None:
    meter, _, _ = meter_of()
    for at in (100.1, 100.9, 101.0):
        meter.record_chunk(20, 0.0015, at)
    meter.measurements.phase = "storm"
    meter.record_chunk(100, 0.5, 101.2)
    meter.flush()
    figures = meter.measurements
    assert figures.counts_by_second("chunks") == {0: 2, 1: 2}
    assert figures.total("sent_ms", "start") == 60
    assert figures.total("sent_ms", "storm") == 100
    assert figures.percentile("pace_lag", 99, "start") == pytest.approx(1.5, abs=0.11)
    assert figures.percentile("pace_lag", 99, "storm") == pytest.approx(500, abs=2.1)
    assert figures.phase == "storm"


def test_however_scattered_lateness_is_a_second_of_it_is_few_numbers() -> None:
    meter, _, _ = meter_of()
    for step in range(100_000):
        meter.record_chunk(20, step / 100_000, 100.0)
    assert len(meter.chunks_at(100.0).lags) < 750
    meter.flush()
    assert meter.measurements.total("pace_lag") == 100_000


def test_taking_gives_everything_once_and_the_next_piece_begins_with_nothing() -> None:
    meter, _, _ = meter_of()
    meter.record_chunk(20, 0.0, 100.0)
    meter.record_sent_audio(SentAudio(7, 20, 20, resent_ms=40.0, dropped_ms=60.0))
    meter.attempts.ready += 2
    wire = json.loads(json.dumps(meter.export_and_clear()))
    assert [SentAudio.from_row(row) for row in wire["sent_audio"]] == [
        SentAudio(7, 20, 20, resent_ms=40.0, dropped_ms=60.0)
    ]
    assert wire["attempts"] == {"ready": 2, "failed": 0}
    master = RunMeasurements()
    master.merge(wire["measurements"])
    assert master.total("chunks") == 1
    again = meter.export_and_clear()
    assert (again["sent_audio"], again["attempts"]) == ([], {"ready": 0, "failed": 0})
    assert again["measurements"]["counts"] == []


def test_those_apart_count_and_how_long_they_take_does_not() -> None:
    meter, _, locust = meter_of()
    apart = CountsOnlyRecorder(meter)
    apart.record_duration("turn", 60.0)
    apart.record_chunk(20, 9.0, 100.0)
    apart.add_count("turns")
    apart.record_error("SLOW_CONSUMER")
    apart.record_failure("failed_calls", "no session", 1.0)
    apart.record_sent_audio(SentAudio(1, 20, 20))
    apart.attempts.failed += 1
    wire = meter.export_and_clear()
    assert wire["attempts"]["failed"] == 1
    assert len(wire["sent_audio"]) == 1
    assert wire["measurements"]["durations"] == []
    assert {name for _, name, _ in wire["measurements"]["counts"]} == {
        "chunks",
        "sent_ms",
        "turns",
        "errors",
        "failed_calls",
    }
    assert "turn" not in {said["name"] for said in locust.told}


def test_what_a_meter_names_is_a_measure() -> None:
    assert {"chunks", "sent_ms", "pace_lag", "errors"} <= set(MEASURES)
