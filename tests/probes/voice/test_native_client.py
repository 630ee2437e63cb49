from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.schema.requests import SESSION_SCHEMAS, validate
from bridge.transport.link import LinkClosed
from bridge.transport.memory import memory_link_pair
from bridge.upstream.dial.handshake import UpgradedConnection
from probes.voice.native_client import NativeVoiceClient, session_update
from probes.voice.voice_client import NotReady, ReceivedFrame, VoiceOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio.testing import MockClock

    from bridge.transport.websocket import WebSocketLink

GA = {"type": "session.created", "session": {"type": "realtime", "audio": {}}}
BETA = {"type": "session.created", "session": {"modalities": ["text"]}}
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
OPTIONS = (
    VoiceOptions(),
    VoiceOptions(turn_detection=None, instructions="Be brief."),
    VoiceOptions(turn_detection="semantic_vad"),
    VoiceOptions(audio_output=False, transcribe=False, tools=(TOOL,)),
    VoiceOptions(kind=SessionKind.TRANSCRIPTION),
    VoiceOptions(kind=SessionKind.TRANSCRIPTION, turn_detection=None),
)


def pair(dialect: Dialect = Dialect.GA) -> tuple[NativeVoiceClient, WebSocketLink]:
    ours, theirs = memory_link_pair()

    async def connect(_kind: SessionKind) -> UpgradedConnection:
        await trio.lowlevel.checkpoint()
        return UpgradedConnection(link=ours, headers=(("cf-ray", "r"),), subprotocol=None, seconds=MappingProxyType({}))

    return NativeVoiceClient(connect, dialect), theirs


async def send_to_client(link: WebSocketLink, *events: Mapping[str, Any] | str | bytes) -> None:
    for event in events:
        if isinstance(event, bytes):
            await link.send_binary(event)
        else:
            await link.send_text(event if isinstance(event, str) else msgspec.json.encode(event))


async def receive_from_client(link: WebSocketLink) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(await link.receive())
    return event


@pytest.mark.parametrize("dialect", [Dialect.GA, Dialect.BETA])
@pytest.mark.parametrize("options", OPTIONS)
def test_the_configuration_is_valid_in_either_dialect(options: VoiceOptions, dialect: Dialect) -> None:
    event = session_update(dialect, options)
    beta_transcription = dialect is Dialect.BETA and options.kind is SessionKind.TRANSCRIPTION
    assert event["type"] == ("transcription_session.update" if beta_transcription else "session.update")
    assert validate(event["session"], SESSION_SCHEMAS[dialect, options.kind], "session") is None


def test_the_configuration_holds_no_more_than_needed() -> None:
    session = session_update(Dialect.GA, VoiceOptions(audio_output=False, transcribe=False))["session"]
    assert session["output_modalities"] == ["text"]
    assert "transcription" not in session["audio"]["input"]
    assert session["audio"]["input"]["turn_detection"] == {"type": "server_vad", "silence_duration_ms": 400}
    assert (
        session_update(Dialect.GA, VoiceOptions(turn_detection=None))["session"]["audio"]["input"]["turn_detection"]
        is None
    )
    assert "instructions" not in session


async def test_a_session_is_ready_when_its_configuration_is_confirmed() -> None:
    client, link = pair()
    frames: list[ReceivedFrame] = []
    sent: list[str] = []
    client.on_sent = lambda event, _detail: sent.append(str(event["type"]))
    await send_to_client(
        link, GA, {"type": "rate_limits.updated"}, {"type": "session.updated", "session": {}}, {"type": "later"}
    )
    await client.start(VoiceOptions(), frames.append)
    assert [frame.event["type"] for frame in frames] == ["session.created", "rate_limits.updated", "session.updated"]
    assert sent == ["session.update"]
    assert client.connected_at is not None
    assert client.headers == (("cf-ray", "r"),)
    assert (await client.receive()).event["type"] == "later"


async def test_the_dialect_is_the_servers_whichever_was_requested() -> None:
    client, link = pair()
    await send_to_client(link, BETA, {"type": "session.updated"})
    await client.start(VoiceOptions(audio_output=False, transcribe=False), lambda _: None)
    assert client.dialect is Dialect.BETA
    assert (await receive_from_client(link))["session"]["modalities"] == ["text"]
    await client.send_event(
        {"type": "response.create", "response": {"output_modalities": ["text"], "tool_choice": "required"}}
    )
    assert (await receive_from_client(link))["response"] == {"modalities": ["text"], "tool_choice": "required"}


