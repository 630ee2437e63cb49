"""A client at the client endpoint: frames to events, commands to frames."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trio

from bridge.core.commands import Forward, SendMessage
from bridge.core.events import BadMessage, ClientAudio, CreateSession, Ping
from bridge.driver.client import Frame
from bridge.server.clients.json_client import JsonClient
from bridge.server.clients.rate_limit import RateLimits
from bridge.transport.memory import memory_link_pair
from tests.server.clients.harness import pushing, served

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

NOW = datetime(2026, 11, 21, 1, 2, 3, 45_678, UTC)
STAMP = "2026-11-21T01:02:03.045Z"
DELTA = json.dumps({"type": "response.output_audio.delta", "delta": b64encode(b"\1\2").decode()}).encode()


def pair() -> tuple[WebSocketLink, JsonClient]:
    link, server = memory_link_pair()
    client = JsonClient(pushing(server), client_id="c-1", max_bytes=1000, limits=RateLimits(), clock=lambda: NOW)
    return link, client


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
    await link.send_text('{"type":"audio","audio":""}')
    await link.send_binary(b"\1\2\3")
    async with served(client) as handler:
        assert await handler.receive() == Ping(1)
        assert await handler.receive() == ClientAudio(b"\1\2")
        bad = await handler.receive()
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


def create_session(client: JsonClient, audio_out: str) -> None:
    message = {"type": "create_session", "audioOut": audio_out}
    assert isinstance(client.parse(json.dumps(message).encode()), CreateSession)


@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.audio.delta"])
async def test_audio_is_binary_if_requested(kind: str) -> None:
    _, client = pair()
    create_session(client, "binary")
    client.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    assert client.render(Forward(kind, DELTA)) == [Frame(b"\1\2", binary=True)]
    assert client.render(Forward(kind, b'{"delta":""}')) == []
    assert client.render(Forward(kind, b'{"nothing":1}')) == [Frame(b'{"nothing":1}')]
    text = b'{"type":"response.output_text.delta","delta":"AQI="}'
    assert client.render(Forward("response.output_text.delta", text)) == [Frame(text)]


async def test_create_session_during_a_session_changes_nothing() -> None:
    _, client = pair()
    create_session(client, "base64")
    client.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    create_session(client, "binary")
    client.render(SendMessage({"type": "session_initializing", "attempt": 2}))
    assert client.render(Forward("response.output_audio.delta", DELTA)) == [Frame(DELTA)]


@pytest.mark.parametrize("audio_out", ["base64", "binary"])
@pytest.mark.parametrize("frame", [DELTA, b'{"delta":""}', b'{"nothing":1}', b'{"type":"x"}'])
@pytest.mark.parametrize("kind", ["response.output_audio.delta", "response.output_text.delta"])
async def test_an_event_is_forwarded_as_its_command_is_rendered(audio_out: str, frame: bytes, kind: str) -> None:
    link, client = pair()
    create_session(client, audio_out)
    client.render(SendMessage({"type": "session_initializing", "attempt": 1}))
    for rendered in client.render(Forward(kind, frame)):
        assert client.send(rendered)
    client.send(Frame(b"between"))
    assert client.forward(kind, frame, 0.0)
    client.send(Frame(b"behind"))
    async with served(client):
        sent = await until(link, "between")
        assert await until(link, "behind") == sent


async def until(link: WebSocketLink, last: str) -> list[str | bytes]:
    """Receive what comes before this text."""
    received = []
    while (message := await link.receive()) != last:
        received.append(message)
    return received


async def test_text_and_audio_are_sent_as_text_and_binary() -> None:
    link, client = pair()
    assert client.send(Frame(b"{}"))
    assert client.send(Frame(b"\1\2", binary=True))
    async with served(client):
        assert await link.receive() == "{}"
        assert await link.receive() == b"\1\2"


async def test_forwarded_events_are_counted_once_they_are_written_and_messages_are_not() -> None:
    link, client = pair()
    async with served(client) as handler:
        client.send(Frame(b"1"))
        client.forward("response.output_audio.delta", DELTA, 0.0)
        client.forward("response.output_audio.delta", DELTA, 0.0)
        for _ in range(3):
            await link.receive()
        assert handler.forwarded == 2


async def test_a_client_that_disconnects_ends_everything() -> None:
    link, client = pair()
    await link.abort()
    async with served(client) as handler:
        with pytest.raises(trio.EndOfChannel):
            await handler.receive()
    assert client.send(Frame(b"{}"))
    client.ping()
    await client.close(1000, "")


async def test_the_driver_can_ping_the_client() -> None:
    link, client = pair()
    async with served(client) as handler:
        client.ping()
        assert client.pings_outstanding == 1
        await link.send_text('{"type":"ping"}')
        assert await handler.receive() == Ping()
    assert client.peer == "memory:client"
