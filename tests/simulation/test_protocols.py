"""The two protocols of a caller: what is sent in each, and how what comes back is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.client_protocol.client import ReportedState
from bridge.simulation.protocols import JsonCallerProtocol, NativeCallerProtocol

PCM = b"\1\0" * 480
MANUAL = {"turnDetection": "none"}
TRANSCRIPTION = {"kind": "transcription"}


def objects(frames: list[bytes]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(frame) for frame in frames]


def error(message: str) -> str:
    body = {"type": "server_error", "code": "server_error", "message": message}
    return msgspec.json.encode({"type": "error", "event_id": "event_x", "error": body}).decode()


def test_a_client_asks_for_its_session_and_an_sdk_gets_it_by_connecting() -> None:
    assert objects(JsonCallerProtocol().open_session(MANUAL)) == [{"type": "create_session", **MANUAL}]
    assert NativeCallerProtocol(flat=False).open_session({}) == []
    assert NativeCallerProtocol(flat=False).endpoint({}).target == "/v1/realtime?model=gpt-realtime-2.1"
    assert NativeCallerProtocol(flat=False).endpoint(TRANSCRIPTION).target == "/v1/realtime?intent=transcription"


@pytest.mark.parametrize(
    ("flat", "options", "update"),
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
            {
                "type": "transcription_session.update",
                "session": {
                    "turn_detection": {"type": "semantic_vad"},
                    "input_audio_transcription": {"model": "whisper-1"},
                },
            },
        ),
        (
            False,
            TRANSCRIPTION,
            {
                "type": "session.update",
                "session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}},
            },
        ),
        (False, {"tools": []}, {"type": "session.update", "session": {"type": "realtime", "tools": []}}),
    ],
)
def test_an_sdk_asks_for_options_in_the_dialect_of_the_service(
    flat: bool, options: dict[str, Any], update: dict[str, Any]
) -> None:
    assert objects(NativeCallerProtocol(flat=flat).open_session(options)) == [update]


def test_a_turn_is_ended_in_either_protocol() -> None:
    assert objects(JsonCallerProtocol().commit(MANUAL)) == [{"type": "audio_commit"}]
    types = [event["type"] for event in objects(NativeCallerProtocol(flat=False).commit(MANUAL))]
    assert types == ["input_audio_buffer.commit", "response.create"]
    assert len(NativeCallerProtocol(flat=False).commit(TRANSCRIPTION)) == 1


def test_audio_is_binary_or_text() -> None:
    assert JsonCallerProtocol().audio(PCM, as_json=False) == (PCM, False)
    for protocol in (JsonCallerProtocol(), NativeCallerProtocol(flat=False)):
        data, text = protocol.audio(PCM, as_json=True)
        assert text
        assert msgspec.json.decode(data)["audio"]


@pytest.mark.parametrize(
    ("frame", "parsed"),
    [
        (error("No. (bridge: connection_lost)"), ("error", {"code": "CONNECTION_LOST", "eventId": None})),
        (error("No."), ("error", {"code": "server_error", "eventId": None})),
        (b"\0\0", ("(binary)", {})),
        ('{"type":"response.done"}', ("response.done", {"type": "response.done"})),
    ],
)
def test_what_an_sdk_receives_is_read_as_the_client_protocol_has_it(
    frame: str | bytes, parsed: tuple[str, Any]
) -> None:
    assert NativeCallerProtocol(flat=False).parse(frame) == parsed


def test_audio_is_not_decoded_and_a_truncated_event_keeps_its_id() -> None:
    event = '{"type":"response.output_audio.delta","event_id":"event_AAAAAAAAAAAAAA12","delta":"AA'
    assert JsonCallerProtocol().parse(event) == ("response.output_audio.delta", {"event_id": "event_AAAAAAAAAAAAAA12"})
    truncated = '{"type":"response.done","event_id":"event_AAAAAAAAAAAAAA13","res'
    assert JsonCallerProtocol().parse(truncated) == ("(unreadable.event)", {"event_id": "event_AAAAAAAAAAAAAA13"})
    assert JsonCallerProtocol().parse(b"\0\0") == ("(audio)", {})


def test_the_state_of_a_session_follows_what_the_bridge_reports() -> None:
    client, sdk = JsonCallerProtocol(), NativeCallerProtocol(flat=False)
    client.parse('{"type":"session_ready","generation":1}')
    sdk.parse('{"type":"session.created"}')
    states = [client.state, sdk.state]
    client.parse('{"type":"error","generation":1,"code":"CONNECTION_LOST","detail":{"attempts":5}}')
    assert states == [ReportedState.READY] * 2
    assert client.state == ReportedState.ENDED


def test_what_a_plan_makes_up_is_sent_as_it_is() -> None:
    for protocol in (JsonCallerProtocol(), NativeCallerProtocol(flat=False)):
        assert msgspec.json.decode(protocol.encode({"type": "no_such_message"})) == {"type": "no_such_message"}


def test_a_text_frame_that_is_no_message_is_named() -> None:
    assert JsonCallerProtocol().parse("[]") == ("(unreadable)", {})
