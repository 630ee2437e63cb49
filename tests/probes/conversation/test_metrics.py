from __future__ import annotations

import pytest

from bridge.protocol.dialects.detection import Dialect
from probes.conversation.facts import SessionFacts
from probes.conversation.metrics import (
    arrival_gaps,
    audio_series,
    build_timeline,
    jitter,
    playback_gaps,
    playback_lead,
    session_metrics,
    timeline_moment,
)
from probes.recording.capture import CaptureEntry
from tests.probes.conversation.session_builder import SESSION, SessionBuilder, audio_deltas, header

STEADY = [(1.0 + 0.1 * n, 100.0) for n in range(10)]
BURST = [(1.0 + 0.001 * n, 100.0) for n in range(10)]
LATE = [(1.0, 100.0), (1.1, 100.0), (2.2, 100.0), (2.25, 100.0)]


def test_a_playback_gap_is_what_a_listener_hears() -> None:
    assert playback_gaps(STEADY) == pytest.approx([0.0] * len(playback_gaps(STEADY)), abs=1e-9)
    assert playback_gaps(BURST) == []
    assert playback_gaps(LATE) == pytest.approx([1.0])
    assert playback_gaps([]) == []


def test_a_gap_delays_playback_and_is_counted_once() -> None:
    assert playback_gaps([(0.0, 100.0), (1.0, 100.0), (1.1, 100.0), (1.2, 100.0)]) == pytest.approx([0.9])


def test_arrival_gaps_are_between_chunks() -> None:
    assert arrival_gaps(LATE) == pytest.approx([0.1, 1.1, 0.05])
    assert arrival_gaps([(1.0, 100.0)]) == []


def test_audio_that_arrives_faster_than_real_time_is_buffered() -> None:
    assert [round(y) for _, y in playback_lead(BURST)][-1] == 991
    assert [round(y) for _, y in playback_lead(STEADY)] == [100] * 10
    assert min(y for _, y in playback_lead(LATE)) == pytest.approx(-900)


def test_jitter_is_that_of_rfc_3550() -> None:
    assert jitter(STEADY) == pytest.approx(0, abs=1e-9)
    assert jitter([(0.0, 100.0), (0.26, 100.0)]) == pytest.approx(0.16 / 16)
    assert jitter([]) == 0


def spoken() -> SessionBuilder:
    return (
        SessionBuilder(session={**SESSION, "output_modalities": ["audio"]})
        .ready()
        .question()
        .response(deltas=audio_deltas())
    )


def test_a_session_is_measured() -> None:
    measured = spoken().judge().metrics
    assert measured["events_connect_seconds"] == 0
    assert measured["events_ready_seconds"] == pytest.approx(0.1)
    assert measured["events_first_text_seconds"] == pytest.approx(0.5)
    assert measured["events_first_audio_seconds"] == pytest.approx(0.6)
    assert measured["events_done_seconds"] == pytest.approx(2.1)
    assert measured["events_audio_seconds"] == pytest.approx(1.0)
    assert measured["events_audio_gap_max_seconds"] == pytest.approx(0.1)
    assert measured["events_real_time_factor"] == pytest.approx(1.0)


def test_what_did_not_happen_has_no_metric() -> None:
    names = {metric.name for metric in session_metrics(header(), SessionFacts(Dialect.GA), 3.0)}
    assert names == {
        "events_connect_seconds",
        "events_total",
        "events_session_seconds",
    }


def test_the_series_belong_to_the_timeline() -> None:
    items = spoken().judge()
    (timeline,) = items.timelines
    assert timeline.name == "events: text"
    assert {one.timeline for one in items.series} == {timeline.name}
    assert [len(one.points) for one in items.series] == [10, 9]
    assert list(audio_series("none", SessionFacts(Dialect.GA))) == []


def test_streams_are_one_line_each_and_end_with_the_next_event() -> None:
    moments = spoken().judge().timelines[0].moments
    audio = next(m for m in moments if m.what == "response.output_audio.delta")
    assert (audio.count, audio.detail) == (10, "1000 ms of audio")
    assert audio.until == pytest.approx(audio.at + 0.9)
    transcript = next(m for m in moments if m.what == "response.output_audio_transcript.delta")
    assert (transcript.count, transcript.detail) == (1, "4 characters")
    assert sum(m.count for m in moments) == 27


def test_content_is_shown_only_on_request() -> None:
    entries = [
        CaptureEntry(at=0.1 * n, who="server", event={"type": "response.output_text.delta", "delta": word})
        for n, word in enumerate(("Good ", "day"))
    ]
    assert build_timeline("t", entries).moments[0].detail == "8 characters"
    assert build_timeline("t", entries, show_content=True).moments[0].detail == "Good day"


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        ({"type": "error", "error": {"code": "c", "message": "m"}}, "c: m"),
        ({"type": "error", "error": {"type": "t", "code": None, "message": "m"}}, "t: m"),
        ({"type": "input_audio_buffer.committed", "audio_end_ms": None}, ""),
        ({"type": "error", "code": "QUOTA_EXHAUSTED"}, "QUOTA_EXHAUSTED"),
        ({"type": "session.created", "session": {"id": "sess_1"}}, "sess_1"),
        ({"type": "response.done", "response": {"status": "failed"}}, "failed"),
        ({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900}, "at 900 ms of audio"),
        ({"type": "conversation.item.added", "item": {"type": "message", "role": "user"}}, "user message"),
        ({"type": "conversation.item.added", "item": {"type": "function_call"}}, "function_call"),
        ({"type": "rate_limits.updated"}, ""),
    ],
)
def test_a_moment_summarizes_its_event(event: dict[str, object], detail: str) -> None:
    assert timeline_moment(CaptureEntry(at=1, who="server", event=event)).detail == detail


def test_an_unreadable_frame_is_in_the_timeline() -> None:
    assert (
        timeline_moment(CaptureEntry(at=1, who="server", event={}, unreadable="a binary frame")).what
        == "(a binary frame)"
    )


def test_sent_content_is_shown_as_its_length() -> None:
    entry = CaptureEntry(
        at=1, who="client", event={"type": "conversation.item.create", "text": "xxxx"}, detail="4 characters"
    )
    assert timeline_moment(entry).detail == "4 characters"
    appends = [CaptureEntry(at=n, who="client", event={"type": "audio"}, detail="20 ms") for n in range(3)]
    assert build_timeline("t", appends).moments[0].detail == "20 ms each"
