from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.audio.pcm import silence, tone
from probes.recording.content import AUDIO_PLACEHOLDER, audio_ms, is_silent, keep_content, strip_content
from probes.runner.redaction import Secrets
from reports.redaction import Secret

WORDS = "Where is the harbour"
KEY = "sk-proj-0123456789abcdefghijKLMN"
NONE = Secrets()


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.delta", "delta": WORDS},
        {"type": "conversation.item.input_audio_transcription.completed", "transcript": WORDS},
        {
            "type": "conversation.item.added",
            "item": {"role": "user", "content": [{"type": "input_text", "text": WORDS}]},
        },
        {"type": "response.function_call_arguments.done", "name": "look_up", "arguments": f'{{"q": "{WORDS}"}}'},
        {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": WORDS}},
        {"type": "session.update", "session": {"instructions": WORDS, "tools": [{"description": WORDS}]}},
        {"type": "response.done", "response": {"metadata": {"about": WORDS}}},
        {"type": "create_session", "customerName": WORDS, "text": WORDS},
        {"type": "of.tomorrow", "a_field_that_nobody_knows": [[WORDS], {"deep": WORDS}]},
        {"type": "conversation.item.retrieved", "item": {"content": [{"type": "input_audio", "audio": WORDS}]}},
    ],
)
def test_no_content_stays(event: dict[str, Any]) -> None:
    assert WORDS not in str(strip_content(event, NONE))
    assert strip_content(event, NONE)["type"] == event["type"]
    assert keep_content(event, NONE) == event


def test_the_structure_that_the_verdict_needs_stays() -> None:
    event = {
        "type": "response.done",
        "event_id": "event_1",
        "response": {
            "id": "resp_1",
            "status": "failed",
            "status_details": {"error": {"type": "server_error", "code": None, "message": "It broke."}},
            "output_modalities": ["audio"],
            "usage": {"total_tokens": 12},
        },
    }
    assert strip_content(event, NONE) == event


def test_texts_keep_their_length_so_that_deltas_still_add_up() -> None:
    pieces = [strip_content({"delta": piece}, NONE)["delta"] for piece in ("Où ", "est-il?", "")]
    assert "".join(pieces) == strip_content({"text": "Où est-il?"}, NONE)["text"]


def test_a_secret_is_hidden_with_and_without_content() -> None:
    secrets = Secrets([Secret(KEY)])
    event = {"type": "error", "error": {"code": "invalid_api_key", "message": f"Incorrect API key: {KEY}"}}
    for redacted in (strip_content(event, secrets), keep_content(event, secrets)):
        assert KEY not in str(redacted)
        assert redacted["error"]["code"] == "invalid_api_key"
        assert redacted["error"]["message"].startswith("Incorrect API key")
    assert KEY not in str(keep_content({"type": "text", "text": [KEY]}, secrets))


def test_terms_of_the_protocol_are_shown_even_if_a_key_contains_them() -> None:
    secrets = Secrets([Secret("sk-scenario-organization-limit"), Secret("sk-scenario-failed-transcription")])
    event = {
        "type": "conversation.item.input_audio_transcription.failed",
        "error": {"code": "organization_spend_limit_exceeded", "type": "transcription_error"},
    }
    assert strip_content(event, secrets) == event
    assert keep_content(event, secrets) == event


def test_audio_becomes_a_placeholder() -> None:
    assert strip_content({"audio": "AAAA"}, NONE) == {"audio": AUDIO_PLACEHOLDER}
    assert strip_content({"audio": ""}, NONE) == {"audio": ""}


def test_silence_is_told_from_sound() -> None:
    assert is_silent(silence(100))
    assert is_silent(b"\x01\x00\xff\xff" * 100), "dither"
    assert not is_silent(tone(440, 100, 300))
    assert is_silent(b"")
    assert not is_silent(tone(440, 100, 3000) + b"\x00"), "half a sample at the end"


def test_length_counts_whole_samples() -> None:
    assert audio_ms(silence(20)) == 20
    assert audio_ms(silence(20) + b"\x00") == 20


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
        max_leaves=12,
    )
)
def test_the_shape_of_any_value_stays_and_unknown_text_does_not(value: Any) -> None:
    redacted = strip_content({"unheard_of": value}, NONE)["unheard_of"]
    assert type(redacted) is type(value) or isinstance(value, tuple)
    if isinstance(value, str):
        assert set(redacted) <= {"x"} or redacted == value
