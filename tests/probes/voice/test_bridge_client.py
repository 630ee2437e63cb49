"""A session through a bridge, in the client protocol."""

# The clock fixture is never used by name: asking for it makes the time virtual.
# ruff: noqa: ARG001

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trio.testing

from bridge.client_protocol.client import ProtocolClient
from bridge.protocol.dialects.detection import SessionKind
from bridge.transport.link import HandshakeRefused, LinkClosed
from probes.voice.bridge_client import BridgeVoiceClient, create_session_message, parse_frame
from probes.voice.voice_client import NotReady, ReceivedFrame, VoiceOptions
from tests.probes.bridge.faulty_bridge import FaultyBridge, memory_target
from tests.probes.bridge.test_probe_scenarios import reference

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEECH = b"\1\2" * 480


async def receive_until(client: BridgeVoiceClient, kind: str) -> ReceivedFrame:
    with trio.fail_after(60):
        while (frame := await client.receive()).event.get("type") != kind:
            pass
    return frame


async def test_a_turn_is_sent_and_its_response_received(autojump_clock: trio.testing.MockClock) -> None:
    sent: list[tuple[str, str]] = []
    kinds: list[tuple[str, bool]] = []
    async with reference("good") as target:
        client = BridgeVoiceClient(target)
        client.on_sent = lambda event, detail: sent.append((str(event["type"]), detail))
        await client.start(VoiceOptions(turn_detection=None), lambda f: kinds.append((str(f.event["type"]), f.native)))
        assert client.connected_at is not None
        for _ in range(20):
            await client.send_audio(SPEECH)
        await client.commit()
        assert (await receive_until(client, "response.output_audio.delta")).native
        await client.interrupt("item_1", 100)
        done = await receive_until(client, "response.done")
        assert done.event["response"]["status"] == "cancelled"
        await client.send_text("hello")
        await receive_until(client, "response.done")
        await client.send_event({"type": "input_audio_buffer.clear"})
        await receive_until(client, "input_audio_buffer.cleared")
        await client.close()
        await client.close()
    assert kinds == [
        ("connected", False),
        ("session_initializing", False),
        ("session.created", True),
        ("session.updated", True),
        ("session_ready", False),
    ]
    assert sent[0] == ("create_session", "")
    assert sent[1:21] == [("audio", "20 ms")] * 20
    assert sent[21:] == [
        ("audio_commit", ""),
        ("interrupt", "at 100 ms"),
        ("text", "5 characters"),
        ("input_audio_buffer.clear", ""),
    ]


async def test_text_responses_are_requested_with_a_native_event(autojump_clock: trio.testing.MockClock) -> None:
    async with reference("good") as target:
        client = BridgeVoiceClient(target)
        await client.start(VoiceOptions(audio_output=False), lambda _: None)
        await client.send_text("hello")
        await receive_until(client, "response.output_text.delta")
        await client.send_tool_output("call_1", "{}")
        await client.close()


async def test_a_session_that_the_bridge_cannot_open_is_not_ready(autojump_clock: trio.testing.MockClock) -> None:
    async with reference("invalid-key") as target:
        client = BridgeVoiceClient(target)
        with pytest.raises(NotReady) as refused:
            await client.start(VoiceOptions(), lambda _: None)
        assert refused.value.error["code"] == "AUTHENTICATION_FAILED"
        assert not refused.value.native
        await client.close()


async def test_a_refused_upgrade_leaves_a_client_that_can_be_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with trio.open_nursery() as nursery:
        client = BridgeVoiceClient(memory_target(nursery, FaultyBridge("404")))
        with pytest.raises(HandshakeRefused):
            await client.start(VoiceOptions(), lambda _: None)
        await client.close()
        with pytest.raises(LinkClosed):
            await client.receive()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("options", "model", "expected"),
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
def test_create_session_holds_only_what_differs_from_the_defaults(
    options: VoiceOptions, model: str, expected: Mapping[str, Any]
) -> None:
    assert msgspec.to_builtins(create_session_message(options, model)) == {"type": "create_session", **expected}


@pytest.mark.parametrize(
    ("frame", "unreadable"),
    [
        (b"\0\0", "a binary frame"),
        ("{", "text that isn't JSON"),
        ("[1]", "text that isn't a JSON object with a type"),
        ('{"type": 1}', "text that isn't a JSON object with a type"),
        ('{"type": "pong"}', ""),
    ],
)
async def test_an_unreadable_frame_is_described_without_its_content(frame: str | bytes, unreadable: str) -> None:
    received = parse_frame(ProtocolClient(), frame)
    assert (received.unreadable, received.native) == (unreadable, False)
    assert received.frame_bytes == len(frame)
