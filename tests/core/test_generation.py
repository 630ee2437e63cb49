from __future__ import annotations

from typing import Any

import pytest

from bridge.core.generation import Generation, Recovery
from bridge.core.speech.replay_buffer import ReplayBuffer
from tests.core.builders import audio

VAD = {"type": "server_vad"}


def generation(model: str = "") -> Generation:
    return Generation(model=model, replay=ReplayBuffer(30_000))


def detection(session: dict[str, Any], **options: Any) -> tuple[bool, bool]:
    """Whether turn detection is on, and whether it creates responses."""
    configured = generation()
    configured.apply_configuration(session, options)
    return configured.replay.turn_detection, configured.auto_response


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
    assert detection(session) == expected


def test_what_the_upstream_does_not_say_is_as_the_client_asked() -> None:
    assert detection({}, turnDetection="none") == (False, False)
    assert detection({"audio": {"input": {"turn_detection": VAD}}}, turnDetection="none") == (True, True)
    assert detection({}, kind="transcription") == (True, False)


@pytest.mark.parametrize(
    ("session", "model"),
    [
        ({"type": "transcription", "audio": {"input": {"transcription": {"model": "transcriber"}}}}, "transcriber"),
        ({"input_audio_transcription": {"model": "transcriber"}}, "transcriber"),
        ({"type": "transcription", "audio": {"input": {"transcription": None}}}, "requested"),
        ({"input_audio_transcription": {"model": 5}}, "requested"),
    ],
    ids=str,
)
def test_the_model_of_a_transcription_session_is_the_one_that_transcribes(session: dict[str, Any], model: str) -> None:
    transcription = generation()
    transcription.apply_configuration(session, {"kind": "transcription", "model": "requested"})
    assert transcription.model == model
    conversation = generation("speaker")
    conversation.apply_configuration({**session, "type": "realtime"}, {"kind": "conversation"})
    assert conversation.model == "speaker"


def test_a_recovery_knows_how_much_audio_it_replays() -> None:
    assert Recovery().replay_ms == 0
    assert Recovery(replay=(audio(100).pcm, None, audio(20).pcm, None)).replay_ms == 120
