"""`session.update`: applied as a whole or not at all, and every error it can cause."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.simulator.session.behaviour import SessionBehaviour
from tests.simulator.session_harness import SimulatorHarness, error_of


def nested(**audio_input: Any) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": audio_input}}


def tool(description: str = "") -> dict[str, Any]:
    return {"type": "function", "name": "f", "description": description, "parameters": {}}


REFUSED = [
    (None, "missing_required_parameter", "session"),
    ({}, "missing_required_parameter", "session.type"),
    ({"type": "transcription"}, "invalid_parameter", "session.type"),
    ({"type": "nonsense"}, "invalid_value", "session.type"),
    ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
    ({"type": "realtime", "voice": "alloy"}, "unknown_parameter", "session.voice"),
    ({"type": "realtime", "output_modalities": ["text", "audio"]}, "invalid_value", "session.output_modalities"),
    (
        nested(format={"type": "audio/pcm", "rate": 16_000}),
        "integer_below_min_value",
        "session.audio.input.format.rate",
    ),
    (
        {"type": "realtime", "tools": [tool(), tool("x" * 1_025)]},
        "string_above_max_length",
        "session.tools[1].description",
    ),
    ({"type": "realtime", "instructions": 5}, "invalid_type", "session.instructions"),
    ("text", "invalid_type", "session"),
]


@pytest.mark.parametrize(("session", "code", "param"), REFUSED)
def test_a_bad_update_is_refused_with_its_path_and_the_clients_event_id(session: Any, code: str, param: str) -> None:
    answer = SimulatorHarness().send("session.update", session=session, event_id="mine")
    assert error_of(answer) == (code, param)
    assert answer[0]["error"]["event_id"] == "mine"


def test_one_bad_field_discards_the_whole_update() -> None:
    harness = SimulatorHarness()
    bad = {"type": "realtime", "instructions": "Be brief.", "temperature": 1}
    assert error_of(harness.send("session.update", session=bad)) == ("unknown_parameter", "session.temperature")
    (updated,) = harness.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
    created = harness.events[0]["session"]
    assert updated["session"] == {**created, "output_modalities": ["text"]}


def test_an_update_keeps_what_it_does_not_name() -> None:
    harness = SimulatorHarness()
    harness.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
    (updated,) = harness.send("session.update", session=nested(transcription={"model": "whisper-1"}))
    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    assert updated["session"]["audio"]["input"]["transcription"]["model"] == "whisper-1"


def test_another_model_in_an_update_is_ignored_and_the_rest_applies() -> None:
    update = {"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}
    (updated,) = SimulatorHarness().send("session.update", session=update)
    assert (updated["session"]["model"], updated["session"]["instructions"]) == ("gpt-realtime-2.1", "Be brief.")


def test_events_about_a_session_do_not_change_afterwards() -> None:
    harness = SimulatorHarness()
    before = harness.events[0]["session"]["instructions"]
    harness.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
    assert harness.events[0]["session"]["instructions"] == before != "Be brief."


def spoken_to(dialect: Dialect = Dialect.GA) -> SimulatorHarness:
    harness = SimulatorHarness(dialect=dialect)
    harness.type("Hello")
    harness.send("response.create")
    harness.until("response.done")
    return harness


def test_the_voice_is_fixed_once_the_assistant_has_spoken() -> None:
    harness = spoken_to()
    update = {"type": "realtime", "instructions": "Be brief.", "audio": {"output": {"voice": "cedar"}}}
    answer = harness.send("session.update", session=update)
    assert error_of(answer) == ("cannot_update_voice", "session.audio.output.voice")
    (updated,) = harness.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    assert updated["session"]["instructions"] != "Be brief."


def test_the_voice_can_change_after_a_text_response() -> None:
    harness = SimulatorHarness()
    harness.send("response.create", response={"output_modalities": ["text"]})
    harness.until("response.done")
    (updated,) = harness.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    assert updated["session"]["audio"]["output"]["voice"] == "cedar"


def test_a_custom_voice_may_be_named_again_after_it_has_spoken() -> None:
    harness = SimulatorHarness()
    update = {"type": "realtime", "audio": {"output": {"voice": {"id": "voice_1"}}}}
    harness.send("session.update", session=update)
    harness.send("response.create")
    done = harness.until("response.done")
    assert done["response"]["audio"]["output"]["voice"] == {"id": "voice_1"}
    assert harness.send("session.update", session=update)[0]["type"] == "session.updated"


def test_the_beta_dialect_fixes_its_flat_voice() -> None:
    answer = spoken_to(Dialect.BETA).send("session.update", session={"voice": "verse"})
    assert error_of(answer) == ("cannot_update_voice", "session.voice")


def test_a_beta_session_refuses_the_nested_shape() -> None:
    harness = SimulatorHarness(dialect=Dialect.BETA)
    assert error_of(harness.send("session.update", session={"type": "realtime"})) == (
        "unknown_parameter",
        "session.type",
    )
    (updated,) = harness.send("session.update", session={"modalities": ["text"], "temperature": 0.7})
    assert (updated["session"]["modalities"], updated["session"]["temperature"]) == (["text"], 0.7)


def test_a_beta_transcription_session_confirms_under_its_own_name() -> None:
    harness = SimulatorHarness(SessionKind.TRANSCRIPTION, Dialect.BETA)
    transcription = {"model": "whisper-1"}
    (updated,) = harness.send("transcription_session.update", session={"input_audio_transcription": transcription})
    assert updated["type"] == "transcription_session.updated"
    assert updated["session"]["input_audio_transcription"] == {**transcription, "language": None, "prompt": None}


def test_a_transcription_session_refuses_the_other_type() -> None:
    answer = SimulatorHarness(SessionKind.TRANSCRIPTION).send("session.update", session={"type": "realtime"})
    assert error_of(answer) == ("invalid_parameter", "session.type")


def test_turn_detection_is_refused_for_a_model_that_has_none() -> None:
    harness = SimulatorHarness(SessionKind.TRANSCRIPTION)
    audio = {"transcription": {"model": "gpt-live-transcribe"}, "turn_detection": {"type": "server_vad"}}
    answer = harness.send("session.update", session={"type": "transcription", "audio": {"input": audio}})
    assert error_of(answer) == ("invalid_value", "session.audio.input.turn_detection")


def test_updates_may_never_be_confirmed_and_still_count() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(confirm="never"))
    assert harness.send("session.update", session={"type": "realtime", "output_modalities": ["text"]}) == []
    harness.send("response.create")
    assert harness.until("response.done")["response"]["output_modalities"] == ["text"]


def test_updates_can_be_refused_whatever_they_contain() -> None:
    harness = SimulatorHarness(behaviour=SessionBehaviour(confirm="refuse"))
    answer = harness.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
    assert error_of(answer) == ("unknown_parameter", "session.modalities")
    harness.send("response.create")
    assert harness.until("response.done")["response"]["output_modalities"] == ["audio"]


def test_a_secret_determines_the_session() -> None:
    harness = SimulatorHarness(config={"type": "realtime", "instructions": "Be brief.", "output_modalities": ["text"]})
    session = harness.one("session.created")["session"]
    assert (session["instructions"], session["output_modalities"]) == ("Be brief.", ["text"])
    assert session["id"] == harness.session.session_id
