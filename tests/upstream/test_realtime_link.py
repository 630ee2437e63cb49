"""An upstream link's share of a round: what is passed on costs little, what is judged costs a slice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from bridge.protocol.dialects.detection import Dialect
from bridge.upstream.event_decoder import EventDecoder
from bridge.upstream.failures import redact
from bridge.upstream.realtime_link import RealtimeLink
from bridge.upstream.session_config import SessionConfig
from reports.redaction import Secret

if TYPE_CHECKING:
    from bridge.transport.push_link import PushLink
    from bridge.upstream.event_decoder import DecodedEvent

KEY = Secret("sk-upstream-0123456789abcdef")
EVENT = {"type": "response.output_text.delta", "event_id": "e", "delta": "x"}


class FakePushLink:
    """A link that counts how often its slice was ended."""

    now = 1.0

    def __init__(self) -> None:
        self.slices = 0

    def end_slice(self) -> None:
        self.slices += 1


class Receiver:
    """Takes every event."""

    def __init__(self) -> None:
        self.events: list[DecodedEvent] = []
        self.frames: list[bytes] = []

    def on_event(self, event: DecodedEvent) -> None:
        self.events.append(event)

    def on_frame(self, _type: str, frame: bytes, _now: float) -> None:
        self.frames.append(frame)


def running() -> tuple[RealtimeLink, FakePushLink]:
    fake = FakePushLink()
    decoder = EventDecoder(1, Dialect.GA, redact=redact, keys=[KEY], unix_time=lambda: 0.0)
    link = RealtimeLink(cast("PushLink", fake), decoder, SessionConfig(model="gpt-realtime-2.1"))
    link._receiver = Receiver()  # `run` sets it, and returns only at the end of the session
    decoder.configure_sent = True
    for body in (
        {"type": "session.created", "session": {"id": "sess_1", "type": "realtime"}},
        {"type": "session.updated", "session": {}},
    ):
        link.on_text(json.dumps(body).encode())
    assert decoder.configured
    return link, fake


def text(body: Any) -> bytes:
    return json.dumps(body).encode()


def test_an_error_ends_the_slice_and_any_other_event_does_not() -> None:
    link, fake = running()
    for body in (EVENT, {"type": "input_audio_buffer.speech_started", "audio_start_ms": 1, "item_id": "i"}):
        link.on_text(text(body))
    assert fake.slices == 0
    link.on_text(text({"type": "error", "error": {"type": "invalid_request_error", "code": "x", "message": "no"}}))
    link.on_text(b'{"type":"response.done","response":')
    link.on_binary(b"")
    assert fake.slices == 3


@pytest.mark.parametrize(
    "body",
    [
        {
            "type": "response.done",
            "response": {"status": "failed", "status_details": {"error": {"code": KEY.reveal()}}},
        },
        {"type": "conversation.item.input_audio_transcription.failed", "error": {"message": f"no {KEY.reveal()}"}},
        {"type": "mcp_list_tools.failed", "item_id": KEY.reveal()},
        {"type": "response.output_text.delta", "delta": KEY.reveal()},
        {"type": "error", "error": {"type": "x", "code": "y", "message": "z", KEY.reveal(): 1}},
        {"type": "session.updated", "session": {"id": KEY.reveal()}},
    ],
    ids=lambda body: body["type"],
)
def test_no_event_of_the_upstream_takes_a_key_to_a_client(body: dict[str, Any]) -> None:
    link, _ = running()
    receiver = cast("Receiver", link._receiver)
    link.on_text(text(body))
    shown = repr([receiver.events[-1], [frame.decode() for frame in receiver.frames]])
    assert KEY.reveal() not in shown
