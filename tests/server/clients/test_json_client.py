"""A client at the client endpoint: frames to events, commands to frames."""

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
    link, server = memory_link_pair()
    reader = ClientFrameReader(server, max_bytes=1000, limits=RateLimits())
    return link, JsonClient(server, reader, client_id="c-1", clock=lambda: NOW)


def message_of(frames: list[Frame]) -> dict[str, Any]:
    [frame] = frames
    assert not frame.binary
    message: dict[str, Any] = json.loads(frame.data)
    return message


async def test_the_first_message_names_the_client_and_the_protocol() -> None:
    _, client = pair()
    assert message_of(client.initial_frames()) == {
        "type": "connected",
        "clientId": "c-1",
        "protocol": 1,
        "timestamp": STAMP,
    }


async def test_messages_and_binary_audio_arrive_in_order() -> None:
    link, client = pair()
    await link.send_text('{"type":"ping","id":1}')
    await link.send_binary(b"\1\2")
    await link.send_binary(b"")
    await link.send_binary(b"\1\2\3")
    assert await client.receive() == Ping(1)
    assert await client.receive() == ClientAudio(b"\1\2")
    bad = await client.receive()
    assert isinstance(bad, BadMessage)
    assert "3 bytes" in bad.message


async def test_bridge_messages_get_a_timestamp_and_native_events_stay_unchanged() -> None:
    _, client = pair()
    message = {"type": "pong", "id": 3}
    assert message_of(client.render(SendMessage(message))) == {**message, "timestamp": STAMP}
    assert client.render(Forward("response.done", b'{ "type": "response.done" }')) == [
        Frame(b'{ "type": "response.done" }')
    ]
    assert client.render(Forward("response.output_audio.delta", DELTA)) == [Frame(DELTA)]


async def create_session(link: WebSocketLink, client: JsonClient, audio_out: str) -> None:
    await link.send_text(json.dumps({"type": "create_session", "audioOut": audio_out}))
    assert isinstance(await client.receive(), CreateSession)


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
async def test_audio_is_binary_if_requested(kind: str) -> None:
    link, client = pair()
    await create_session(link, client, "binary")
    client.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    assert client.render(Forward(kind, DELTA)) == [Frame(b"\1\2", binary=True)]
    assert client.render(Forward(kind, b'{"delta":""}')) == []
    assert client.render(Forward(kind, b'{"nothing":1}')) == [Frame(b'{"nothing":1}')]
    text = b'{"type":"response.output_text.delta","delta":"AQI="}'
    assert client.render(Forward("response.output_text.delta", text)) == [Frame(text)]


async def test_create_session_during_a_session_changes_nothing() -> None:
    link, client = pair()
    await create_session(link, client, "base64")
    client.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    await create_session(link, client, "binary")
    client.render(SendMessage({"type": "session_initializing", "attempt": 2}))
    assert client.render(Forward("response.output_audio.delta", DELTA)) == [Frame(DELTA)]


async def test_text_and_audio_are_sent_as_text_and_binary() -> None:
    link, client = pair()
    await client.send(Frame(b"{}"))
    await client.send(Frame(b"\1\2", binary=True))
    assert await link.receive() == "{}"
    assert await link.receive() == b"\1\2"


async def test_a_client_that_disconnects_ends_everything() -> None:
    link, client = pair()
    await link.abort()
    with pytest.raises(ClientDisconnected):
        await client.receive()
    with pytest.raises(ClientDisconnected):
        await client.send(Frame(b"{}"))
    with pytest.raises(ClientDisconnected):
        await client.send(Frame(b"\0\0", binary=True))
    with pytest.raises(ClientDisconnected):
        await client.ping()
    await client.close(1000, "")


async def test_the_driver_can_ping_the_client() -> None:
    link, client = pair()
    assert isinstance(client, Pingable)
    await client.ping()
    assert client.pings_outstanding == 1
    await link.send_text('{"type":"ping"}')
    assert client.peer == "memory:client"
