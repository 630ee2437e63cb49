"""Speaking to a bridge in the words of the client protocol."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from bridge.protocol.dialects.detection import SessionKind
from bridge.transport.link import HandshakeRefused, LinkClosed
from probes.voice.bridge_client import BridgeVoiceClient, create_session_message, parse_frame
from probes.voice.voice_client import NotReady, ReceivedFrame, VoiceOptions
from tests.probes.bridge.faulty_bridge import FaultyBridge, memory_target
from tests.probes.bridge.test_probe_scenarios import reference

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEECH = b"\1\2" * 480


async def heard_until(speaker: BridgeVoiceClient, kind: str) -> ReceivedFrame:
    with trio.fail_after(60):
        while (heard := await speaker.receive()).event.get("type") != kind:
            pass
    return heard


async def test_a_turn_goes_up_and_the_answer_comes_down(autojump_clock: trio.testing.MockClock) -> None:
    said: list[tuple[str, str]] = []
    kinds: list[tuple[str, bool]] = []
    async with reference("good") as target:
        speaker = BridgeVoiceClient(target)
        speaker.on_sent = lambda event, detail: said.append((str(event["type"]), detail))
        await speaker.start(VoiceOptions(turn_detection=None), lambda h: kinds.append((str(h.event["type"]), h.native)))
        assert speaker.connected_at is not None
        for _ in range(20):
            await speaker.send_audio(SPEECH)
        await speaker.commit()
        assert (await heard_until(speaker, "response.output_audio.delta")).native
        await speaker.interrupt("item_1", 100)
        done = await heard_until(speaker, "response.done")
        assert done.event["response"]["status"] == "cancelled"
        await speaker.send_text("hello")
        await heard_until(speaker, "response.done")
        await speaker.send_event({"type": "input_audio_buffer.clear"})
        await heard_until(speaker, "input_audio_buffer.cleared")
        await speaker.close()
        await speaker.close()
    assert kinds == [
        ("connected", False),
        ("session_initializing", False),
        ("session.created", True),
        ("session.updated", True),
        ("session_ready", False),
    ]
    assert said[0] == ("create_session", "")
    assert said[1:21] == [("audio", "20 ms")] * 20
    assert said[21:] == [
        ("audio_commit", ""),
        ("interrupt", "at 100 ms"),
        ("text", "5 characters"),
        ("input_audio_buffer.clear", ""),
    ]


async def test_an_answer_in_writing_is_asked_for_in_native_words(autojump_clock: trio.testing.MockClock) -> None:
    async with reference("good") as target:
        speaker = BridgeVoiceClient(target)
        await speaker.start(VoiceOptions(audio_output=False), lambda _: None)
        await speaker.send_text("hello")
        await heard_until(speaker, "response.output_text.delta")
        await speaker.send_tool_output("call_1", "{}")
        await speaker.close()


async def test_a_session_that_the_bridge_cannot_have_is_not_ready(autojump_clock: trio.testing.MockClock) -> None:
    async with reference("invalid-key") as target:
        speaker = BridgeVoiceClient(target)
        with pytest.raises(NotReady) as refused:
            await speaker.start(VoiceOptions(), lambda _: None)
        assert refused.value.error["code"] == "AUTHENTICATION_FAILED"
        assert not refused.value.native
        await speaker.close()


async def test_a_closed_door_and_a_speaker_that_never_started(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        speaker = BridgeVoiceClient(memory_target(nursery, FaultyBridge("404")))
        with pytest.raises(HandshakeRefused):
            await speaker.start(VoiceOptions(), lambda _: None)
        await speaker.close()
        with pytest.raises(LinkClosed):
            await speaker.receive()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("wish", "model", "expected"),
    [
        (VoiceOptions(), "", {"turnDetection": "server_vad"}),
        (VoiceOptions(turn_detection=None), "m", {"turnDetection": "none", "model": "m"}),
        (VoiceOptions(kind=SessionKind.TRANSCRIPTION), "", {"turnDetection": "server_vad", "kind": "transcription"}),
        (
            VoiceOptions(instructions="Be brief.", tools=({"name": "t"},)),
            "",
            {"turnDetection": "server_vad", "instructions": "Be brief.", "tools": [{"name": "t"}]},
        ),
    ],
)
def test_a_wish_says_only_what_is_wished(wish: VoiceOptions, model: str, expected: Mapping[str, Any]) -> None:
    assert create_session_message(wish, model) == {"type": "create_session", **expected}


@pytest.mark.parametrize(
    ("frame", "unreadable"),
    [
        (b"\0\0", "a binary frame"),
        ("{", "text that is no JSON"),
        ("[1]", "text that is no JSON object with a type"),
        ('{"type": 1}', "text that is no JSON object with a type"),
        ('{"type": "pong"}', ""),
    ],
)
async def test_a_frame_that_is_no_message_is_told_without_what_it_holds(frame: str | bytes, unreadable: str) -> None:
    heard = parse_frame(frame)
    assert (heard.unreadable, heard.native) == (unreadable, False)
    assert heard.frame_bytes == len(frame)
