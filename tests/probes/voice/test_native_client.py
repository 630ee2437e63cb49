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
WISHES = (
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


async def say(link: WebSocketLink, *events: Mapping[str, Any] | str | bytes) -> None:
    for event in events:
        if isinstance(event, bytes):
            await link.send_binary(event)
        else:
            await link.send_text(event if isinstance(event, str) else msgspec.json.encode(event))


async def heard_by(link: WebSocketLink) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(await link.receive())
    return event


@pytest.mark.parametrize("dialect", [Dialect.GA, Dialect.BETA])
@pytest.mark.parametrize("wish", WISHES)
def test_what_configures_a_session_is_taken_in_either_dialect(wish: VoiceOptions, dialect: Dialect) -> None:
    event = session_update(dialect, wish)
    beta_transcription = dialect is Dialect.BETA and wish.kind is SessionKind.TRANSCRIPTION
    assert event["type"] == ("transcription_session.update" if beta_transcription else "session.update")
    assert validate(event["session"], SESSION_SCHEMAS[dialect, wish.kind], "session") is None


def test_a_wish_says_no_more_than_it_has_to() -> None:
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
    speaker, link = pair()
    heard: list[ReceivedFrame] = []
    said: list[str] = []
    speaker.on_sent = lambda event, _detail: said.append(str(event["type"]))
    await say(link, GA, {"type": "rate_limits.updated"}, {"type": "session.updated", "session": {}}, {"type": "later"})
    await speaker.start(VoiceOptions(), heard.append)
    assert [one.event["type"] for one in heard] == ["session.created", "rate_limits.updated", "session.updated"]
    assert said == ["session.update"]
    assert speaker.connected_at is not None
    assert speaker.headers == (("cf-ray", "r"),)
    assert (await speaker.receive()).event["type"] == "later"


async def test_the_dialect_is_the_servers_whatever_was_asked_for() -> None:
    speaker, link = pair()
    await say(link, BETA, {"type": "session.updated"})
    await speaker.start(VoiceOptions(audio_output=False, transcribe=False), lambda _: None)
    assert speaker.dialect is Dialect.BETA
    assert (await heard_by(link))["session"]["modalities"] == ["text"]
    await speaker.send_event(
        {"type": "response.create", "response": {"output_modalities": ["text"], "tool_choice": "required"}}
    )
    assert (await heard_by(link))["response"] == {"modalities": ["text"], "tool_choice": "required"}


async def test_an_error_in_place_of_a_session_comes_with_the_code_of_the_close_behind_it(
    nursery: trio.Nursery,
) -> None:
    speaker, link = pair()
    await say(link, {"type": "error", "error": {"code": "invalid_api_key"}})
    nursery.start_soon(link.close, 3000, "invalid_request_error.invalid_api_key")
    with pytest.raises(NotReady) as refused:
        await speaker.start(VoiceOptions(), lambda _: None)
    error = refused.value
    assert (error.error, error.native, error.code) == ({"code": "invalid_api_key"}, True, 3000)


async def test_where_no_close_follows_it_is_not_waited_for_long(autojump_clock: MockClock) -> None:
    speaker, link = pair()
    await say(link, GA, {"type": "error", "error": {"code": "unknown_parameter", "event_id": "event_sherpa_events"}})
    with pytest.raises(NotReady) as refused:
        await speaker.start(VoiceOptions(), lambda _: None)
    assert refused.value.code is None
    assert autojump_clock.current_time() == 0.5


async def test_an_error_about_something_else_does_not_refuse_the_configuration() -> None:
    speaker, link = pair()
    other = {"type": "error", "error": {"code": "c", "event_id": "of_somebody_else"}}
    await say(link, GA, other, {"type": "session.updated"})
    await speaker.start(VoiceOptions(), lambda _: None)


async def test_another_kind_of_session_is_not_configured() -> None:
    speaker, link = pair()
    await say(link, {"type": "session.created", "session": {"type": "transcription"}})
    with pytest.raises(NotReady) as refused:
        await speaker.start(VoiceOptions(), lambda _: None)
    assert refused.value.error == {}


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"\x00\x01", "a binary frame"),
        ('{"type": "cut of', "a piece of JSON that is cut off or broken"),
        ("<html>502</html>", "a web page"),
        ("<!DOCTYPE html>", "a web page"),
        ("[1]", "text that is no JSON object"),
        ('{"type": {}}', "a JSON object whose type is no text"),
        ('{"type": 5}', "a JSON object whose type is no text"),
        ("", "text that is no JSON object"),
        ("[" * 100_000, "text that is no JSON object"),
    ],
)
async def test_a_frame_that_is_no_event_is_heard_as_that(frame: str | bytes, why: str) -> None:
    speaker, link = pair()
    await say(link, GA, {"type": "session.updated"})
    await speaker.start(VoiceOptions(), lambda _: None)
    await say(link, frame)
    heard = await speaker.receive()
    assert (heard.unreadable, dict(heard.event), heard.frame_bytes) == (why, {}, len(frame))


async def ready() -> tuple[NativeVoiceClient, WebSocketLink]:
    speaker, link = pair()
    await say(link, GA, {"type": "session.updated"})
    await speaker.start(VoiceOptions(), lambda _: None)
    await heard_by(link)
    return speaker, link


async def test_everything_that_is_said_is_told_with_a_detail_that_gives_nothing_away() -> None:
    speaker, link = await ready()
    told: list[tuple[str, str]] = []
    speaker.on_sent = lambda event, detail: told.append((str(event["type"]), detail))
    await speaker.send_audio(bytes(960))
    await speaker.commit()
    await speaker.send_text("hello")
    await speaker.interrupt("item_1", 320)
    await speaker.send_tool_output("call_1", "{}")
    assert told == [
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
    assert [(await heard_by(link))["type"] for _ in told] == [name for name, _ in told]


async def test_a_transcription_is_committed_without_asking_for_an_answer() -> None:
    speaker, link = pair()
    await say(link, {"type": "session.created", "session": {"type": "transcription"}}, {"type": "session.updated"})
    await speaker.start(VoiceOptions(kind=SessionKind.TRANSCRIPTION), lambda _: None)
    await heard_by(link)
    await speaker.commit()
    await speaker.send_event({"type": "the.next"})
    assert [(await heard_by(link))["type"] for _ in range(2)] == ["input_audio_buffer.commit", "the.next"]


async def test_the_end_of_the_link_is_an_exception_and_ending_twice_is_none(autojump_clock: MockClock) -> None:
    speaker, link = await ready()
    await speaker.close()
    await speaker.close()
    with pytest.raises(LinkClosed):
        await speaker.receive()
    with pytest.raises(LinkClosed):
        await link.receive()
    assert autojump_clock.current_time() <= 2


async def test_a_speaker_that_was_never_started_can_be_ended() -> None:
    speaker, _ = pair()
    await speaker.close()
    assert speaker.connected_at is None
