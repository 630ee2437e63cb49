from __future__ import annotations

import base64
import json

import pytest

from bridge.protocol.audio.pcm import silence, tone
from probes.record.frames import FrameRecorder
from probes.runner.redaction import Secrets
from reports.redaction import Secret


def recorder(via: str = "service", *, show_content: bool = False) -> FrameRecorder:
    return FrameRecorder(secrets=Secrets([Secret("a-secret-of-some-length")]), via=via, show_content=show_content)


def test_audio_is_left_out_with_its_length_and_whether_it_was_silent() -> None:
    loud, quiet = (base64.b64encode(pcm).decode() for pcm in (tone(440, 40, 8_000), silence(20)))
    entries = [
        recorder().text(json.dumps({"type": "input_audio_buffer.append", "audio": audio}), 1.5, from_client=True)
        for audio in (loud, quiet)
    ]
    assert [(entry.event["audio"], entry.audio_ms, entry.silent) for entry in entries] == [
        ("[audio]", 40.0, False),
        ("[audio]", 20.0, True),
    ]


def test_audio_deltas_and_audio_inside_items_are_left_out_as_well() -> None:
    audio = base64.b64encode(tone(440, 40, 8_000)).decode()
    delta = recorder().text(json.dumps({"type": "response.output_audio.delta", "delta": audio}), 0, from_client=False)
    item = {"type": "message", "content": [{"type": "input_audio", "audio": audio}]}
    create = json.dumps({"type": "conversation.item.create", "item": item})
    inner = recorder().text(create, 0, from_client=True)
    assert (delta.event["delta"], delta.audio_ms) == ("[audio]", 40.0)
    assert (inner.event["item"]["content"][0]["audio"], inner.audio_ms) == ("[audio]", 40.0)


def test_text_keeps_its_length_only_and_what_is_structure_stays() -> None:
    event = {
        "type": "session.update",
        "session": {"instructions": "Be kind.", "max_output_tokens": "inf", "voice": "marin"},
    }
    entry = recorder().text(json.dumps(event), 0, from_client=True)
    assert entry.event["session"] == {"instructions": "xxxxxxxx", "max_output_tokens": "inf", "voice": "marin"}


def test_the_id_of_a_customer_is_no_structure() -> None:
    entry = recorder("client").text('{"type":"create_session","customerId":"4711"}', 0, from_client=True)
    assert entry.event["customerId"] == "xxxx"


@pytest.mark.parametrize("show_content", [False, True])
def test_secrets_are_removed_with_and_without_content(show_content: bool) -> None:
    event = json.dumps({"type": "error", "error": {"message": "no such key: a-secret-of-some-length"}})
    entry = recorder(show_content=show_content).text(event, 0, from_client=False)
    assert "a-secret-of-some-length" not in str(entry)


@pytest.mark.parametrize(
    ("via", "data", "who"),
    [
        ("service", '{"type":"session.created"}', "server"),
        ("service", '{"type":"error","error":{}}', "server"),
        ("client", '{"type":"response.created"}', "server"),
        ("client", '{"type":"session_ready"}', "bridge"),
        ("client", '{"type":"error","code":"RATE_LIMITED"}', "bridge"),
    ],
)
def test_messages_of_a_bridge_are_its_own(via: str, data: str, who: str) -> None:
    assert recorder(via).text(data, 0, from_client=False).who == who


def test_a_binary_frame_is_audio() -> None:
    entry = recorder("client").binary(silence(20), 0.5, from_client=True)
    assert (entry.binary, entry.audio_ms, entry.silent, entry.event) == (True, 20.0, True, {"audio": "[audio]"})


@pytest.mark.parametrize(
    ("data", "why"), [('{"type": "x', "truncated or invalid JSON"), ("[]", "text that isn't a JSON object")]
)
def test_what_is_no_event_is_kept_as_unreadable_without_its_text(data: str, why: str) -> None:
    entry = recorder().text(data, 0, from_client=True)
    assert (entry.unreadable, entry.event) == (why, {})
