from __future__ import annotations

import copy
from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind, detect_dialect
from bridge.protocol.schema.requests import NO_VAD_MODELS, SESSION_SCHEMAS, validate
from bridge.protocol.schema.sessions import default_session, find_conflict, merge_update
from bridge.protocol.schema.shapes import session_to_flat, session_to_nested

MODEL = "gpt-realtime-2.1"
GA = (Dialect.GA, SessionKind.CONVERSATION)
TRANSCRIPTION = (Dialect.GA, SessionKind.TRANSCRIPTION)
BETA = (Dialect.BETA, SessionKind.CONVERSATION)
#: Fields that the server shows and a client may not send.
SHOWN_ONLY = {"object", "id", "expires_at"}


def heard(session: dict[str, Any]) -> Any:
    return session["audio"]["input"]


@pytest.mark.parametrize("key", [key for key in SESSION_SCHEMAS if key[0] is not Dialect.TRANSLATION])
def test_a_default_session_is_one_that_a_client_could_have_asked_for(key: tuple[Dialect, SessionKind]) -> None:
    session = {name: value for name, value in default_session(*key, MODEL).items() if name not in SHOWN_ONLY}
    assert validate(session, SESSION_SCHEMAS[key]) is None


@pytest.mark.parametrize("key", SESSION_SCHEMAS)
def test_a_default_session_gives_its_dialect_and_kind_away(key: tuple[Dialect, SessionKind]) -> None:
    found = detect_dialect({"type": "session.created", "session": default_session(*key, MODEL)})
    assert (found.dialect, found.kind) == key


@pytest.mark.parametrize(
    ("model", "voice", "silence_ms"),
    [("gpt-realtime", "alloy", 200), ("gpt-realtime-mini", "alloy", 200), (MODEL, "marin", 500)],
)
def test_defaults_are_those_that_were_recorded(model: str, voice: str, silence_ms: int) -> None:
    session = default_session(*GA, model)
    assert session["model"] == model
    assert session["output_modalities"] == ["audio"]
    assert (session["max_output_tokens"], session["truncation"]) == ("inf", "auto")
    assert session["audio"]["output"]["voice"] == voice
    assert heard(session)["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert heard(session)["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": silence_ms,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_transcription_session_neither_answers_nor_has_a_model() -> None:
    session = default_session(*TRANSCRIPTION, None)
    assert "model" not in session
    assert heard(session)["transcription"] is None
    assert set(heard(session)["turn_detection"]) == {"type", "threshold", "prefix_padding_ms", "silence_duration_ms"}


def test_defaults_of_both_dialects_say_the_same() -> None:
    nested, flat = default_session(*GA, MODEL), default_session(*BETA, MODEL)
    assert session_to_flat(nested).fields == {name: value for name, value in flat.items() if name != "temperature"}
    translated = session_to_nested(flat).fields
    del nested["truncation"], heard(nested)["turn_detection"]["idle_timeout_ms"]
    assert translated == nested


def test_defaults_are_a_new_object_each_time() -> None:
    heard(default_session(*GA, MODEL))["turn_detection"]["threshold"] = 0.9
    assert heard(default_session(*GA, MODEL))["turn_detection"]["threshold"] == 0.5


def test_a_dialect_without_the_kind_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        default_session(Dialect.TRANSLATION, SessionKind.CONVERSATION, None)


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    session = default_session(*GA, MODEL)
    before = copy.deepcopy(session)
    merged = merge_update(session, {"type": "realtime", "audio": {"output": {"voice": "cedar"}}, "instructions": "Hi"})
    assert session == before
    assert merged["audio"]["output"] == {**before["audio"]["output"], "voice": "cedar"}
    assert merged["instructions"] == "Hi"
    assert merged["audio"]["input"] == before["audio"]["input"]


def test_an_empty_update_changes_nothing() -> None:
    session = default_session(*GA, MODEL)
    assert merge_update(session, {"type": "realtime"}) == session


def test_lists_are_replaced() -> None:
    once = merge_update(default_session(*GA, MODEL), {"tools": [{"type": "function", "name": "a"}]})
    assert merge_update(once, {"tools": [{"type": "function", "name": "b"}]})["tools"] == [
        {"type": "function", "name": "b"}
    ]


def test_noise_reduction_keeps_the_strength_that_an_update_leaves_out() -> None:
    once = merge_update(
        default_session(*GA, MODEL), {"audio": {"input": {"noise_reduction": {"type": "near_field", "strength": 0.3}}}}
    )
    again = merge_update(once, {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}})
    assert heard(again)["noise_reduction"] == {"type": "far_field", "strength": 0.3}