async def test_an_error_instead_of_a_session_comes_with_the_code_of_the_close_after_it(
    nursery: trio.Nursery,
) -> None:
    client, link = pair()
    await send_to_client(link, {"type": "error", "error": {"code": "invalid_api_key"}})
    nursery.start_soon(link.close, 3000, "invalid_request_error.invalid_api_key")
    with pytest.raises(NotReady) as refused:
        await client.start(VoiceOptions(), lambda _: None)
    error = refused.value
    assert (error.error, error.native, error.code) == ({"code": "invalid_api_key"}, True, 3000)


async def test_a_close_that_does_not_follow_is_awaited_for_half_a_second(autojump_clock: MockClock) -> None:
    client, link = pair()
    await send_to_client(
        link, GA, {"type": "error", "error": {"code": "unknown_parameter", "event_id": "event_sherpa_events"}}
    )
    with pytest.raises(NotReady) as refused:
        await client.start(VoiceOptions(), lambda _: None)
    assert refused.value.code is None
    assert autojump_clock.current_time() == 0.5


async def test_an_error_about_something_else_does_not_refuse_the_configuration() -> None:
    client, link = pair()
    other = {"type": "error", "error": {"code": "c", "event_id": "another_event"}}
    await send_to_client(link, GA, other, {"type": "session.updated"})
    await client.start(VoiceOptions(), lambda _: None)


async def test_another_kind_of_session_is_not_configured() -> None:
    client, link = pair()
    await send_to_client(link, {"type": "session.created", "session": {"type": "transcription"}})
    with pytest.raises(NotReady) as refused:
        await client.start(VoiceOptions(), lambda _: None)
    assert refused.value.error == {}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x00\x01", "a binary frame"),
        ('{"type": "cut of', "truncated or invalid JSON"),
        ("<html>502</html>", "a web page"),
        ("<!DOCTYPE html>", "a web page"),
        ("[1]", "text that isn't a JSON object"),
        ('{"type": {}}', "a JSON object whose type isn't a string"),
        ('{"type": 5}', "a JSON object whose type isn't a string"),
        ("", "text that isn't a JSON object"),
        ("[" * 100_000, "text that isn't a JSON object"),
    ],
)
async def test_an_unreadable_frame_is_received_with_the_reason(frame: str | bytes, reason: str) -> None:
    client, link = pair()
    await send_to_client(link, GA, {"type": "session.updated"})
    await client.start(VoiceOptions(), lambda _: None)
    await send_to_client(link, frame)
    received = await client.receive()
    assert (received.unreadable, dict(received.event), received.frame_bytes) == (reason, {}, len(frame))


async def ready() -> tuple[NativeVoiceClient, WebSocketLink]:
    client, link = pair()
    await send_to_client(link, GA, {"type": "session.updated"})
    await client.start(VoiceOptions(), lambda _: None)
    await receive_from_client(link)
    return client, link


async def test_every_sent_event_is_reported_with_a_description_without_content() -> None:
    client, link = await ready()
    sent: list[tuple[str, str]] = []
    client.on_sent = lambda event, detail: sent.append((str(event["type"]), detail))
    await client.send_audio(bytes(960))
    await client.commit()
    await client.send_text("hello")
    await client.interrupt("item_1", 320)
    await client.send_tool_output("call_1", "{}")
    assert sent == [
        ("input_audio_buffer.append", "20 ms"),
        ("input_audio_buffer.commit", ""),
        ("response.create", ""),
        ("conversation.item.create", "5 characters"),
        ("response.create", ""),
        ("response.cancel", ""),
        ("conversation.item.truncate", "at 320 ms"),
        ("conversation.item.create", "2 characters"),
        ("response.create", ""),
    ]
    assert [(await receive_from_client(link))["type"] for _ in sent] == [name for name, _ in sent]


async def test_a_transcription_is_committed_without_requesting_a_response() -> None:
    client, link = pair()
    await send_to_client(
        link, {"type": "session.created", "session": {"type": "transcription"}}, {"type": "session.updated"}
    )
    await client.start(VoiceOptions(kind=SessionKind.TRANSCRIPTION), lambda _: None)
    await receive_from_client(link)
    await client.commit()
    await client.send_event({"type": "the.next"})
    assert [(await receive_from_client(link))["type"] for _ in range(2)] == ["input_audio_buffer.commit", "the.next"]


async def test_receiving_from_a_closed_link_raises_and_closing_twice_does_not(autojump_clock: MockClock) -> None:
    client, link = await ready()
    await client.close()
    await client.close()
    with pytest.raises(LinkClosed):
        await client.receive()
    with pytest.raises(LinkClosed):
        await link.receive()
    assert autojump_clock.current_time() <= 2


async def test_a_client_that_was_never_started_can_be_closed() -> None:
    client, _ = pair()
    await client.close()
    assert client.connected_at is None
