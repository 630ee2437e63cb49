"""The sans-I/O client: what it makes of frames, and what it keeps of a session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.client_protocol.client import (
    AudioReceived,
    FrameUnreadable,
    MessageReceived,
    NativeEventReceived,
    ProtocolClient,
    ReportedState,
    ends_session,
)
from bridge.client_protocol.errors import ERRORS
from bridge.client_protocol.messages import CreateSessionMessage, TextMessage


def receive(client: ProtocolClient, kind: str, **fields: Any) -> MessageReceived:
    event = client.receive(json.dumps({"type": kind, **fields}))
    assert isinstance(event, MessageReceived)
    return event


def test_binary_frames_are_audio_and_audio_goes_out_as_it_is() -> None:
    client = ProtocolClient()
    assert client.receive(b"\1\2") == AudioReceived(b"\1\2")
    assert client.send_audio(b"\1\2") == b"\1\2"


def test_a_native_event_is_not_parsed() -> None:
    frame = '{"type":"response.output_audio.delta","delta":"AAA'
    assert ProtocolClient().receive(frame) == NativeEventReceived("response.output_audio.delta", frame)


@pytest.mark.parametrize("frame", ["", "{", "no JSON", '{"a":1}{}', '{"a":' * 100_000])
def test_text_that_is_not_json_is_unreadable(frame: str) -> None:
    assert ProtocolClient().receive(frame) == FrameUnreadable("text that isn't JSON")


@pytest.mark.parametrize("frame", ["[]", "3", "[" * 100_000, '"connected"', "{}", '{"type":3}', '{"type":null}'])
def test_json_without_a_type_is_unreadable(frame: str) -> None:
    assert ProtocolClient().receive(frame) == FrameUnreadable("text that isn't a JSON object with a type")


def test_messages_go_out_as_text_and_the_options_are_kept() -> None:
    client = ProtocolClient()
    assert json.loads(client.send(TextMessage(text="hi"))) == {"type": "text", "text": "hi"}
    options = CreateSessionMessage(turn_detection="none")
    assert json.loads(client.send(options)) == {"type": "create_session", "turnDetection": "none"}
    assert client.options == options


def test_the_state_follows_what_the_bridge_reports() -> None:
    client = ProtocolClient()
    states = [client.state]
    for kind, generation in (
        ("connected", None),
        ("session_initializing", 1),
        ("session_initializing", 2),
        ("session_ready", 2),
        ("session_expiring", 2),
        ("reconnecting", 2),
        ("reconnected", 3),
        ("session_closed", 3),
        ("session_initializing", 4),
    ):
        receive(client, kind, generation=generation)
        states.append(client.state)
    assert [state.value for state in states] == [
        "none",
        "none",
        "initializing",
        "initializing",
        "ready",
        "ready",
        "reconnecting",
        "ready",
        "ended",
        "initializing",
    ]
    assert client.generation == 4
    assert client.reconnects == 1


def test_a_message_of_an_earlier_generation_is_stale_and_changes_no_state() -> None:
    client = ProtocolClient()
    assert not receive(client, "session_ready", generation=3).stale
    late = receive(client, "session_closed", generation=2)
    assert late.stale
    assert not late.ends_session
    assert client.state is ReportedState.READY
    assert client.generation == 3


@pytest.mark.parametrize("code", [code for code, info in ERRORS.items() if info.ends_session])
def test_an_error_that_ends_the_session_by_its_code(code: str) -> None:
    client = ProtocolClient()
    receive(client, "session_initializing", generation=1)
    assert receive(client, "error", generation=1, code=code).ends_session
    assert client.state is ReportedState.ENDED


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        ({"code": "UPSTREAM_UNAVAILABLE"}, False),
        ({"code": "UPSTREAM_UNAVAILABLE", "detail": {"attempts": 3}}, True),
        ({"code": "CONNECTION_LOST", "detail": {"outdated": True}}, False),
        ({"code": "INVALID_MESSAGE", "detail": "text"}, False),
        ({}, False),
    ],
)
def test_what_ends_a_session(error: dict[str, Any], *, ends: bool) -> None:
    assert ends_session(error) is ends


def test_an_error_about_an_earlier_session_ends_nothing() -> None:
    client = ProtocolClient()
    receive(client, "session_ready", generation=2)
    assert not receive(client, "error", generation=1, code="CONNECTION_LOST").ends_session
    assert client.state is ReportedState.READY


def test_what_was_dropped_and_sent_again_is_added_up() -> None:
    client = ProtocolClient()
    receive(client, "connected", clientId="c-1")
    receive(client, "audio_dropped", ms=120, generation=1)
    receive(client, "audio_dropped", ms=30.5, generation=1)
    receive(client, "reconnected", resentMs=200, generation=2)
    assert (client.client_id, client.dropped_ms, client.resent_ms) == ("c-1", 150.5, 200)


@pytest.mark.parametrize("value", [None, "12", True, [], -5])
def test_a_number_that_is_none_counts_as_zero(value: object) -> None:
    assert receive(ProtocolClient(), "audio_dropped", ms=value).number("ms") == 0


def test_the_detail_of_an_error_is_an_object_or_empty() -> None:
    assert receive(ProtocolClient(), "error", code="X", detail={"attempts": 3}).detail == {"attempts": 3}
    for detail in (None, "text", [1]):
        assert receive(ProtocolClient(), "error", code="X", detail=detail).detail == {}


@pytest.mark.parametrize("generation", [None, "2", True, 1.5])
def test_a_generation_that_is_none_is_ignored(generation: object) -> None:
    client = ProtocolClient()
    assert not receive(client, "session_ready", generation=generation).stale
    assert client.generation == 0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.lists(st.text(max_size=40) | st.binary(max_size=40) | _JSON.map(json.dumps), max_size=4))
def test_no_frame_raises(frames: list[str | bytes]) -> None:
    client = ProtocolClient()
    for frame in frames:
        client.receive(frame)


@given(
    st.sampled_from(["session_ready", "error", "audio_dropped", "reconnected", "connected", "session_closed"]),
    st.dictionaries(st.sampled_from(["generation", "ms", "resentMs", "code", "detail", "clientId"]), _JSON),
)
def test_no_value_in_a_field_raises(kind: str, fields: dict[str, Any]) -> None:
    receive(ProtocolClient(), kind, **fields)
