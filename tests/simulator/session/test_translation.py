"""A translation session: audio in; audio and two transcripts out."""

from __future__ import annotations

import binascii

import pytest

from bridge.protocol.audio.pcm import loudness, silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.session.session import ServerClose
from tests.simulator.session_harness import Event, SimulatorHarness, base64, error_of, speech

CHUNK = ["session.input_transcript.delta", "session.output_transcript.delta", "session.output_audio.delta"]


def translating() -> SimulatorHarness:
    return SimulatorHarness(SessionKind.TRANSLATION, Dialect.TRANSLATION, model="gpt-realtime-translate")


def append(harness: SimulatorHarness, pcm: bytes) -> list[Event]:
    return harness.send("session.input_audio_buffer.append", audio=base64(pcm))


def transcribing_too() -> SimulatorHarness:
    harness = translating()
    harness.send("session.update", session={"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}})
    return harness


def test_every_200_ms_of_speech_are_answered_by_200_ms() -> None:
    harness = transcribing_too()
    assert append(harness, speech(180)) == []
    assert [event["type"] for event in append(harness, speech(420))] == CHUNK * 3
    audio = harness.all("session.output_audio.delta")
    assert [event["elapsed_ms"] for event in audio] == [200, 400, 600]
    assert {(event["sample_rate"], event["channels"], event["format"]) for event in audio} == {(24_000, 1, "pcm16")}
    assert {len(binascii.a2b_base64(event["delta"])) for event in audio} == {9_600}
    assert loudness(b"".join(binascii.a2b_base64(event["delta"]) for event in audio)) > 100
    assert len({event["delta"] for event in audio}) == 3


def test_what_was_said_is_transcribed_only_if_the_session_asks_for_it() -> None:
    assert [event["type"] for event in append(translating(), speech(200))] == CHUNK[1:]


@pytest.mark.parametrize("change", [{"type": "translation"}, {"model": "gpt-realtime-translate"}])
def test_type_and_model_cannot_be_updated(change: dict[str, str]) -> None:
    answer = translating().send("session.update", session=change)
    assert error_of(answer) == ("unknown_parameter", f"session.{next(iter(change))}")


def test_silence_is_not_translated_and_still_counts_as_time() -> None:
    harness = translating()
    assert append(harness, silence(1_000)) == []
    assert append(harness, speech(200))[0]["elapsed_ms"] == 1_200


def test_the_language_can_be_set_and_is_confirmed() -> None:
    (updated,) = translating().send("session.update", session={"audio": {"output": {"language": "de"}}})
    assert (updated["type"], updated["session"]["audio"]["output"]["language"]) == ("session.updated", "de")


def test_bad_audio_is_refused() -> None:
    harness = translating()
    assert error_of(harness.send("session.input_audio_buffer.append", audio="%")) == ("invalid_value", "audio")
    assert error_of(append(harness, b"\0")) == ("invalid_value", "audio")
    answer = harness.send("session.input_audio_buffer.append")
    assert error_of(answer) == ("missing_required_parameter", "audio")


def test_events_of_a_conversation_are_unknown_here() -> None:
    (event,) = answer = translating().send("response.create")
    assert error_of(answer) == ("invalid_value", "type")
    known = "'session.update', 'session.input_audio_buffer.append', and 'session.close'"
    assert event["error"]["message"] == f"Invalid value: 'response.create'. Supported values are: {known}."


def test_a_close_translates_first_what_is_less_than_a_frame() -> None:
    harness = translating()
    append(harness, speech(100))
    *flushed, closed = harness.send("session.close")
    assert [event["type"] for event in flushed] == CHUNK[1:]
    assert closed["type"] == "session.closed"
    assert harness.close == ServerClose(1000, "")


def test_it_is_closed_gracefully() -> None:
    harness = translating()
    (closed,) = harness.send("session.close")
    assert closed["type"] == "session.closed"
    assert harness.close == ServerClose(1000, "")
