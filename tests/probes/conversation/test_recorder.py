from __future__ import annotations

import base64
from typing import Any

import pytest

from bridge.protocol.audio.pcm import silence, tone
from probes.conversation import recorder as module
from probes.conversation.recorder import RecorderFull
from tests.probes.conversation.fake_client import frame, make_recorder, session_created


async def test_large_frames_count_by_their_size() -> None:
    recorder = make_recorder()
    recorder.record_received(frame({"type": "x"}, frame_bytes=module.MAX_BYTES))
    with pytest.raises(RecorderFull):
        recorder.record_received(frame({"type": "x"}, frame_bytes=1))


async def test_frames_are_recorded_without_their_content() -> None:
    recorder = make_recorder()
    text_delta = {"type": "response.output_text.delta", "event_id": "a", "delta": "hello"}
    recorder.record_received(frame(text_delta))
    audio_delta = {
        "type": "response.output_audio.delta",
        "event_id": "b",
        "delta": base64.b64encode(silence(40)).decode(),
    }
    recorder.record_received(frame(audio_delta))
    recorder.record_received(frame({**audio_delta, "event_id": "c", "delta": "not base64!"}))
    recorder.record_received(frame({}, unreadable="a binary frame"))
    text, silent, invalid, binary = recorder.entries
    assert text.event["delta"] == "xxxxx"
    assert (silent.event["delta"], silent.audio_ms, silent.silent) == ("[audio]", 40.0, True)
    assert invalid.unreadable == "audio that isn't base64"
    assert binary.unreadable == "a binary frame"


async def test_content_is_recorded_on_request() -> None:
    recorder = make_recorder(show_content=True)
    audio = base64.b64encode(tone(440, 40, 3000)).decode()
    recorder.record_received(frame({"type": "response.output_audio.delta", "event_id": "b", "delta": audio}))
    recorder.record_sent({"type": "input_audio_buffer.append", "audio": audio}, "40 ms")
    received, sent = recorder.entries
    assert received.event["delta"] == sent.event["audio"] == audio
    assert (received.audio_ms, sent.audio_ms, received.silent) == (40.0, 40.0, False)


async def test_texts_are_compared_with_their_deltas_before_they_are_removed() -> None:
    recorder = make_recorder()
    at = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    events: list[dict[str, Any]] = [
        session_created(),
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.output_item.added", "response_id": "r", "output_index": 0, "item": {"id": "i"}},
        {"type": "response.content_part.added", **at, "part": {"type": "text"}},
        {"type": "response.output_text.delta", **at, "delta": "Yes."},
        {"type": "response.output_text.done", **at, "text": "No.."},
    ]
    for number, event in enumerate(events):
        recorder.record_received(frame({"event_id": f"e{number}", **event}))
    assert [entry.differs for entry in recorder.entries] == [False] * 5 + [True]
    assert ("text-differs-from-deltas", "") in [(rule, message) for _, rule, message in recorder.facts.violations]