def test_noise_reduction_is_as_strong_as_can_be_each_time_it_is_switched_on() -> None:
    noise: dict[str, Any] = {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}
    once = merge_update(default_session(*GA, MODEL), noise)
    assert heard(once)["noise_reduction"] == {"type": "near_field", "strength": 1.0}
    weak = merge_update(once, {"audio": {"input": {"noise_reduction": {"strength": 0.2}}}})
    off = merge_update(weak, {"audio": {"input": {"noise_reduction": None}}})
    assert heard(merge_update(off, noise)) == heard(once)


def test_transcription_is_shown_with_the_language_and_prompt_that_it_does_not_have() -> None:
    shown = {"model": "gpt-realtime-whisper", "language": None, "prompt": None}
    update = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
    assert heard(merge_update(default_session(*GA, MODEL), update))["transcription"] == shown
    translation = default_session(Dialect.TRANSLATION, SessionKind.TRANSLATION, "gpt-realtime-translate")
    assert heard(merge_update(translation, update))["transcription"] == {"model": "gpt-realtime-whisper"}


def test_empty_instructions_bring_back_the_default_ones() -> None:
    session = default_session(*GA, MODEL)
    changed = merge_update(session, {"type": "realtime", "instructions": "Be brief."})
    assert merge_update(changed, {"type": "realtime", "instructions": ""}) == session


def test_turn_detection_is_replaced_and_completed_with_its_defaults() -> None:
    once = merge_update(default_session(*GA, MODEL), {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert heard(once)["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    back = merge_update(once, {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}})
    assert heard(back)["turn_detection"] == {**heard(default_session(*GA, MODEL))["turn_detection"], "threshold": 0.7}


@pytest.mark.parametrize("key", [GA, TRANSCRIPTION])
def test_turn_detection_comes_back_as_it_was_after_being_off(key: tuple[Dialect, SessionKind]) -> None:
    session = default_session(*key, MODEL)
    off = merge_update(session, {"audio": {"input": {"turn_detection": None}}})
    assert heard(off)["turn_detection"] is None
    assert merge_update(off, {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}}) == session


def test_the_beta_has_no_idle_timeout_to_complete() -> None:
    session = default_session(*BETA, MODEL)
    assert (
        merge_update(merge_update(session, {"turn_detection": None}), {"turn_detection": {"type": "server_vad"}})
        == session
    )


def test_a_format_is_completed_with_its_rate_and_loses_it_again() -> None:
    session = default_session(*GA, MODEL)
    ulaw = merge_update(session, {"audio": {"input": {"format": {"type": "audio/pcmu"}}}})
    assert heard(ulaw)["format"] == {"type": "audio/pcmu"}
    assert merge_update(ulaw, {"audio": {"input": {"format": {"type": "audio/pcm"}}}}) == session


@pytest.mark.parametrize("model", sorted(NO_VAD_MODELS))
def test_a_model_without_turn_detection_turns_it_off_and_refuses_it(model: str) -> None:
    session = default_session(*TRANSCRIPTION, None)
    chosen: dict[str, Any] = {"type": "transcription", "audio": {"input": {"transcription": {"model": model}}}}
    assert find_conflict(session, chosen) is None
    assert heard(merge_update(session, chosen))["turn_detection"] is None
    chosen["audio"]["input"]["turn_detection"] = {"type": "server_vad"}
    fault = find_conflict(session, chosen)
    assert fault is not None
    assert (fault.code, fault.param) == ("invalid_value", "session.audio.input.turn_detection")


def test_other_models_and_conversations_accept_turn_detection() -> None:
    asked = {"transcription": {"model": "gpt-4o-transcribe"}, "turn_detection": {"type": "server_vad"}}
    assert find_conflict(default_session(*TRANSCRIPTION, None), {"audio": {"input": asked}}) is None
    live = {**asked, "transcription": {"model": "gpt-live-transcribe"}}
    assert find_conflict(default_session(*GA, MODEL), {"audio": {"input": live}}) is None
    assert find_conflict(default_session(*BETA, MODEL), {"turn_detection": {"type": "server_vad"}}) is None
