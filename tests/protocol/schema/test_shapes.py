from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.schema.requests import RESPONSE_SCHEMAS, SESSION_SCHEMAS, validate
from bridge.protocol.schema.shapes import (
    AUDIO_FORMATS,
    FLAT_TO_NESTED,
    item_to_flat,
    item_to_nested,
    response_to_flat,
    response_to_nested,
    session_to_flat,
    session_to_nested,
)

VAD = st.none() | st.fixed_dictionaries(
    {"type": st.just("server_vad")},
    optional={"threshold": st.floats(0, 1), "prefix_padding_ms": st.integers(0, 900), "create_response": st.booleans()},
)
TRANSCRIPTION = st.none() | st.fixed_dictionaries({}, optional={"model": st.just("whisper-1"), "language": st.text()})
NOISE = st.none() | st.fixed_dictionaries({"type": st.sampled_from(["near_field", "far_field"])})
TOOLS = st.lists(st.fixed_dictionaries({"type": st.just("function"), "name": st.text(min_size=1)}), max_size=2)
#: Fields that stand at the top and mean the same in both shapes.
SAME: dict[str, st.SearchStrategy[Any]] = {
    "model": st.text(),
    "instructions": st.text(),
    "tools": TOOLS,
    "tool_choice": st.sampled_from(["auto", "none", "required"]),
    "tracing": st.none() | st.just("auto"),
    "prompt": st.none() | st.fixed_dictionaries({"id": st.text()}),
    "include": st.none(),
}
TOKENS = st.integers(1, 4096) | st.just("inf")
FLAT = st.fixed_dictionaries(
    {},
    optional={
        **SAME,
        "modalities": st.sampled_from([["text"], ["audio", "text"]]),
        "voice": st.sampled_from(["alloy", "cedar"]),
        "speed": st.floats(0.25, 1.5),
        "input_audio_format": st.sampled_from(sorted(AUDIO_FORMATS)),
        "output_audio_format": st.sampled_from(sorted(AUDIO_FORMATS)),
        "input_audio_transcription": TRANSCRIPTION,
        "input_audio_noise_reduction": NOISE,
        "turn_detection": VAD,
        "max_response_output_tokens": TOKENS,
    },
)
FORMAT = st.sampled_from([dict(nested) for nested in AUDIO_FORMATS.values()])
INPUT = {"format": FORMAT, "transcription": TRANSCRIPTION, "noise_reduction": NOISE, "turn_detection": VAD}
OUTPUT = {"format": FORMAT, "voice": st.sampled_from(["alloy", "cedar"]), "speed": st.floats(0.25, 1.5)}


