"""The two tongues: what is said in each, and how what comes back is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.simulation.protocols import JsonCallerProtocol, NativeCallerProtocol

PCM = b"\1\0" * 480
MANUAL = {"turnDetection": "none"}
TRANSCRIPTION = {"kind": "transcription"}


def error(code: str, message: str = "", **fields: Any) -> str:
    body = {"type": "bridge_error", "code": code, "message": message, **fields}
    return msgspec.json.encode({"type": "error", "event_id": "event_x", "error": body}).decode()


def test_the_client_protocol_asks_for_its_session_and_an_sdk_has_it_by_connecting() -> None:
    assert JsonCallerProtocol().open_session(MANUAL) == [{"type": "create_session", **MANUAL}]
    assert NativeCallerProtocol(flat=False).open_session({}) == []
    assert NativeCallerProtocol(flat=False).endpoint({}).target == "/v1/realtime?model=gpt-realtime-2.1"
    assert NativeCallerProtocol(flat=False).endpoint(TRANSCRIPTION).target == "/v1/realtime?intent=transcription"


@pytest.mark.parametrize(
    ("flat", "wish", "update"),
    [
        (
            False,
            MANUAL,
            {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}}},
        ),
        (True, MANUAL, {"type": "session.update", "session": {"turn_detection": None}}),
        (
            True,
            {**TRANSCRIPTION, "turnDetection": "semantic_vad"},
            {"type": "transcription_session.update", "session": {"turn_detection": {"type": "semantic_vad"}}},
        ),
        (False, {"tools": []}, {"type": "session.update", "session": {"type": "realtime", "tools": []}}),
    ],
)
def test_an_sdk_says_in_the_dialect_of_the_service_what_it_wishes_for(
    flat: bool, wish: dict[str, Any], update: dict[str, Any]
) -> None:
    assert NativeCallerProtocol(flat=flat).open_session(wish) == [update]


def test_the_end_of_speech() -> None:
    assert JsonCallerProtocol().commit(MANUAL) == [{"type": "audio_commit"}]
    types = [message["type"] for message in NativeCallerProtocol(flat=False).commit(MANUAL)]
    assert types == ["input_audio_buffer.commit", "response.create"]
    assert len(NativeCallerProtocol(flat=False).commit(TRANSCRIPTION)) == 1


def test_speech_is_bytes_or_text() -> None:
    assert JsonCallerProtocol().audio(PCM, as_json=False) == (PCM, False)
    for tongue in (JsonCallerProtocol(), NativeCallerProtocol(flat=False)):
        data, text = tongue.audio(PCM, as_json=True)
        assert text
        assert msgspec.json.decode(data)["audio"]


@pytest.mark.parametrize(
    ("frame", "read"),
    [
        (
            error("audio_dropped", "480 ms of audio and 2 other messages were given up"),
            ("audio_dropped", {"ms": 480.0}),
        ),
        (error("session_not_restored"), ("session_not_restored", {})),
        (
            error("connection_lost", detail={"attempts": 5}),
            ("error", {"code": "CONNECTION_LOST", "detail": {"attempts": 5}, "generation": 0}),
        ),
        (b"\0\0", ("(binary)", {})),
        ('{"type":"response.done"}', ("response.done", {"type": "response.done"})),
    ],
)
def test_what_an_sdk_is_told_is_read_in_the_client_protocols_words(frame: str | bytes, read: tuple[str, Any]) -> None:
    assert NativeCallerProtocol(flat=False).parse(frame) == read


def test_speech_is_not_looked_into_and_half_an_event_keeps_its_name() -> None:
    event = '{"type":"response.output_audio.delta","event_id":"event_AAAAAAAAAAAAAA12","delta":"AA'
    assert JsonCallerProtocol().parse(event) == ("response.output_audio.delta", {"event_id": "event_AAAAAAAAAAAAAA12"})
    half = '{"type":"response.done","event_id":"event_AAAAAAAAAAAAAA13","res'
    assert JsonCallerProtocol().parse(half) == ("(unreadable.event)", {"event_id": "event_AAAAAAAAAAAAAA13"})
    assert JsonCallerProtocol().parse(b"\0\0") == ("(speech)", {})
