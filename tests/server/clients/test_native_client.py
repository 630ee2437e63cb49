"""A client at the native endpoint: what an SDK sees of a bridge, and what it doesn't."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.commands import Forward, SendMessage
from bridge.core.events import BadMessage, ClientAudio, CreateSession
from bridge.driver.client import ClientDisconnected, Frame
from bridge.server.clients.frame_reader import ClientFrameReader
from bridge.server.clients.native_client import ClosingFrame, NativeClient, session_options_from_query
from bridge.server.clients.rate_limit import RateLimits
from bridge.transport.link import LinkClosed
from bridge.transport.memory import memory_link_pair

if TYPE_CHECKING:
    from trio.testing import MockClock

    from bridge.transport.websocket import WebSocketLink

CREATED = Forward("session.created", b'{"type":"session.created"}')
UPDATED = Forward("session.updated", b'{"type":"session.updated"}')
READY = SendMessage({"type": "session_ready"})


def pair(locked: frozenset[str] = frozenset()) -> tuple[WebSocketLink, NativeClient]:
    link, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=1000, limits=RateLimits())
    return link, NativeClient(server, reader, client_id="c", session_options={"model": "m"}, locked=locked)


def error(frame: Frame) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(frame.data)
    assert event["type"] == "error"
    assert event["event_id"].startswith("event_")
    found: dict[str, Any] = event["error"]
    assert found["type"] == "bridge_error"
    return found


async def test_connecting_creates_the_session() -> None:
    link, client = pair()
    await link.send_text('{"type":"input_audio_buffer.append","audio":"AQI="}')
    assert client.initial_frames() == []
    assert await client.receive() == CreateSession({"model": "m"})
    assert await client.receive() == ClientAudio(b"\1\2")


@pytest.mark.parametrize(
    ("query", "locked", "options"),
    [
        ({}, (), {}),
        ({"model": "m"}, (), {"model": "m"}),
        ({"model": ""}, (), {}),
        ({"model": "m"}, ("model",), {}),
        ({"intent": "transcription"}, (), {"kind": "transcription"}),
        ({"intent": "conversation", "base_url": "http://169.254.169.254", "api_key": "sk"}, (), {}),
    ],
)
def test_only_model_and_intent_are_read_out_of_the_query(
    query: dict[str, str], locked: tuple[str, ...], options: dict[str, str]
) -> None:
    assert session_options_from_query(query, frozenset(locked)) == options


async def test_binary_frames_and_locked_fields_are_rejected() -> None:
    link, client = pair(frozenset({"voice"}))
    await link.send_binary(b"\1\2")
    await link.send_text('{"type":"session.update","session":{"voice":"x"}}')
    await client.receive()
    for words in ("base64", "voice is set by the server"):
        bad = await client.receive()
        assert isinstance(bad, BadMessage)
        assert words in bad.message


async def test_an_sdk_sees_its_session_once_and_no_reply_to_the_bridges_update() -> None:
    _, client = pair()
    assert client.render(CREATED) == [Frame(CREATED.frame)]
    assert client.render(UPDATED) == []
    assert client.render(READY) == []
    assert client.render(UPDATED) == [Frame(UPDATED.frame)]


async def test_a_reconnection_shows_as_one_more_session_updated() -> None:
    _, client = pair()
    for command in (CREATED, UPDATED, READY):
        client.render(command)
    frames: list[Frame] = []
    for command in (
        SendMessage({"type": "reconnecting"}),
        CREATED,
        UPDATED,
        SendMessage({"type": "reconnected", "lost": []}),
    ):
        frames += client.render(command)
    assert frames == [Frame(UPDATED.frame)]


async def test_a_second_attempt_of_the_first_session_shows_no_second_session() -> None:
    _, client = pair()
    client.render(CREATED)
    assert client.render(CREATED) == []
    assert client.render(Forward("transcription_session.created", b"{}")) == []


@pytest.mark.parametrize("kind", ["connected", "session_initializing", "session_expiring", "pong", "session_ready"])
async def test_an_sdk_gets_no_bridge_messages(kind: str) -> None:
    _, client = pair()
    assert client.render(SendMessage({"type": kind})) == []


async def test_an_error_becomes_a_native_error() -> None:
    _, client = pair()
    message = {"type": "error", "code": "RATE_LIMITED", "message": "Slow.", "detail": {"retryAfterMs": 5}}
    [frame] = client.render(SendMessage(message))
    assert error(frame) == {
        "type": "bridge_error",
        "code": "rate_limited",
        "message": "Slow.",
        "param": None,
        "event_id": None,
        "detail": {"retryAfterMs": 5},
    }


async def test_an_error_names_the_event_and_the_field_that_the_upstream_named() -> None:
    _, client = pair()
    upstream = {"code": "item_delete_invalid_item_id", "param": "item_id", "event_id": "mine-7"}
    message = {"type": "error", "code": "UPSTREAM_ERROR", "message": "No.", "detail": {"upstream": upstream}}
    [frame] = client.render(SendMessage(message))
    assert (error(frame)["param"], error(frame)["event_id"]) == ("item_id", "mine-7")


async def test_the_bridges_own_rejection_names_the_event_too() -> None:
    _, client = pair()
    message = {"type": "error", "code": "INVALID_MESSAGE", "message": "No.", "detail": {"eventId": "mine-7"}}
    [frame] = client.render(SendMessage(message))
    assert (error(frame)["param"], error(frame)["event_id"]) == (None, "mine-7")


@pytest.mark.parametrize(
    ("code", "close"),
    [
        ("AUTHENTICATION_FAILED", 3000),
        ("ACCESS_DENIED", 3000),
        ("MODEL_NOT_AVAILABLE", 4004),
        ("DIALECT_REFUSED", 4000),
        ("QUOTA_EXHAUSTED", 1013),
        ("CONNECTION_LOST", 1011),
    ],
)
async def test_a_session_that_fails_closes_the_socket_after_the_error(
    code: str, close: int, autojump_clock: MockClock
) -> None:
    link, client = pair()
    message = {"type": "error", "code": code, "message": "No.", "detail": {"attempts": 3}}
    frames = client.render(SendMessage(message))
    assert error(frames[0])["code"] == code.lower()
    for frame in frames:
        await client.send(frame)
    await link.receive()
    with pytest.raises(LinkClosed) as ended:
        await link.receive()
    assert (ended.value.code, ended.value.reason) == (close, f"bridge_error.{code.lower()}")


async def test_dropped_audio_and_what_was_not_restored_are_reported() -> None:
    _, client = pair()
    dropped = {"type": "audio_dropped", "chunks": 2, "ms": 40, "messages": 1, "reason": "too_old"}
    [frame] = client.render(SendMessage(dropped))
    assert error(frame)["code"] == "audio_dropped"
    assert "40 ms of audio and 1 other" in error(frame)["message"]
    [frame] = client.render(SendMessage({"type": "reconnected", "lost": ["a half-spoken answer", "2 turns"]}))
    assert error(frame)["code"] == "session_not_restored"
    assert "a half-spoken answer, 2 turns" in error(frame)["message"]


async def test_an_expired_session_closes_as_the_service_does() -> None:
    _, client = pair()
    assert client.render(SendMessage({"type": "session_closed", "reason": "expired"})) == [
        ClosingFrame(b"session_expired", code=1001)
    ]
    assert client.render(SendMessage({"type": "session_closed", "reason": "draining"})) == []


async def test_a_client_that_disconnects_ends_everything() -> None:
    link, client = pair()
    await client.receive()
    await link.abort()
    with pytest.raises(ClientDisconnected):
        await client.receive()
    with pytest.raises(ClientDisconnected):
        await client.send(Frame(b"{}"))