def some_of(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields, but never none: an empty group is not worth a word in either shape."""
    return st.fixed_dictionaries({}, optional=fields).filter(bool)


NESTED = st.fixed_dictionaries(
    {"type": st.just("realtime")},
    optional={
        **SAME,
        "output_modalities": st.sampled_from([["text"], ["audio"]]),
        "max_output_tokens": TOKENS,
        "audio": some_of({"input": some_of(INPUT), "output": some_of(OUTPUT)}),
    },
)


@given(FLAT)
def test_flat_to_nested_and_back_loses_nothing(flat: dict[str, Any]) -> None:
    there = session_to_nested(flat)
    back = session_to_flat(there.fields)
    assert (back.fields, there.untranslated, back.untranslated) == (flat, (), ())


@given(NESTED)
def test_nested_to_flat_and_back_loses_nothing(nested: dict[str, Any]) -> None:
    there = session_to_flat(nested)
    back = session_to_nested(there.fields)
    assert (back.fields, there.untranslated, back.untranslated) == (nested, (), ())


@given(FLAT)
def test_a_legal_flat_session_becomes_a_legal_nested_one(flat: dict[str, Any]) -> None:
    assert validate(flat, SESSION_SCHEMAS[Dialect.BETA, SessionKind.CONVERSATION]) is None
    assert validate(session_to_nested(flat).fields, SESSION_SCHEMAS[Dialect.GA, SessionKind.CONVERSATION]) is None


def test_the_table_reads_as_the_migration_does() -> None:
    flat = {
        "modalities": ["text", "audio"],
        "voice": "ash",
        "input_audio_format": "pcm16",
        "output_audio_format": "g711_alaw",
        "turn_detection": None,
        "input_audio_transcription": {"model": "whisper-1"},
        "max_response_output_tokens": 100,
    }
    assert session_to_nested(flat).fields == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "turn_detection": None,
                "transcription": {"model": "whisper-1"},
            },
            "output": {"voice": "ash", "format": {"type": "audio/pcma"}},
        },
        "max_output_tokens": 100,
    }


def test_a_transcription_session_keeps_its_type_and_input() -> None:
    flat = {
        "input_audio_format": "pcm16",
        "include": ["item.input_audio_transcription.logprobs"],
        "turn_detection": None,
    }
    there = session_to_nested(flat, SessionKind.TRANSCRIPTION)
    assert there.fields["type"] == "transcription"
    assert validate(there.fields, SESSION_SCHEMAS[Dialect.GA, SessionKind.TRANSCRIPTION]) is None
    assert session_to_flat(there.fields).fields == flat


@pytest.mark.parametrize("name", ["temperature", "client_secret", "nonsense"])
def test_what_ga_does_not_have_is_lost_by_name(name: str) -> None:
    there = session_to_nested({name: 1, "voice": "ash"})
    assert there.untranslated == (name,)
    assert there.fields == {"type": "realtime", "audio": {"output": {"voice": "ash"}}}


@pytest.mark.parametrize(
    ("nested", "flat", "lost"),
    [
        (
            {"truncation": "auto", "reasoning": {}, "parallel_tool_calls": True},
            {},
            ("truncation", "reasoning", "parallel_tool_calls"),
        ),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": None}}}},
            {"turn_detection": {"type": "server_vad"}},
            ("audio.input.turn_detection.idle_timeout_ms",),
        ),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field", "strength": 1}}}},
            {"input_audio_noise_reduction": {"type": "near_field"}},
            ("audio.input.noise_reduction.strength",),
        ),
        (
            {
                "audio": {
                    "input": {"transcription": {"model": "gpt-live-transcribe", "keywords": ["x"], "delay": "low"}}
                }
            },
            {"input_audio_transcription": {"model": "gpt-live-transcribe"}},
            ("audio.input.transcription.keywords", "audio.input.transcription.delay"),
        ),
        (
            {"tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "x"}]},
            {"tools": [{"type": "function", "name": "f"}]},
            ("tools[1]",),
        ),
        ({"audio": {"output": {"voice": {"id": "voice_1"}}}}, {}, ("audio.output.voice",)),
        ({"audio": {"input": {"format": {"type": "audio/opus"}}}}, {}, ("audio.input.format",)),
        ({"audio": {"shape": "round"}}, {}, ("audio.shape",)),
    ],
)
def test_what_the_beta_does_not_have_is_lost_by_path(
    nested: dict[str, Any], flat: dict[str, Any], lost: tuple[str, ...]
) -> None:
    there = session_to_flat({"type": "realtime", **nested})
    assert (there.fields, there.untranslated) == (flat, lost)


def test_values_that_mean_nothing_are_carried_along_unjudged() -> None:
    odd = {"modalities": "audio", "input_audio_format": 7, "tools": None, "turn_detection": "off"}
    there = session_to_nested(odd)
    assert session_to_flat(there.fields).fields == odd


def test_no_two_flat_fields_go_to_the_same_place() -> None:
    assert len(set(FLAT_TO_NESTED.values())) == len(FLAT_TO_NESTED)


def test_a_response_goes_both_ways_with_its_items() -> None:
    answer = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
    flat = {
        "modalities": ["audio", "text"],
        "voice": "sage",
        "output_audio_format": "pcm16",
        "max_response_output_tokens": "inf",
        "conversation": "none",
        "metadata": {"a": "b"},
        "input": [answer],
    }
    there = response_to_nested(flat)
    assert "type" not in there.fields
    assert there.fields["input"][0]["content"] == [{"type": "output_text", "text": "Hi"}]
    assert validate(there.fields, RESPONSE_SCHEMAS[Dialect.GA], "response") is None
    assert response_to_flat(there.fields).fields == flat
    assert response_to_nested({"temperature": 0.8}).untranslated == ("temperature",)


@pytest.mark.parametrize(("flat", "nested"), [("text", "output_text"), ("audio", "output_audio")])
def test_an_assistants_parts_are_renamed_both_ways(flat: str, nested: str) -> None:
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": [{"type": flat, "transcript": "x"}]}
    there = item_to_nested(item)
    assert there["content"] == [{"type": nested, "transcript": "x"}]
    assert item_to_flat(there) == item


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "function_call_output", "call_id": "c", "output": "text"},
        {"type": "message", "role": "assistant"},
    ],
)
def test_other_items_stay_as_they_are(item: dict[str, Any]) -> None:
    assert item_to_nested(item) == item
    assert item_to_flat(item) == item
