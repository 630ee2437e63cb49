from __future__ import annotations

from typing import Any

import pytest

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.schema.requests import (
    MINT_SCHEMAS,
    NO_VAD_MODELS,
    RESPONSE_SCHEMAS,
    SESSION_SCHEMAS,
    TRANSCRIPTION_MODELS,
    VOICES,
    InvalidField,
    validate,
)
from bridge.protocol.schema.shapes import session_to_nested

GA = SESSION_SCHEMAS[Dialect.GA, SessionKind.CONVERSATION]
GA_TRANSCRIPTION = SESSION_SCHEMAS[Dialect.GA, SessionKind.TRANSCRIPTION]
BETA = SESSION_SCHEMAS[Dialect.BETA, SessionKind.CONVERSATION]
TRANSLATION = SESSION_SCHEMAS[Dialect.TRANSLATION, SessionKind.TRANSLATION]

FULL_GA: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "gpt-4o-transcribe", "language": "de", "prompt": None, "delay": "low"},
            "noise_reduction": {"type": "near_field", "strength": 0.5},
            "turn_detection": {"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6_000},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.25},
    },
    "tools": [
        {"type": "function", "name": "f", "description": "d" * 1_024, "parameters": {"type": "object"}},
        {"type": "mcp", "server_label": "x", "server_url": "https://mcp.invalid"},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "parallel_tool_calls": True,
    "max_output_tokens": "inf",
    "reasoning": {"effort": "low"},
    "tracing": {"workflow_name": "w"},
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
    "prompt": {"id": "pmpt_1", "variables": {"name": "x"}},
    "include": ["item.input_audio_transcription.logprobs"],
}
FULL_BETA: dict[str, Any] = {
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "modalities": ["text", "audio"],
    "voice": "alloy",
    "speed": 0.25,
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": {"type": "far_field"},
    "turn_detection": {"type": "semantic_vad", "eagerness": "low", "create_response": False},
    "tools": [{"type": "function", "name": "f"}],
    "tool_choice": "required",
    "temperature": 0.6,
    "max_response_output_tokens": 4_096,
    "tracing": "auto",
    "client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}},
}


def fault(session: object, schema: Any, path: str = "session") -> InvalidField:
    found = validate(session, schema, path)
    assert found is not None
    return found


def with_input(**fields: object) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"input": fields}}


