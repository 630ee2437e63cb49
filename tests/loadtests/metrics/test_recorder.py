"""The recorders: into the measurements and Locust's statistics; no chunk is lost while counting."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.spending.charges import Charge
from bridge.core.spending.usage import ResponseUsage
from loadtests.metrics.histograms import RunMeasurements
from loadtests.metrics.measures import MEASURES
from loadtests.metrics.recorder import CountsOnlyRecorder, ProcessRecorder, SentAudio


class Clock:
    """A clock that stands still."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Locust:
    """Locust's event hook; keeps what it gets."""

    def __init__(self) -> None:
        self.fired: list[dict[str, Any]] = []

    def __call__(self, **fields: Any) -> None:
        self.fired.append(fields)


def make_recorder() -> tuple[ProcessRecorder, Clock, Locust]:
    clock, locust = Clock(), Locust()
    return ProcessRecorder(fire=locust, clock=clock), clock, locust


def test_a_duration_is_recorded_and_shown_in_locusts_statistics() -> None:
    recorder, clock, locust = make_recorder()
    clock.now += 3.5
    recorder.record_duration("ready", 0.25)
    assert recorder.measurements.durations_by_second("ready")[3].count == 1
    assert recorder.measurements.percentile("ready", 50) == pytest.approx(250, rel=0.002)
    (fired,) = locust.fired
    assert (fired["name"], fired["response_time"], fired["exception"]) == ("ready", 250, None)


def test_a_failure_is_counted_and_reported_with_its_reason() -> None:
    recorder, _, locust = make_recorder()
    recorder.record_failure("failed_connects", "nobody there", 0.1)
    assert recorder.measurements.total("failed_connects") == 1
    assert repr(locust.fired[0]["exception"]) == "nobody there", "Locust shows it so"


def test_an_error_message_is_counted_and_is_no_failure_to_locust() -> None:
    recorder, _, locust = make_recorder()
    recorder.record_error("INVALID_MESSAGE")
    assert recorder.measurements.total("errors") == 1
    assert locust.fired[0]["exception"] is None
    assert locust.fired[0]["response_time"] is None


@pytest.mark.parametrize("code", ["SESSION_NOT_READY", "NO_SESSION_EXISTS", "session_not_ready"])
def test_a_request_to_wait_is_no_error(code: str) -> None:
    recorder, _, _ = make_recorder()
    recorder.record_error(code)
    assert (recorder.measurements.total("errors"), recorder.measurements.total("told_to_wait")) == (None, 1)


def test_chunks_are_recorded_in_their_second_and_phase() -> None:
    recorder, _, _ = make_recorder()
    for at in (100.1, 100.9, 101.0):
        recorder.record_chunk(20, 0.0015, at)
    recorder.measurements.phase = "storm"
    recorder.record_chunk(100, 0.5, 101.2)
    recorder.flush()
    figures = recorder.measurements
    assert figures.counts_by_second("chunks") == {0: 2, 1: 2}
    assert figures.total("sent_ms", "start") == 60
    assert figures.total("sent_ms", "storm") == 100
    assert figures.percentile("pace_lag", 99, "start") == pytest.approx(1.5, abs=0.11)
    assert figures.percentile("pace_lag", 99, "storm") == pytest.approx(500, abs=2.1)
    assert figures.phase == "storm"


def test_however_scattered_lateness_is_a_second_of_it_is_few_numbers() -> None:
    recorder, _, _ = make_recorder()
    for step in range(100_000):
        recorder.record_chunk(20, step / 100_000, 100.0)
    assert len(recorder.chunks_at(100.0).lags) < 750
    recorder.flush()
    assert recorder.measurements.total("pace_lag") == 100_000


def test_taking_gives_everything_once_and_the_next_piece_begins_with_nothing() -> None:
    recorder, _, _ = make_recorder()
    recorder.record_chunk(20, 0.0, 100.0)
    recorder.record_sent_audio(SentAudio(7, 20, 20, resent_ms=40.0, dropped_ms=60.0))
    recorder.attempts.ready += 2
    exported = json.loads(json.dumps(recorder.export_and_clear()))
    assert [SentAudio.from_row(row) for row in exported["sent_audio"]] == [
        SentAudio(7, 20, 20, resent_ms=40.0, dropped_ms=60.0)
    ]
    assert exported["attempts"] == {"ready": 2, "failed": 0}
    master = RunMeasurements()
    master.merge(exported["measurements"])
    assert master.total("chunks") == 1
    again = recorder.export_and_clear()
    assert (again["sent_audio"], again["attempts"]) == ([], {"ready": 0, "failed": 0})
    assert again["measurements"]["counts"] == []


def test_those_apart_count_and_how_long_they_take_does_not() -> None:
    recorder, _, locust = make_recorder()
    apart = CountsOnlyRecorder(recorder)
    apart.record_duration("turn", 60.0)
    apart.record_chunk(20, 9.0, 100.0)
    apart.add_count("turns")
    apart.record_error("SLOW_CONSUMER")
    apart.record_failure("failed_calls", "no session", 1.0)
    apart.record_sent_audio(SentAudio(1, 20, 20))
    apart.attempts.failed += 1
    exported = recorder.export_and_clear()
    assert exported["attempts"]["failed"] == 1
    assert len(exported["sent_audio"]) == 1
    assert exported["measurements"]["durations"] == []
    assert {name for _, name, _ in exported["measurements"]["counts"]} == {
        "chunks",
        "sent_ms",
        "turns",
        "errors",
        "failed_calls",
    }
    assert "turn" not in {fired["name"] for fired in locust.fired}


def charge(model: str, cost: float | None, seconds: float = 0.0) -> Charge:
    return Charge(
        model=model,
        usage=ResponseUsage(input_audio=300, cached_audio=100, output_audio=50),
        seconds=seconds,
        cost_usd=cost,
    )


def test_what_a_response_took_is_counted_by_callers_of_both_kinds() -> None:
    recorder, _, _ = make_recorder()
    recorder.record_charge(charge("gpt-realtime-2.1", 0.25))
    CountsOnlyRecorder(recorder).record_charge(charge("gpt-realtime-2.1", 0.5, seconds=2))
    counts = {name: amount for _, name, amount in recorder.export_and_clear()["measurements"]["counts"]}
    assert counts == {
        "input_tokens": 600,
        "cached_tokens": 200,
        "output_tokens": 100,
        "transcribed_ms": 2000,
        "cost_usd": 0.75,
    }
    assert set(counts) <= set(MEASURES)


def test_what_has_no_price_is_counted_and_its_model_kept() -> None:
    recorder, _, locust = make_recorder()
    recorder.record_charge(charge("mine", None))
    recorder.record_charge(charge("", None))
    assert recorder.measurements.total("unpriced") == 2
    assert recorder.measurements.total("cost_usd") is None
    named = [(fired["request_type"], fired["name"], fired["exception"]) for fired in locust.fired]
    assert named == [("no known price", "mine", None), ("no known price", "(model not told)", None)]


def test_every_recorded_name_is_a_measure() -> None:
    assert {"chunks", "sent_ms", "pace_lag", "errors"} <= set(MEASURES)
