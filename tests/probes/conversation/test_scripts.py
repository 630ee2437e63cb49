from __future__ import annotations

import pytest

from bridge.protocol.audio.pcm import ms_of
from bridge.protocol.dialects.detection import Dialect, in_dialect
from bridge.protocol.events.fields import SERVER_EVENTS
from probes.conversation.scripts import SCRIPTS, SOUND, TEXT, Script, question
from probes.recording.content import is_silent

BY_NAME = pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)


def test_there_is_a_script_for_each_thing_that_a_session_can_do() -> None:
    assert list(SCRIPTS) == ["text", "audio", "manual", "transcription", "function", "interrupt", "long"]


@BY_NAME
def test_a_script_expects_events_that_exist(script: Script) -> None:
    assert set(script.expects) <= set(SERVER_EVENTS[Dialect.GA])
    assert {*SOUND, *TEXT} <= set(SERVER_EVENTS[Dialect.GA])
    for name in script.expects:
        assert set(in_dialect(name, Dialect.BETA)) <= set(SERVER_EVENTS[Dialect.BETA])


@BY_NAME
def test_a_script_says_what_it_is_and_how_long_it_may_last(script: Script) -> None:
    assert script.summary
    assert script.seconds > 0
    assert script.waits > 0
    assert script.listens == (script.name in {"audio", "manual", "transcription", "long"})


def test_the_question_is_a_sentence_that_can_be_heard() -> None:
    assert 2500 < ms_of(len(question())) < 3500
    assert not is_silent(question())
    assert question() is question(), "read once"
