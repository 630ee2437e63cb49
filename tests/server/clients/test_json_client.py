"""The client protocol's face: what comes in by it, and what goes out."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bridge.core.commands import Forward, SendMessage
from bridge.core.events import BadMessage, ClientAudio, CreateSession, Ping
from bridge.driver.client import ClientDisconnected, Frame
from bridge.server.clients.frame_reader import ClientFrameReader
from bridge.server.clients.json_client import JsonClient
from bridge.server.clients.rate_limit import RateLimits
from bridge.transport.keepalive import Pingable
from bridge.transport.memory import memory_link_pair

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

NOW = datetime(2026, 11, 21, 1, 2, 3, 45_678, UTC)
STAMP = "2026-11-21T01:02:03.045Z"
DELTA = json.dumps({"type": "response.output_audio.delta", "delta": b64encode(b"\1\2").decode()}).encode()


def pair() -> tuple[WebSocketLink, JsonClient]:
    client, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=1000, limits=RateLimits())
    return client, JsonClient(server, reader, client_id="c-1", clock=lambda: NOW)


def told(frames: list[Frame]) -> dict[str, Any]:
    [frame] = frames
    assert not frame.binary
    message: dict[str, Any] = json.loads(frame.data)
    return message


async def test_the_greeting_names_the_client_and_the_protocol() -> None:
    _, face = pair()
    assert told(face.initial_frames()) == {"type": "connected", "clientId": "c-1", "protocol": 1, "timestamp": STAMP}


async def test_messages_and_binary_speech_come_in_order() -> None:
    client, face = pair()
    await client.send_text('{"type":"ping","id":1}')
    await client.send_binary(b"\1\2")
    await client.send_binary(b"")
    await client.send_binary(b"\1\2\3")
    assert await face.receive() == Ping(1)
    assert await face.receive() == ClientAudio(b"\1\2")
    bad = await face.receive()
    assert isinstance(bad, BadMessage)
    assert "3 bytes" in bad.message


async def test_the_bridges_words_get_a_time_and_native_events_stay_as_they_are() -> None:
    _, face = pair()
    message = {"type": "pong", "id": 3}
    assert told(face.render(SendMessage(message))) == {**message, "timestamp": STAMP}
    assert face.render(Forward("response.done", b'{ "type": "response.done" }')) == [
        Frame(b'{ "type": "response.done" }')
    ]
    assert face.render(Forward("response.output_audio.delta", DELTA)) == [Frame(DELTA)]


async def ask(client: WebSocketLink, face: JsonClient, audio_out: str) -> None:
    await client.send_text(json.dumps({"type": "create_session", "audioOut": audio_out}))
    assert isinstance(await face.receive(), CreateSession)


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
async def test_speech_comes_as_bytes_where_it_was_asked_for(kind: str) -> None:
    client, face = pair()
    await ask(client, face, "binary")
    face.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    assert face.render(Forward(kind, DELTA)) == [Frame(b"\1\2", binary=True)]
    assert face.render(Forward(kind, b'{"delta":""}')) == []
    assert face.render(Forward(kind, b'{"nothing":1}')) == [Frame(b'{"nothing":1}')]
    text = b'{"type":"response.output_text.delta","delta":"AQI="}'
    assert face.render(Forward("response.output_text.delta", text)) == [Frame(text)]


async def test_a_wish_that_comes_while_there_is_a_session_changes_nothing() -> None:
    client, face = pair()
    await ask(client, face, "base64")
    face.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    await ask(client, face, "binary")
    face.render(SendMessage({"type": "session_initializing", "attempt": 2}))
    assert face.render(Forward("response.output_audio.delta", DELTA)) == [Frame(DELTA)]


async def test_text_and_speech_go_out_as_what_they_are() -> None:
    client, face = pair()
    await face.send(Frame(b"{}"))
    await face.send(Frame(b"\1\2", binary=True))
    assert await client.receive() == "{}"
    assert await client.receive() == b"\1\2"


async def test_a_client_that_is_gone_ends_everything() -> None:
    client, face = pair()
    await client.abort()
    with pytest.raises(ClientDisconnected):
        await face.receive()
    with pytest.raises(ClientDisconnected):
        await face.send(Frame(b"{}"))
    with pytest.raises(ClientDisconnected):
        await face.send(Frame(b"\0\0", binary=True))
    with pytest.raises(ClientDisconnected):
        await face.ping()
    await face.close(1000, "")


async def test_the_driver_can_ask_for_a_sign_of_life() -> None:
    client, face = pair()
    assert isinstance(face, Pingable)
    await face.ping()
    assert face.pings_outstanding == 1
    await client.send_text('{"type":"ping"}')
    assert face.peer == "memory:client"
