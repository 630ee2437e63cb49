"""What each message may have, which event it becomes, and the error for an invalid one."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.client_protocol.messages import CLIENT_MESSAGES
from bridge.core.events import (
    BadMessage,
    ClientAudio,
    ClientCommit,
    ClientText,
    ClientToolResult,
    CreateSession,
    EndSession,
    Interrupt,
    Ping,
    PlaybackProgress,
    RestartSession,
)
from bridge.server.clients.json_messages import parse_client_frame

if TYPE_CHECKING:
    from bridge.core.events import Event

FREE = frozenset[str]()


def read(message: dict[str, Any], locked: frozenset[str] = FREE) -> Event:
    return parse_client_frame(json.dumps(message).encode(), locked)


def refusal(frame: str, locked: frozenset[str] = FREE) -> str:
    event = parse_client_frame(frame.encode(), locked)
    assert isinstance(event, BadMessage)
    assert event.code == "INVALID_MESSAGE"
    return event.message


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"type": "audio_commit"}, ClientCommit()),
        ({"type": "text", "text": "hello"}, ClientText("hello")),
        ({"type": "audio", "audio": b64encode(b"\1\2").decode()}, ClientAudio(b"\1\2")),
        ({"type": "interrupt"}, Interrupt()),
        ({"type": "interrupt", "itemId": "i", "playedMs": 12.6}, Interrupt("i", 13)),
        ({"type": "interrupt", "itemId": None, "playedMs": 0}, Interrupt(None, 0)),
        ({"type": "playback", "itemId": "i", "playedMs": 12.6}, PlaybackProgress("i", 13)),
        ({"type": "tool_result", "callId": "c", "output": ""}, ClientToolResult("c", "")),
        ({"type": "restart_session"}, RestartSession()),
        ({"type": "end_session"}, EndSession()),
        ({"type": "ping"}, Ping()),
        ({"type": "ping", "id": 7}, Ping(7)),
        ({"type": "ping", "id": "x"}, Ping("x")),
        ({"type": "create_session"}, CreateSession({})),
    ],
)
def test_each_message_becomes_its_event(message: dict[str, Any], event: Event) -> None:
    assert read(message) == event


def test_every_message_of_the_table_is_accepted() -> None:
    values = {"audio": "AAA=", "text": "t", "callId": "c", "output": "o", "itemId": "i", "playedMs": 1}
    for kind, known in CLIENT_MESSAGES.items():
        needed = {name: values[name] for name, field in known.fields.items() if field.required}
        assert not isinstance(read({"type": kind, **needed}), BadMessage), kind


def test_session_options_keep_only_fields_of_the_protocol() -> None:
    options = {
        "model": "m",
        "voice": "v",
        "instructions": "",
        "customerId": 0,
        "customerName": "Ada",
        "kind": "transcription",
        "turnDetection": "none",
        "tools": [{"type": "function"}],
        "audioOut": "binary",
    }
    event = read({"type": "create_session", "extra": 1, "timestamp": "now", **options})
    assert event == CreateSession(options)


def test_null_counts_as_absent() -> None:
    assert read({"type": "create_session", "voice": None, "tools": None}) == CreateSession({})


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("", ["not JSON"]),
        ("{", ["not JSON"]),
        ("[]", ["not a JSON object"]),
        ('"text"', ["not a JSON object"]),
        ("3", ["not a JSON object"]),
        ("{}", ["no 'type'"]),
        ('{"type": 3}', ["no 'type'"]),
        ('{"type": ""}', ["no 'type'"]),
        ('{"type": "texte"}', ["'texte'", "create_session", "ping"]),
        ('{"type": "text"}', ["text: 'text' is missing"]),
        ('{"type": "text", "text": "  "}', ["'text' is invalid (expected a non-empty string)"]),
        ('{"type": "text", "text": 3}', ["'text' is invalid (expected a non-empty string)"]),
        ('{"type": "audio"}', ["'audio' is missing"]),
        ('{"type": "audio", "audio": "???"}', ["not valid base64"]),
        ('{"type": "audio", "audio": "AAA"}', ["not valid base64"]),
        ('{"type": "audio", "audio": "AA==\\n"}', ["not valid base64"]),
        ('{"type": "audio", "audio": "AAAA"}', ["3 bytes", "PCM16"]),
        ('{"type": "create_session", "kind": "chat"}', ["'kind'", "one of conversation, transcription"]),
        ('{"type": "create_session", "kind": 1}', ["'kind'", "one of conversation, transcription"]),
        ('{"type": "create_session", "turnDetection": "vad"}', ["'turnDetection'", "server_vad, semantic_vad, none"]),
        ('{"type": "create_session", "audioOut": "mp3"}', ["'audioOut'", "base64, binary"]),
        ('{"type": "create_session", "tools": {}}', ["'tools' is invalid (expected an array of objects)"]),
        ('{"type": "create_session", "tools": ["x"]}', ["'tools' is invalid (expected an array of objects)"]),
        ('{"type": "create_session", "model": ""}', ["'model' is invalid (expected a non-empty string)"]),
        ('{"type": "create_session", "customerId": {}}', ["'customerId' is invalid (expected a string or a number)"]),
        ('{"type": "create_session", "customerId": true}', ["'customerId' is invalid (expected a string or a number)"]),
        ('{"type": "interrupt", "playedMs": -1}', ["'playedMs'", "milliseconds"]),
        ('{"type": "interrupt", "playedMs": 1e99}', ["'playedMs'"]),
        ('{"type": "interrupt", "playedMs": "12"}', ["'playedMs'"]),
        ('{"type": "tool_result", "callId": "c"}', ["'output' is missing"]),
        ('{"type": "tool_result", "callId": "c", "output": {}}', ["'output' is invalid (expected a string)"]),
        ('{"type": "ping", "id": {}}', ["'id'"]),
    ],
)
def test_an_invalid_field_is_named(frame: str, words: list[str]) -> None:
    message = refusal(frame)
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"text","text":' + "[" * 100_000,
        '{"a":' * 100_000,
        '{"type":"text","text":1e309}',
        '{"type":"ping","id":' + "9" * 5_000 + "}",
        '{"type":"ping","id":' + "9" * 30 + "}",
        '{"type":"interrupt","playedMs":' + "9" * 400 + "}",
        '{"type":"text","text":"\\ud800"}',
        '{"type":"text","text":NaN}',
        '{"type":"ping","id":"' + "x" * 201 + '"}',
        '\ufeff{"type":"ping"}',
        '{"type":"ping"}{"type":"ping"}',
        '{"type":"' + "x" * 100_000 + '"}',
    ],
    ids=lambda frame: frame[:24],
)
def test_hostile_json_is_rejected_with_a_short_message(frame: str) -> None:
    assert len(refusal(frame)) < 400


def test_the_last_of_two_equal_keys_counts() -> None:
    frame = '{"type":"ping","type":"session.update","session":{"model":"x"}}'
    assert "model" in refusal(frame, frozenset({"model"}))


@pytest.mark.parametrize("name", ["model", "voice", "instructions", "tools", "turnDetection"])
def test_a_locked_field_is_rejected_by_name_and_others_are_not(name: str) -> None:
    values = {"model": "m", "voice": "v", "instructions": "i", "tools": [], "turnDetection": "none"}
    message = refusal(json.dumps({"type": "create_session", name: values.pop(name)}), frozenset({name}))
    assert message.startswith(f"create_session: {name} is set by the server")
    assert read({"type": "create_session", **values}, frozenset({name})) == CreateSession(values)


@given(
    st.text(max_size=40) | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_no_frame_raises(frame: str) -> None:
    parse_client_frame(frame.encode(), FREE)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(CLIENT_MESSAGES)), st.data())
def test_no_value_in_a_field_raises(kind: str, data: st.DataObject) -> None:
    names = sorted(CLIENT_MESSAGES[kind].fields) or ["x"]
    message = {"type": kind} | data.draw(st.dictionaries(st.sampled_from(names), _JSON))
    parse_client_frame(json.dumps(message).encode(), frozenset({"model"}))
