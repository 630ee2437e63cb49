from __future__ import annotations

from typing import Any

import pytest

from bridge.core.session_data import SessionData
from bridge.core.settings import CoreSettings

VAD = {"type": "server_vad"}


def learned(session: dict[str, Any], **wish: Any) -> tuple[bool, bool]:
    """Whether turns are detected, and whether turn detection asks for the answer."""
    data = SessionData(CoreSettings(), lambda: 0.5)
    data.session_options = wish
    data.apply_configuration(session)
    return data.replay_buffer.turn_detection, data.auto_response


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ({"audio": {"input": {"turn_detection": VAD}}}, (True, True)),
        ({"audio": {"input": {"turn_detection": None}}}, (False, False)),
        ({"audio": {"input": {"turn_detection": {**VAD, "create_response": False}}}}, (True, False)),
        ({"turn_detection": VAD}, (True, True)),
        ({"turn_detection": None}, (False, False)),
        ({"type": "transcription", "audio": {"input": {"turn_detection": VAD}}}, (True, False)),
        ({}, (True, True)),
        ({"audio": 5, "type": []}, (True, True)),
    ],
    ids=str,
)
def test_what_the_upstream_confirms_says_who_ends_turns(session: dict[str, Any], expected: tuple[bool, bool]) -> None:
    assert learned(session) == expected


@pytest.mark.parametrize(
    ("session", "model"),
    [
        ({"type": "transcription", "audio": {"input": {"transcription": {"model": "writer"}}}}, "writer"),
        ({"input_audio_transcription": {"model": "writer"}}, "writer"),
        ({"type": "transcription", "audio": {"input": {"transcription": None}}}, "wished"),
        ({"input_audio_transcription": {"model": 5}}, "wished"),
    ],
    ids=str,
)
def test_the_model_of_a_transcription_is_the_one_that_writes(session: dict[str, Any], model: str) -> None:
    data = SessionData(CoreSettings(), lambda: 0.5)
    data.session_options = {"kind": "transcription", "model": "wished"}
    data.apply_configuration(session)
    assert data.model == model
    data.session_options, data.model = {"kind": "conversation"}, "talker"
    data.apply_configuration({**session, "type": "realtime"})
    assert data.model == "talker"


def test_what_the_upstream_does_not_say_is_as_wished() -> None:
    assert learned({}, turnDetection="none") == (False, False)
    assert learned({"audio": {"input": {"turn_detection": VAD}}}, turnDetection="none") == (True, True)
    assert learned({}, kind="transcription") == (True, False)


def test_requests_that_wait_outlive_their_upstream_session() -> None:
    data = SessionData(CoreSettings(), lambda: 0.5)
    data.responses.enqueue(b"ask")
    data.responses.response_created("r", 0, 0.0)
    data.begin_generation()
    assert (list(data.responses.queued), data.responses.active) == ([b"ask"], None)
