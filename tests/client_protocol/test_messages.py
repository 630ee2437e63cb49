"""The messages as typed values: what is written is what is read, and every message stands in its table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.client_protocol.messages import (
    BRIDGE_MESSAGES,
    CLIENT_MESSAGES,
    AudioCommitMessage,
    BridgeMessage,
    ClientMessage,
    CreateSessionMessage,
    InterruptMessage,
    PingMessage,
    SessionReadyMessage,
    TextMessage,
    decode_bridge_message,
    decode_client_message,
    encode,
    is_native,
)

if TYPE_CHECKING:
    import msgspec


def kinds_of(base: type[msgspec.Struct]) -> set[str]:
    below = base.__subclasses__()
    own = {str(kind.__struct_config__.tag) for kind in below if kind.__struct_config__.tag is not None}
    return own.union(*(kinds_of(kind) for kind in below))


def test_every_message_stands_in_its_table() -> None:
    assert kinds_of(ClientMessage) == set(CLIENT_MESSAGES)
    assert kinds_of(BridgeMessage) == set(BRIDGE_MESSAGES)


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (AudioCommitMessage(), {"type": "audio_commit"}),
        (TextMessage(text="hi"), {"type": "text", "text": "hi"}),
        (InterruptMessage(item_id="i", played_ms=300), {"type": "interrupt", "itemId": "i", "playedMs": 300}),
        (PingMessage(), {"type": "ping"}),
        (PingMessage(id=7), {"type": "ping", "id": 7}),
        (CreateSessionMessage(turn_detection="none"), {"type": "create_session", "turnDetection": "none"}),
    ],
)
def test_a_message_is_written_with_the_names_of_the_wire_and_read_again(
    message: ClientMessage, body: dict[str, Any]
) -> None:
    assert json.loads(encode(message)) == body
    assert decode_client_message(body) == message


def test_decoding_ignores_unknown_fields_and_takes_null_for_absent() -> None:
    body = {"type": "create_session", "voice": None, "extra": 1, "model": "m"}
    assert decode_client_message(body) == CreateSessionMessage(model="m")


def test_decoding_refuses_what_is_not_valid() -> None:
    with pytest.raises(ValueError, match="sessionId"):
        decode_bridge_message(_ready(sessionId=3))


def test_decoding_refuses_a_message_of_the_other_direction() -> None:
    with pytest.raises(KeyError, match="session_ready"):
        decode_client_message(_ready())
    with pytest.raises(KeyError, match="ping"):
        decode_bridge_message({"type": "ping"})


def test_a_message_of_the_bridge_has_typed_fields() -> None:
    ready = decode_bridge_message(_ready())
    assert isinstance(ready, SessionReadyMessage)
    assert (ready.generation, ready.buffered_ms, ready.session_id) == (1, 20.5, "sess_1")


def _ready(**changes: Any) -> dict[str, Any]:
    return {
        "type": "session_ready",
        "timestamp": "2026-11-21T01:02:03.045Z",
        "generation": 1,
        "message": "ready",
        "sessionId": "sess_1",
        "model": "m",
        "dialect": "ga",
        "bufferedChunks": 1,
        "bufferedMs": 20.5,
        **changes,
    }


def test_native_events_have_a_dot_and_messages_have_none() -> None:
    assert is_native("response.create")
    assert not [name for name in (*CLIENT_MESSAGES, *BRIDGE_MESSAGES) if is_native(name)]