@pytest.mark.parametrize(
    ("session", "schema"),
    [
        (FULL_GA, GA),
        ({"type": "realtime"}, GA),
        (with_input(turn_detection=None, transcription=None, noise_reduction=None), GA),
        ({"type": "realtime", "audio": {"output": {"voice": {"id": "voice_1"}}}}, GA),
        ({"type": "transcription", "audio": FULL_GA["audio"] | {}} | {"audio": {"input": {}}}, GA_TRANSCRIPTION),
        (FULL_BETA, BETA),
        ({}, BETA),
        (
            {"input_audio_format": "pcm16", "turn_detection": None},
            SESSION_SCHEMAS[Dialect.BETA, SessionKind.TRANSCRIPTION],
        ),
        ({"audio": {"output": {"language": "es"}}}, TRANSLATION),
        ({"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}, TRANSLATION),
    ],
)
def test_a_session_within_the_rules_has_no_fault(session: object, schema: Any) -> None:
    assert validate(session, schema) is None


@pytest.mark.parametrize(
    "name", [name for name in FULL_BETA if name not in {"model", "instructions", "tools", "tool_choice"}]
)
def test_a_beta_field_in_a_ga_session_is_an_unknown_parameter(name: str) -> None:
    if name == "tracing":
        assert validate({"type": "realtime", "tracing": "auto"}, GA) is None
        return
    found = fault({"type": "realtime", name: FULL_BETA[name]}, GA)
    assert (found.code, found.param) == ("unknown_parameter", f"session.{name}")
    assert found.message == f"Unknown parameter: 'session.{name}'."


@pytest.mark.parametrize("name", ["type", "audio", "output_modalities", "max_output_tokens", "truncation", "reasoning"])
def test_a_ga_field_in_a_beta_session_is_an_unknown_parameter(name: str) -> None:
    found = fault({name: FULL_GA[name]}, BETA)
    assert (found.code, found.param) == ("unknown_parameter", f"session.{name}")


@pytest.mark.parametrize(
    ("session", "schema", "code", "param"),
    [
        ({}, GA, "missing_required_parameter", "session.type"),
        (FULL_BETA, GA, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, GA, "invalid_parameter", "session.type"),
        ({"type": "realtime"}, GA_TRANSCRIPTION, "invalid_parameter", "session.type"),
        ({"type": "chat"}, GA, "invalid_value", "session.type"),
        (
            {"type": "realtime", "output_modalities": ["audio", "text"]},
            GA,
            "invalid_value",
            "session.output_modalities",
        ),
        ({"modalities": ["audio"]}, BETA, "invalid_value", "session.modalities"),
        ({"temperature": 1.3}, BETA, "decimal_above_max_value", "session.temperature"),
        ({"voice": "john"}, BETA, "invalid_value", "session.voice"),
        ({"type": "realtime", "max_output_tokens": 0}, GA, "integer_below_min_value", "session.max_output_tokens"),
        ({"type": "realtime", "max_output_tokens": 4097}, GA, "integer_above_max_value", "session.max_output_tokens"),
        ({"type": "realtime", "max_output_tokens": "lots"}, GA, "invalid_value", "session.max_output_tokens"),
        (
            with_input(format={"type": "audio/pcm", "rate": 16_000}),
            GA,
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (with_input(format={"type": "audio/wav"}), GA, "invalid_value", "session.audio.input.format.type"),
        (with_input(format="pcm16"), GA, "invalid_type", "session.audio.input.format"),
        (with_input(turn_detection={"type": "none"}), GA, "invalid_value", "session.audio.input.turn_detection.type"),
        (with_input(turn_detection={}), GA, "missing_required_parameter", "session.audio.input.turn_detection.type"),
        (
            with_input(turn_detection={"type": "server_vad", "threshold": 1.1}),
            GA,
            "decimal_above_max_value",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            with_input(turn_detection={"type": "server_vad", "idle_timeout_ms": 4_999}),
            GA,
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            with_input(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
            GA,
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            with_input(transcription={"model": "whisper-9"}),
            GA,
            "invalid_value",
            "session.audio.input.transcription.model",
        ),
        (
            {"type": "realtime", "tools": [{"type": "function", "name": "f", "description": "d" * 1_025}]},
            GA,
            "string_above_max_length",
            "session.tools[0].description",
        ),
        (
            {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]},
            GA,
            "missing_required_parameter",
            "session.tools[0].server_url",
        ),
        (
            {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x", "server_url": "u", "name": "f"}]},
            GA,
            "unknown_parameter",
            "session.tools[0].name",
        ),
        (
            {"audio": {"input": {"noise_reduction": {}}}},
            TRANSLATION,
            "missing_required_parameter",
            "session.audio.input.noise_reduction.type",
        ),
        ({"type": "realtime", "reasoning": {"effort": "extreme"}}, GA, "invalid_value", "session.reasoning.effort"),
        (
            {"type": "realtime", "truncation": {"type": "retention_ratio"}},
            GA,
            "missing_required_parameter",
            "session.truncation.retention_ratio",
        ),
        ({"type": "realtime", "tools": [{"name": "f"}]}, GA, "missing_required_parameter", "session.tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, BETA, "invalid_value", "session.tools[0].type"),
        ({"type": "realtime", "tool_choice": "maybe"}, GA, "invalid_value", "session.tool_choice"),
        ({"type": "transcription", "instructions": "x"}, GA_TRANSCRIPTION, "unknown_parameter", "session.instructions"),
        (
            {"type": "transcription", "audio": {"output": {}}},
            GA_TRANSCRIPTION,
            "unknown_parameter",
            "session.audio.output",
        ),
        ({"type": "translation"}, TRANSLATION, "unknown_parameter", "session.type"),
        ([], GA, "invalid_type", "session"),
    ],
)
def test_a_fault_has_its_code_and_its_path(session: object, schema: Any, code: str, param: str) -> None:
    found = fault(session, schema)
    assert (found.code, found.param) == (code, param)


def test_an_update_of_the_other_session_type_has_its_own_message() -> None:
    found = fault({"type": "transcription", "model": "x", "nonsense": 1}, GA)
    assert found.message == "Passing a transcription session update event to a realtime session is not allowed."


def test_a_translation_must_name_its_model_when_it_is_minted_and_not_later() -> None:
    key = (Dialect.TRANSLATION, SessionKind.TRANSLATION)
    assert fault({}, MINT_SCHEMAS[key]).code == "missing_required_parameter"
    assert fault({"model": "gpt-realtime-translate"}, SESSION_SCHEMAS[key]).code == "unknown_parameter"
    assert validate({"model": "gpt-realtime-translate"}, MINT_SCHEMAS[key]) is None


def test_what_the_beta_accepts_ga_accepts_after_translation() -> None:
    assert validate(session_to_nested(FULL_BETA).fields, GA) is None


def test_both_dialects_accept_every_voice() -> None:
    for voice in VOICES:
        assert validate({"voice": voice}, BETA) is None
        assert validate({"type": "realtime", "audio": {"output": {"voice": voice}}}, GA) is None


def test_models_without_turn_detection_are_transcription_models() -> None:
    assert set(TRANSCRIPTION_MODELS) > NO_VAD_MODELS


@pytest.mark.parametrize(
    ("response", "dialect"),
    [
        ({}, Dialect.GA),
        ({"conversation": "none", "metadata": {"topic": "x"}, "output_modalities": ["text"]}, Dialect.GA),
        ({"input": [{"type": "item_reference", "id": "item_1"}], "max_output_tokens": 200}, Dialect.GA),
        ({"audio": {"output": {"voice": "cedar"}}, "tool_choice": "none", "tools": []}, Dialect.GA),
        ({"modalities": ["text"], "voice": "sage", "temperature": 1.2, "max_response_output_tokens": 5}, Dialect.BETA),
        (
            {"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]},
            Dialect.BETA,
        ),
    ],
)
def test_a_response_within_the_rules_has_no_fault(response: object, dialect: Dialect) -> None:
    assert validate(response, RESPONSE_SCHEMAS[dialect], "response") is None


@pytest.mark.parametrize(
    ("response", "dialect", "code", "param"),
    [
        ({"modalities": ["text"]}, Dialect.GA, "unknown_parameter", "response.modalities"),
        ({"output_modalities": ["text"]}, Dialect.BETA, "unknown_parameter", "response.output_modalities"),
        ({"conversation": "conv_1"}, Dialect.GA, "invalid_value", "response.conversation"),
        (
            {"input": [{"type": "message", "role": "user"}]},
            Dialect.GA,
            "missing_required_parameter",
            "response.input[0].content",
        ),
        ({"audio": {"input": {}}}, Dialect.GA, "unknown_parameter", "response.audio.input"),
    ],
)
def test_a_fault_in_a_response_names_its_path(response: object, dialect: Dialect, code: str, param: str) -> None:
    found = fault(response, RESPONSE_SCHEMAS[dialect], "response")
    assert (found.code, found.param) == (code, param)


def session_with(**fields: object) -> dict[str, Any]:
    return {"type": "realtime", **fields}


@pytest.mark.parametrize(
    ("value", "schema", "path"),
    [
        (session_with(tracing=None, prompt=None, include=None, reasoning=None), GA, "session"),
        (with_input(turn_detection=None, transcription=None, noise_reduction=None), GA, "session"),
        (with_input(transcription={"model": "whisper-1", "language": None, "prompt": None}), GA, "session"),
        (with_input(turn_detection={"type": "server_vad", "idle_timeout_ms": None}), GA, "session"),
        (session_with(prompt={"id": "p", "version": None, "variables": None}), GA, "session"),
        ({"audio": {"input": {"transcription": None, "noise_reduction": None}}}, TRANSLATION, "session"),
        ({"instructions": None, "metadata": None, "prompt": None}, RESPONSE_SCHEMAS[Dialect.GA], "response"),
        ({"instructions": None, "metadata": None}, RESPONSE_SCHEMAS[Dialect.BETA], "response"),
    ],
)
def test_null_is_accepted_where_the_service_accepts_it(value: object, schema: Any, path: str) -> None:
    assert validate(value, schema, path) is None


@pytest.mark.parametrize(
    ("session", "param"),
    [
        (with_input(format=None), "session.audio.input.format"),
        (
            with_input(turn_detection={"type": "server_vad", "create_response": None}),
            "session.audio.input.turn_detection.create_response",
        ),
        *((session_with(**{name: None}), f"session.{name}") for name in ("instructions", "tools", "max_output_tokens")),
        *((session_with(**{name: None}), f"session.{name}") for name in ("tool_choice", "truncation", "audio")),
    ],
)
def test_null_is_refused_elsewhere_and_the_message_says_so(session: object, param: str) -> None:
    found = fault(session, GA)
    assert (found.code, found.param) == ("invalid_type", param)
    assert found.message.endswith("but got null instead.")


@pytest.mark.parametrize("where", [{"server_url": "https://mcp.invalid"}, {"connector_id": "c"}, {"tunnel_id": "t"}])
def test_an_mcp_tool_says_where_its_server_is(where: dict[str, str]) -> None:
    tool = {
        "type": "mcp",
        "server_label": "docs",
        "headers": None,
        "allowed_tools": {"tool_names": ["search"], "read_only": True},
        "require_approval": {"never": {"tool_names": ["search"]}},
        **where,
    }
    assert validate(session_with(tools=[tool]), GA) is None
    assert validate({"tools": [tool]}, RESPONSE_SCHEMAS[Dialect.GA], "response") is None


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh"])
def test_every_effort_of_reasoning_is_accepted(effort: str) -> None:
    assert validate(session_with(reasoning={"effort": effort}), GA) is None


@pytest.mark.parametrize("number", [0, 1, 99, 100, 3_600_000])
def test_a_pause_may_be_as_short_as_nothing_and_as_long_as_a_session(number: int) -> None:
    turns = {"type": "server_vad", "silence_duration_ms": number, "prefix_padding_ms": number}
    session = {"type": "realtime", "audio": {"input": {"turn_detection": turns}}}
    assert validate(session, SESSION_SCHEMAS[Dialect.GA, SessionKind.CONVERSATION]) is None
