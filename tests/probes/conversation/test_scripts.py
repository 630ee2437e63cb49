from __future__ import annotations

import pytest

from bridge.protocol.audio.pcm import bytes_to_ms
from bridge.protocol.dialects.detection import Dialect, translate_event_type
from bridge.protocol.events.fields import SERVER_EVENTS
from probes.conversation.scripts import (
    AUDIO_RESPONSE_EVENTS,
    SCRIPTS,
    TEXT_RESPONSE_EVENTS,
    ConversationScript,
    question_audio,
)
from probes.recording.content import is_silent

BY_NAME = pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)


def test_there_is_a_script_for_each_feature_of_a_session() -> None:
    assert list(SCRIPTS) == ["text", "audio", "manual", "transcription", "function", "interrupt", "long", "errors"]


@BY_NAME
def test_a_script_expects_events_that_exist(script: ConversationScript) -> None:
    assert set(script.expected_events) <= set(SERVER_EVENTS[Dialect.GA])
    assert {*AUDIO_RESPONSE_EVENTS, *TEXT_RESPONSE_EVENTS} <= set(SERVER_EVENTS[Dialect.GA])
    for name in script.expected_events:
        assert set(translate_event_type(name, Dialect.BETA)) <= set(SERVER_EVENTS[Dialect.BETA])


@BY_NAME
def test_a_script_has_a_summary_and_a_time_limit(script: ConversationScript) -> None:
    assert script.summary
    assert script.time_limit > 0
    assert script.timeouts_allowed > 0
    assert script.sends_audio == (script.name in {"audio", "manual", "transcription", "long"})


def test_the_question_is_an_audible_sentence() -> None:
    assert 2500 < bytes_to_ms(len(question_audio())) < 3500
    assert not is_silent(question_audio())
    assert question_audio() is question_audio(), "read once"
