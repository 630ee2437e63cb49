"""Native client events: forwarded, turned into audio, or rejected for a locked field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.core.events import BadMessage, ClientAudio, ClientNative
from bridge.protocol.schema.locks import LOCKABLE_FIELDS
from bridge.server.clients.native_messages import parse_native_frame

FREE = frozenset[str]()


def refusal(message: object, locked: frozenset[str]) -> str:
    event = parse_native_frame((message if isinstance(message, str) else json.dumps(message)).encode(), locked)
    assert isinstance(event, BadMessage), event
    assert event.code == "INVALID_MESSAGE"
    return event.message


def test_an_event_is_forwarded_as_it_was_parsed() -> None:
    frame = '{ "type":  "response.cancel", "event_id": "e1" }'
    event = parse_native_frame(frame.encode(), FREE)
    sent = b'{"type":"response.cancel","event_id":"e1"}'
    assert event == ClientNative("response.cancel", sent, {"type": "response.cancel", "event_id": "e1"})


@pytest.mark.parametrize(
    ("frame", "sent"),
    [
        (
            '{"type":"session.update","session":{"instructions":"mine"},"type":"input_audio_buffer.clear"}',
            {"type": "input_audio_buffer.clear", "session": {"instructions": "mine"}},
        ),
        ('{"type":"a.b","x":{"y":1,"y":2}}', {"type": "a.b", "x": {"y": 2}}),
        ('{"type":"a.b","n":[1e3,-0,12345678901234567890,"\\u00e9\\ud83d\\ude00"]}', None),
    ],
)
def test_what_is_forwarded_means_one_thing_only(frame: str, sent: dict[str, Any] | None) -> None:
    event = parse_native_frame(frame.encode(), FREE)
    assert isinstance(event, ClientNative)
    pairs = json.loads(event.frame, object_pairs_hook=list)
    assert len(dict(pairs)) == len(pairs)
    assert json.loads(event.frame) == (json.loads(frame) if sent is None else sent)


def test_unknown_events_are_forwarded_too() -> None:
    event = parse_native_frame(b'{"type":"future.event"}', FREE)
    assert isinstance(event, ClientNative)
    assert event.type == "future.event"


def test_a_field_without_a_name_is_no_settings() -> None:
    assert isinstance(parse_native_frame(b'{"type":"response.cancel","":5}', FREE), ClientNative)


def test_an_append_becomes_audio() -> None:
    frame = '{"event_id":"e","type":"input_audio_buffer.append","audio":"AQIDBA=="}'
    assert parse_native_frame(frame.encode(), FREE) == ClientAudio(b"\1\2\3\4", "e")


@pytest.mark.parametrize(
    ("text", "event_id"), [('"my \\u00e9\\"1"', 'my é"1'), ('""', ""), ("null", None), ("7", None)]
)
def test_an_append_keeps_its_event_id(text: str, event_id: str | None) -> None:
    for audio in ("AQI=", ""):
        frame = f'{{"type":"input_audio_buffer.append","audio":"{audio}","event_id":{text}}}'
        event = parse_native_frame(frame.encode(), FREE)
        assert isinstance(event, ClientAudio)
        assert event.event_id == event_id


def test_an_event_id_that_is_too_long_is_rejected_and_not_repeated() -> None:
    frame = {"type": "input_audio_buffer.append", "audio": "AQI=", "event_id": "x" * 513}
    event = parse_native_frame(json.dumps(frame).encode(), FREE)
    assert event == BadMessage(
        "INVALID_MESSAGE", "input_audio_buffer.append: 'event_id' must have at most 512 characters."
    )


@pytest.mark.parametrize(
    "message",
    [
        {"type": "input_audio_buffer.append", "audio": "!"},
        {"type": "input_audio_buffer.append", "audio": "AQID"},
        {"type": "session.update", "session": 5},
        {"type": 5},
        {},
    ],
    ids=str,
)
def test_a_rejection_names_the_rejected_event(message: dict[str, Any]) -> None:
    event = parse_native_frame(json.dumps({**message, "event_id": "mine"}).encode(), FREE)
    assert isinstance(event, BadMessage)
    assert event.detail == {"eventId": "mine"}


@pytest.mark.parametrize("frame", ['{"event_id":"mine"', '{"event_id":5}', '[{"event_id":"mine"}]', '{"type":3}'])
def test_a_rejection_without_a_readable_event_id_names_none(frame: str) -> None:
    event = parse_native_frame(frame.encode(), FREE)
    assert isinstance(event, BadMessage)
    assert event.detail == {}


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        ("AQID", "3 bytes"),
        ("!!!!", "not valid base64"),
        (3, "must be a base64 string"),
        (None, "must be a base64 string"),
    ],
)
def test_an_append_with_invalid_audio_is_rejected(audio: object, words: str) -> None:
    assert words in refusal({"type": "input_audio_buffer.append", "audio": audio}, FREE)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "session.update", "session": {"voice": None}}, "session.voice is set by the server"),
        (
            {"type": "response.create", "response": {"audio": {"output": {"voice": "ash"}}}},
            "response.audio.output.voice is set by the server",
        ),
        ({"type": "session.update", "session": {"prompt": {"id": "p"}}}, "session.prompt is set by the server"),
        ({"type": "session.update", "session": {"Voice": "ash"}}, "'session.Voice' is not a field of the API"),
        ({"type": "input_audio_buffer.clear", "Type": "session.update"}, "'Type' is not a field of the API"),
        ({"type": "session.update ", "session": {}}, "'session.update ' is not an event of the API"),
        ({"type": "session.update\0", "session": {}}, "is not an event of the API"),
        ({"type": "Session.update", "session": {}}, "is not an event of the API"),
    ],
    ids=str,
)
def test_a_lock_lets_only_known_events_pass_that_do_not_touch_it(event: dict[str, Any], words: str) -> None:
    assert words in refusal(event, frozenset({"voice"}))
    assert isinstance(parse_native_frame(json.dumps(event).encode(), FREE), ClientNative)


def test_a_lock_lets_other_fields_pass() -> None:
    event = {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"speed": 1.2}}}}
    assert isinstance(parse_native_frame(json.dumps(event).encode(), frozenset(LOCKABLE_FIELDS)), ClientNative)


def test_a_duplicate_type_lifts_no_lock() -> None:
    frame = '{"type":"session.update","session":{"voice":"x"},"type":"input_audio_buffer.clear"}'
    assert "session.voice is set by the server" in refusal(frame, frozenset({"voice"}))


def test_what_was_checked_is_what_is_forwarded() -> None:
    frame = '{"type":"session.update","session":{"voice":"x"},"session":{"temperature":1}}'
    event = parse_native_frame(frame.encode(), frozenset({"voice"}))
    assert isinstance(event, ClientNative)
    assert json.loads(event.frame) == {"type": "session.update", "session": {"temperature": 1}}
    assert event.frame.count(b"session") == 2


def test_a_duplicate_type_hides_nothing() -> None:
    frame = '{"type":"input_audio_buffer.append","audio":"AAA=","type":"session.update","session":{"model":"m"}}'
    assert "session.model is set by the server" in refusal(frame, frozenset({"model"}))


def test_a_session_that_is_not_an_object_is_rejected() -> None:
    assert "'session' must be an object" in refusal({"type": "session.update", "session": [{"model": "m"}]}, FREE)


@pytest.mark.parametrize("frame", ["", "[]", "{}", '{"type":3}', "x" * 5000, '{"type":"a.b","x":' + "[" * 100_000])
def test_an_invalid_event_is_rejected(frame: str) -> None:
    assert len(refusal(frame, FREE)) < 300
