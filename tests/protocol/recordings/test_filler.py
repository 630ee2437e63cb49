from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from bridge.protocol.audio.tracer import TracerReceiver
from bridge.protocol.recordings.capture import CaptureEntry
from bridge.protocol.recordings.filler import Filler

DELTA, DONE = "response.function_call_arguments.delta", "response.function_call_arguments.done"


def append(audio_ms: float, *, silent: bool = False) -> CaptureEntry:
    event = {"type": "input_audio_buffer.append", "audio": "[audio]"}
    return CaptureEntry(at=0, who="client", event=event, audio_ms=audio_ms, silent=silent)


def entry(**event: Any) -> CaptureEntry:
    return CaptureEntry(at=0, who="server", event=event)


@pytest.mark.parametrize("ms", [20.0, 13.0, 250.5])
def test_audio_gets_its_length_back(ms: float) -> None:
    filled = Filler((), caller=1).event(append(ms))
    assert len(base64.b64decode(filled["audio"])) == round(ms * 48)


def test_all_of_it_is_one_stream_of_tracer_audio() -> None:
    filler, receiver = Filler((), caller=7), TracerReceiver()
    for ms in (13.0, 20.0, 47.0, 20.0):
        receiver.feed(base64.b64decode(filler.event(append(ms))["audio"]))
    count = receiver.counts({7: 100})[7]
    assert (count.received_ms, count.clean) == (100, True)


def test_silence_stays_silent() -> None:
    filled = Filler((), caller=1).event(append(20, silent=True))
    assert max(base64.b64decode(filled["audio"])[1::2][20:40]) in range(256)
    loud = base64.b64decode(Filler((), caller=1).event(append(20))["audio"])
    assert loud != base64.b64decode(filled["audio"])


def test_audio_inside_an_item_is_filled_as_well() -> None:
    item = {"type": "message", "content": [{"type": "input_audio", "audio": "[audio]"}]}
    one = CaptureEntry(at=0, who="client", event={"type": "conversation.item.create", "item": item}, audio_ms=20.0)
    filled = Filler((), caller=1).event(one)
    assert len(base64.b64decode(filled["item"]["content"][0]["audio"])) == 960


def test_arguments_are_valid_json_of_the_same_length_and_so_are_their_deltas_together() -> None:
    entries = [entry(type=DELTA, item_id="item_1", delta="x" * n) for n in (3, 5)]
    entries.append(entry(type=DONE, item_id="item_1", arguments="x" * 8))
    filler = Filler(entries, caller=1)
    first, second, done = (filler.event(one) for one in entries)
    assert json.loads(done["arguments"]) == {}
    assert first["delta"] + second["delta"] == done["arguments"]
    assert len(done["arguments"]) == 8


def test_what_the_recording_holds_stays() -> None:
    kept = entry(type=DONE, item_id="item_1", arguments='{"day": "Monday"}')
    assert Filler([kept], caller=1).event(kept) == kept.event
