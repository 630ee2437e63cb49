"""The input audio buffer: turns by voice, by hand and by silence, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.audio.g711 import pcm24k_to_ulaw
from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.limits import MAX_APPEND_BYTES
from bridge.simulator.faults.scenarios import SCENARIOS
from bridge.simulator.session.behaviour import SessionBehaviour
from bridge.simulator.session.input_audio import MAX_ECHO_BYTES
from tests.simulator.session_harness import SimulatorHarness, base64, error_of, speech

ITEM = ["conversation.item.added", "conversation.item.done"]
TURN = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", *ITEM]
SPOKEN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]


def nested(**audio_input: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": audio_input}}


def update(harness: SimulatorHarness, turn_detection: dict[str, Any] | None) -> None:
    audio = {"input": {"turn_detection": turn_detection}}
    (event,) = harness.send("session.update", session={"type": "realtime", "audio": audio})
    assert event["type"] == "session.updated"


def manual(**settings: Any) -> SimulatorHarness:
    harness = SimulatorHarness(**settings)
    update(harness, None)
    return harness


def test_a_detected_turn_is_announced_committed_added_and_answered() -> None:
    harness = SimulatorHarness()
    harness.say()
    harness.until("response.output_audio.delta")
    assert harness.types[1:10] == [*TURN, *SPOKEN]


def test_all_events_of_a_turn_name_the_item_that_speech_started_announced() -> None:
    harness = SimulatorHarness()
    harness.append(silence(1_000))
    harness.say(600, 600)
    started, stopped, committed, added = (harness.one(name) for name in TURN[:4])
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"]
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (700, 2_100)
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert (committed["previous_item_id"], added["previous_item_id"]) == (None, None)


def test_audio_is_never_acknowledged() -> None:
    harness = SimulatorHarness()
    assert [harness.append(silence(20)) for _ in range(50)] == [[]] * 50


def test_two_turns_in_one_append_are_two_items() -> None:
    harness = SimulatorHarness()
    harness.append((speech(400) + silence(600)) * 2)
    first, second = harness.all("input_audio_buffer.committed")
    assert second["previous_item_id"] == first["item_id"] != second["item_id"]


def test_a_turn_holds_its_speech_and_not_the_silence_before_it() -> None:
    harness = SimulatorHarness()
    harness.append(silence(20_000))
    harness.say(600, 600)
    harness.until("response.done")
    assert "I heard 1.4 seconds of speech." in harness.one("response.output_audio_transcript.done")["transcript"]


def test_a_turn_without_an_answer_stops_after_the_item() -> None:
    harness = SimulatorHarness()
    update(harness, {"type": "server_vad", "create_response": False})
    harness.say()
    harness.run_until_idle()
    assert harness.types[2:] == TURN


def test_a_longer_silence_is_waited_for() -> None:
    harness = SimulatorHarness()
    update(harness, {"type": "server_vad", "silence_duration_ms": 1_000})
    assert harness.say(600, 400)[-1]["type"] == "input_audio_buffer.speech_started"
    harness.append(silence(600))
    assert harness.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 1_600


@pytest.mark.parametrize(("eagerness", "ms"), [("low", 1_000), ("medium", 600), ("high", 300), ("auto", 600)])
def test_semantic_detection_waits_by_its_eagerness(eagerness: str, ms: int) -> None:
    harness = SimulatorHarness()
    update(harness, {"type": "semantic_vad", "eagerness": eagerness})
    harness.say(600, 1_000)
    assert harness.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 600 + ms


@pytest.mark.parametrize(("eagerness", "ms"), [("low", 8_000), ("medium", 4_000), ("high", 2_000), ("auto", 4_000)])
def test_semantic_detection_that_is_never_sure_waits_its_longest_time(eagerness: str, ms: int) -> None:
    harness = SimulatorHarness(faults=SCENARIOS["hesitant"].faults)
    update(harness, {"type": "semantic_vad", "eagerness": eagerness})
    assert harness.say(600, ms - 20)[-1]["type"] == "input_audio_buffer.speech_started"
    harness.append(silence(20))
    assert harness.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 600 + ms


def test_a_threshold_of_zero_is_not_the_default() -> None:
    harness = SimulatorHarness()
    update(harness, {"type": "server_vad", "threshold": 0})
    harness.append(bytes([100, 0]) * 24 * 200)
    assert harness.types[-1] == "input_audio_buffer.speech_started"


def test_speech_in_progress_continues_when_detection_is_reconfigured() -> None:
    harness = SimulatorHarness()
    harness.append(speech(400))
    update(harness, {"type": "server_vad", "silence_duration_ms": 600})
    harness.append(speech(200) + silence(600))
    assert len(harness.all("input_audio_buffer.speech_started")) == 1
    assert harness.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 1_200


def test_speech_in_progress_is_forgotten_when_detection_is_switched_off() -> None:
    harness = SimulatorHarness()
    harness.append(speech(400))
    spoken = harness.one("input_audio_buffer.speech_started")["item_id"]
    update(harness, None)
    harness.append(silence(1_000))
    harness.send("input_audio_buffer.commit")
    assert harness.all("input_audio_buffer.speech_stopped") == []
    assert harness.one("input_audio_buffer.committed")["item_id"] != spoken


def test_positions_count_from_the_start_of_the_session_also_when_detection_comes_late() -> None:
    harness = manual()
    harness.append(silence(5_000))
    update(harness, {"type": "server_vad"})
    harness.say(600, 400)
    assert harness.one("input_audio_buffer.speech_started")["audio_start_ms"] == 4_700


def test_a_commit_manually_adds_the_item_and_answers_nothing() -> None:
    harness = manual()
    harness.append(speech(200))
    harness.send("input_audio_buffer.commit")
    harness.run_until_idle()
    assert harness.types[2:] == ["input_audio_buffer.committed", *ITEM]


def test_a_commit_manually_answers_nothing_even_with_turn_detection() -> None:
    harness = SimulatorHarness()
    harness.append(silence(200))
    harness.send("input_audio_buffer.commit")
    harness.run_until_idle()
    assert harness.types[1:] == ["input_audio_buffer.committed", *ITEM]


def test_a_commit_in_the_middle_of_speech_ends_it() -> None:
    harness = SimulatorHarness()
    harness.append(speech(400))
    harness.send("input_audio_buffer.commit")
    assert harness.types[1:] == TURN
    assert harness.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 400
    assert len({event["item_id"] for event in harness.events if "item_id" in event}) == 1


@pytest.mark.parametrize(("ms", "held"), [(0, "0.00"), (80, "80.00"), (99.5, "99.50")])
def test_a_commit_under_100_ms_is_refused_and_the_buffer_kept(ms: float, held: str) -> None:
    harness = manual()
    harness.append(silence(ms))
    answer = harness.send("input_audio_buffer.commit", event_id="mine")
    assert error_of(answer) == ("input_audio_buffer_commit_empty", None)
    assert f"Expected at least 100ms of audio, but buffer only has {held}ms" in answer[0]["error"]["message"]
    assert answer[0]["error"]["event_id"] == "mine"
    harness.append(silence(100 - ms))
    assert harness.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_a_cleared_buffer_is_empty_and_speech_in_progress_is_forgotten() -> None:
    harness = SimulatorHarness()
    harness.append(speech(400))
    assert [event["type"] for event in harness.send("input_audio_buffer.clear")] == ["input_audio_buffer.cleared"]
    harness.append(silence(80))
    assert harness.all("input_audio_buffer.speech_stopped") == []
    assert error_of(harness.send("input_audio_buffer.commit")) == ("input_audio_buffer_commit_empty", None)


@pytest.mark.parametrize("audio", ["%%%", "AAA", "ä", 5, [], {}])
def test_audio_that_is_not_base64_is_refused(audio: object) -> None:
    assert error_of(SimulatorHarness().send("input_audio_buffer.append", audio=audio)) == ("invalid_value", "audio")


def test_audio_that_is_missing_is_refused() -> None:
    assert error_of(SimulatorHarness().send("input_audio_buffer.append")) == ("missing_required_parameter", "audio")


def test_half_a_sample_is_refused() -> None:
    harness = SimulatorHarness()
    assert error_of(harness.append(b"\0\0\0")) == ("invalid_value", "audio")
    assert harness.received_audio == []


def test_15_mib_are_taken_and_a_byte_more_is_not() -> None:
    harness = manual()
    assert harness.append(bytes(MAX_APPEND_BYTES)) == []
    assert error_of(harness.append(bytes(MAX_APPEND_BYTES + 1))) == ("string_above_max_length", "audio")
    assert MAX_APPEND_BYTES == 15 * 1024 * 1024


def test_telephone_audio_is_measured_at_its_own_rate() -> None:
    harness = SimulatorHarness(dialect=Dialect.BETA)
    harness.send("session.update", session={"input_audio_format": "g711_ulaw", "turn_detection": None})
    harness.append(pcm24k_to_ulaw(silence(200)))
    assert harness.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"
    assert harness.received_audio[0] and len(harness.received_audio[0]) == len(silence(200))  # noqa: PT018 - one fact


def idling(pace: float = 1, **audio_input: Any) -> SimulatorHarness:
    harness = SimulatorHarness(behaviour=SessionBehaviour(pace=pace))
    detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
    harness.send("session.update", session=nested(turn_detection=detection, **audio_input))
    return harness


def test_silence_after_an_answer_is_committed_and_answered() -> None:
    harness = idling()
    harness.say()
    harness.until("response.done")
    done_at, first = harness.now, len(harness.events)
    triggered = harness.until("input_audio_buffer.timeout_triggered")
    assert harness.now == pytest.approx(done_at + 5, abs=0.1)
    harness.until("response.done")
    names = [name for name in harness.types_from(first) if name != "rate_limits.updated"]
    assert names[:5] == ["input_audio_buffer.timeout_triggered", *TURN[2:], "response.created"]
    assert harness.all("input_audio_buffer.committed")[1]["item_id"] == triggered["item_id"]


def test_the_wait_for_silence_begins_when_a_fast_answer_has_been_played() -> None:
    harness = idling(pace=20)
    harness.say()
    harness.until("response.output_audio.delta")
    from_ = harness.now
    harness.until("response.done")
    played = len(harness.all("response.output_audio.delta")) * 0.1
    harness.until("input_audio_buffer.timeout_triggered")
    assert harness.now == pytest.approx(from_ + played + 5, abs=0.1)


def test_the_item_of_an_idle_timeout_is_no_turn_its_transcript_is_empty() -> None:
    harness = idling(transcription={"model": "gpt-4o-transcribe"})
    harness.say()
    harness.until("response.done")
    harness.append(silence(5_000))
    idle = harness.until("input_audio_buffer.timeout_triggered")["item_id"]
    completed = harness.until("conversation.item.input_audio_transcription.completed")
    assert (completed["item_id"], completed["transcript"]) == (idle, "")
    deltas = harness.all("conversation.item.input_audio_transcription.delta")
    assert idle not in {event["item_id"] for event in deltas}
    answer = harness.until("response.output_audio_transcript.done")["transcript"]
    assert answer.startswith("Are you still there?")


def test_silence_before_any_answer_is_nothing() -> None:
    harness = idling()
    assert harness.wait(60) == []


def test_speech_ends_the_wait_for_silence() -> None:
    harness = idling()
    harness.say()
    harness.until("response.done")
    harness.wait(4)
    harness.append(speech(400))
    harness.wait(20)
    assert harness.all("input_audio_buffer.timeout_triggered") == []


def test_switching_it_off_ends_the_wait_for_silence() -> None:
    harness = idling()
    harness.say()
    harness.until("response.done")
    update(harness, {"type": "server_vad", "idle_timeout_ms": None})
    harness.wait(20)
    assert harness.all("input_audio_buffer.timeout_triggered") == []


def test_a_transcription_session_detects_turns_and_answers_none() -> None:
    harness = SimulatorHarness(SessionKind.TRANSCRIPTION)
    harness.say()
    harness.run_until_idle()
    assert harness.types[1:] == TURN


def test_a_session_that_echoes_answers_with_what_was_said() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(reply="echo"))
    harness.append(silence(1_000))
    harness.say(400, 600)
    harness.until("response.done")
    deltas = [event["delta"] for event in harness.all("response.output_audio.delta")]
    audio = silence(300) + speech(400) + silence(500)
    assert deltas == [base64(audio[start : start + 4_800]) for start in range(0, len(audio), 4_800)]


def test_a_session_that_echoes_keeps_a_minute_at_most() -> None:
    harness = manual(behaviour=SessionBehaviour(reply="echo"))
    harness.append(bytes(MAX_ECHO_BYTES) + speech(20))
    harness.send("input_audio_buffer.commit")
    harness.send("response.create")
    harness.until("response.done", seconds=100)
    assert len(harness.all("response.output_audio.delta")) == 600
