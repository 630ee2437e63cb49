"""The input audio buffer: turns by voice, by hand and by silence, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.audio.g711 import pcm24k_to_ulaw
from bridge.protocol.audio.pcm import silence
from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.events.limits import MAX_APPEND_BYTES
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


def update(player: SimulatorHarness, turn_detection: dict[str, Any] | None) -> None:
    audio = {"input": {"turn_detection": turn_detection}}
    (event,) = player.send("session.update", session={"type": "realtime", "audio": audio})
    assert event["type"] == "session.updated"


def by_hand(**settings: Any) -> SimulatorHarness:
    player = SimulatorHarness(**settings)
    update(player, None)
    return player


def test_a_turn_by_voice_is_announced_committed_added_and_answered() -> None:
    player = SimulatorHarness()
    player.say()
    player.until("response.output_audio.delta")
    assert player.types[1:10] == [*TURN, *SPOKEN]


def test_all_events_of_a_turn_name_the_item_that_speech_started_announced() -> None:
    player = SimulatorHarness()
    player.append(silence(1_000))
    player.say(600, 400)
    started, stopped, committed, added = (player.one(name) for name in TURN[:4])
    assert started["item_id"] == stopped["item_id"] == committed["item_id"] == added["item"]["id"]
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (700, 1_800)
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    assert (committed["previous_item_id"], added["previous_item_id"]) == (None, None)


def test_audio_is_never_acknowledged() -> None:
    player = SimulatorHarness()
    assert [player.append(silence(20)) for _ in range(50)] == [[]] * 50


def test_two_turns_in_one_append_are_two_items() -> None:
    player = SimulatorHarness()
    player.append(speech(400) + silence(400) + speech(400) + silence(400))
    first, second = player.all("input_audio_buffer.committed")
    assert second["previous_item_id"] == first["item_id"] != second["item_id"]


def test_a_turn_holds_its_speech_and_not_the_silence_before_it() -> None:
    player = SimulatorHarness()
    player.append(silence(20_000))
    player.say(600, 400)
    player.until("response.done")
    assert "I heard 1.1 seconds of speech." in player.one("response.output_audio_transcript.done")["transcript"]


def test_a_turn_without_an_answer_stops_after_the_item() -> None:
    player = SimulatorHarness()
    update(player, {"type": "server_vad", "create_response": False})
    player.say()
    player.run_until_idle()
    assert player.types[2:] == TURN


def test_a_longer_silence_is_waited_for() -> None:
    player = SimulatorHarness()
    update(player, {"type": "server_vad", "silence_duration_ms": 1_000})
    assert player.say(600, 400)[-1]["type"] == "input_audio_buffer.speech_started"
    player.append(silence(600))
    assert player.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 1_600


@pytest.mark.parametrize(("eagerness", "ms"), [("low", 1_000), ("medium", 600), ("high", 300), ("auto", 600)])
def test_semantic_detection_waits_by_its_eagerness(eagerness: str, ms: int) -> None:
    player = SimulatorHarness()
    update(player, {"type": "semantic_vad", "eagerness": eagerness})
    player.say(600, 1_000)
    assert player.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 600 + ms


def test_a_threshold_of_zero_is_not_the_default() -> None:
    player = SimulatorHarness()
    update(player, {"type": "server_vad", "threshold": 0})
    player.append(bytes([100, 0]) * 24 * 200)
    assert player.types[-1] == "input_audio_buffer.speech_started"


def test_speech_under_way_goes_on_when_detection_is_tuned() -> None:
    player = SimulatorHarness()
    player.append(speech(400))
    update(player, {"type": "server_vad", "silence_duration_ms": 600})
    player.append(speech(200) + silence(600))
    assert len(player.all("input_audio_buffer.speech_started")) == 1
    assert player.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 1_200


def test_speech_under_way_is_forgotten_when_detection_is_switched_off() -> None:
    player = SimulatorHarness()
    player.append(speech(400))
    spoken = player.one("input_audio_buffer.speech_started")["item_id"]
    update(player, None)
    player.append(silence(1_000))
    player.send("input_audio_buffer.commit")
    assert player.all("input_audio_buffer.speech_stopped") == []
    assert player.one("input_audio_buffer.committed")["item_id"] != spoken


def test_positions_count_from_the_start_of_the_session_also_when_detection_comes_late() -> None:
    player = by_hand()
    player.append(silence(5_000))
    update(player, {"type": "server_vad"})
    player.say(600, 400)
    assert player.one("input_audio_buffer.speech_started")["audio_start_ms"] == 4_700


def test_a_commit_by_hand_adds_the_item_and_answers_nothing() -> None:
    player = by_hand()
    player.append(speech(200))
    player.send("input_audio_buffer.commit")
    player.run_until_idle()
    assert player.types[2:] == ["input_audio_buffer.committed", *ITEM]


def test_a_commit_by_hand_answers_nothing_even_with_turn_detection() -> None:
    player = SimulatorHarness()
    player.append(silence(200))
    player.send("input_audio_buffer.commit")
    player.run_until_idle()
    assert player.types[1:] == ["input_audio_buffer.committed", *ITEM]


def test_a_commit_in_the_middle_of_speech_ends_it() -> None:
    player = SimulatorHarness()
    player.append(speech(400))
    player.send("input_audio_buffer.commit")
    assert player.types[1:] == TURN
    assert player.one("input_audio_buffer.speech_stopped")["audio_end_ms"] == 400
    assert len({event["item_id"] for event in player.events if "item_id" in event}) == 1


@pytest.mark.parametrize(("ms", "held"), [(0, "0.00"), (80, "80.00"), (99.5, "99.50")])
def test_a_commit_under_100_ms_is_refused_and_the_buffer_kept(ms: float, held: str) -> None:
    player = by_hand()
    player.append(silence(ms))
    answer = player.send("input_audio_buffer.commit", event_id="mine")
    assert error_of(answer) == ("input_audio_buffer_commit_empty", None)
    assert f"Expected at least 100ms of audio, but buffer only has {held}ms" in answer[0]["error"]["message"]
    assert answer[0]["error"]["event_id"] == "mine"
    player.append(silence(100 - ms))
    assert player.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_a_cleared_buffer_is_empty_and_what_was_being_said_is_forgotten() -> None:
    player = SimulatorHarness()
    player.append(speech(400))
    assert [event["type"] for event in player.send("input_audio_buffer.clear")] == ["input_audio_buffer.cleared"]
    player.append(silence(80))
    assert player.all("input_audio_buffer.speech_stopped") == []
    assert error_of(player.send("input_audio_buffer.commit")) == ("input_audio_buffer_commit_empty", None)


@pytest.mark.parametrize("audio", ["%%%", "AAA", "ä", 5, [], {}])
def test_audio_that_is_not_base64_is_refused(audio: object) -> None:
    assert error_of(SimulatorHarness().send("input_audio_buffer.append", audio=audio)) == ("invalid_value", "audio")


def test_audio_that_is_missing_is_refused() -> None:
    assert error_of(SimulatorHarness().send("input_audio_buffer.append")) == ("missing_required_parameter", "audio")


def test_half_a_sample_is_refused() -> None:
    player = SimulatorHarness()
    assert error_of(player.append(b"\0\0\0")) == ("invalid_value", "audio")
    assert player.received_audio == []


def test_15_mib_are_taken_and_a_byte_more_is_not() -> None:
    player = by_hand()
    assert player.append(bytes(MAX_APPEND_BYTES)) == []
    assert error_of(player.append(bytes(MAX_APPEND_BYTES + 1))) == ("string_above_max_length", "audio")
    assert MAX_APPEND_BYTES == 15 * 1024 * 1024


def test_telephone_audio_is_measured_at_its_own_rate() -> None:
    player = SimulatorHarness(dialect=Dialect.BETA)
    player.send("session.update", session={"input_audio_format": "g711_ulaw", "turn_detection": None})
    player.append(pcm24k_to_ulaw(silence(200)))
    assert player.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"
    assert player.received_audio[0] and len(player.received_audio[0]) == len(silence(200))  # noqa: PT018 - one fact


def idling(idle_ms: int = 5_000) -> SimulatorHarness:
    player = SimulatorHarness(behaviour=SessionBehaviour(pace=100))
    update(player, {"type": "server_vad", "idle_timeout_ms": idle_ms})
    return player


def test_silence_after_an_answer_is_committed_and_answered() -> None:
    player = idling()
    player.say()
    player.until("response.done")
    done_at, first = player.now, len(player.events)
    triggered = player.until("input_audio_buffer.timeout_triggered")
    assert player.now == pytest.approx(done_at + 5)
    player.until("response.done")
    names = [name for name in player.types_from(first) if name != "rate_limits.updated"]
    assert names[:5] == ["input_audio_buffer.timeout_triggered", *TURN[2:], "response.created"]
    assert player.all("input_audio_buffer.committed")[1]["item_id"] == triggered["item_id"]


def test_silence_before_any_answer_is_nothing() -> None:
    player = idling()
    assert player.wait(60) == []


def test_speech_ends_the_wait_for_silence() -> None:
    player = idling()
    player.say()
    player.until("response.done")
    player.wait(4)
    player.append(speech(400))
    player.wait(20)
    assert player.all("input_audio_buffer.timeout_triggered") == []


def test_switching_it_off_ends_the_wait_for_silence() -> None:
    player = idling()
    player.say()
    player.until("response.done")
    update(player, {"type": "server_vad", "idle_timeout_ms": None})
    player.wait(20)
    assert player.all("input_audio_buffer.timeout_triggered") == []


def test_a_transcription_session_detects_turns_and_answers_none() -> None:
    player = SimulatorHarness(SessionKind.TRANSCRIPTION)
    player.say()
    player.run_until_idle()
    assert player.types[1:] == TURN


def test_a_session_that_echoes_answers_with_what_was_said() -> None:
    player = SimulatorHarness(behaviour=SessionBehaviour(reply="echo"))
    player.append(silence(1_000))
    player.say(400, 400)
    player.until("response.done")
    deltas = [event["delta"] for event in player.all("response.output_audio.delta")]
    sound = silence(300) + speech(400) + silence(200)
    assert deltas == [base64(sound[start : start + 4_800]) for start in range(0, len(sound), 4_800)]


def test_a_session_that_echoes_keeps_a_minute_at_most() -> None:
    player = by_hand(behaviour=SessionBehaviour(reply="echo"))
    player.append(bytes(MAX_ECHO_BYTES) + speech(20))
    player.send("input_audio_buffer.commit")
    player.send("response.create")
    player.until("response.done", seconds=100)
    assert len(player.all("response.output_audio.delta")) == 600
