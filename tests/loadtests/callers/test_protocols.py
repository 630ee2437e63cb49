"""The two protocols from the caller's side: encoding, and the events of received frames."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from loadtests.callers.client_events import (
    AnswerAudioEvent,
    AnswerDoneEvent,
    AnswerTextEvent,
    AttemptEvent,
    ClientEvent,
    DroppedEvent,
    EndedEvent,
    ErrorEvent,
    LostEvent,
    OpenedEvent,
    ReadyEvent,
    StaleEvent,
    TranscribedEvent,
)
from loadtests.callers.protocols import ClientEndpointProtocol, EndpointProtocol, NativeEndpointProtocol, protocol_for
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint

PCM = bytes(960)
BASE64 = base64.b64encode(PCM).decode()
STAMP = "2026-11-21T08:00:00.250Z"


def message(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def native() -> NativeEndpointProtocol:
    return NativeEndpointProtocol(CallerBehaviour(endpoint=TargetEndpoint.NATIVE))


def client(**behaviour: Any) -> ClientEndpointProtocol:
    return ClientEndpointProtocol(CallerBehaviour(**behaviour))


def test_the_endpoint_chooses_the_protocol() -> None:
    assert isinstance(protocol_for(CallerBehaviour()), ClientEndpointProtocol)
    assert isinstance(protocol_for(CallerBehaviour(endpoint=TargetEndpoint.NATIVE)), NativeEndpointProtocol)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://host:1", "ws://host:1/api/openai/realtime"),
        ("http://host:1/", "ws://host:1/api/openai/realtime"),
        ("https://host", "wss://host/api/openai/realtime"),
        ("host:8765", "ws://host:8765/api/openai/realtime"),
        ("wss://host/own/path?a=b", "wss://host/own/path?a=b"),
    ],
)
def test_a_bridge_may_be_named_by_any_of_its_addresses(url: str, address: str) -> None:
    assert client().endpoint_url(url, "gpt-realtime-2.1") == address


def test_the_native_endpoint_has_the_model_in_its_url() -> None:
    assert native().endpoint_url("ws://h:1", "gpt-x") == "ws://h:1/v1/realtime?model=gpt-x"


def test_a_client_asks_for_its_session_and_for_binary_answers_where_it_wants_them() -> None:
    (plain,) = client().create_session()
    (binary,) = client(binary_audio_out=True).create_session()
    assert json.loads(plain) == {"type": "create_session"}
    assert json.loads(binary)["audioOut"] == "binary"


def test_a_client_sends_binary_and_an_sdk_base64() -> None:
    assert client().encode_audio(PCM) == PCM
    event = json.loads(native().encode_audio(PCM))
    assert (event["type"], base64.b64decode(event["audio"])) == ("input_audio_buffer.append", PCM)


@pytest.mark.parametrize("protocol", [client(), native()], ids=["client", "native"])
def test_everything_that_is_sent_is_json_with_a_type(protocol: EndpointProtocol) -> None:
    frames = (
        *protocol.create_session(),
        *protocol.encode_text("hello"),
        *protocol.interrupt("item_1", 300),
        *protocol.end_session(),
    )
    assert all(json.loads(frame)["type"] for frame in frames)


def test_a_native_turn_is_an_item_and_a_response_and_a_cut_cancels_and_truncates() -> None:
    protocol = native()
    types = [
        json.loads(frame)["type"] for frame in (*protocol.encode_text("hello"), *protocol.interrupt("item_1", 300))
    ]
    assert types == ["conversation.item.create", "response.create", "response.cancel", "conversation.item.truncate"]


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (message("connected", clientId="c"), OpenedEvent()),
        (message("session_ready", generation=1), ReadyEvent()),
        (message("reconnected", generation=2, resentMs=340), ReadyEvent(is_reconnect=True, resent_ms=340)),
        (message("reconnecting", attempt=1), LostEvent()),
        (message("reconnecting", attempt=1, delayMs=1500), LostEvent(1.5)),
        (message("session_initializing", attempt=1), AttemptEvent()),
        (message("audio_dropped", ms=400, chunks=20), DroppedEvent(400)),
        (
            message("error", code="UPSTREAM_ERROR", detail={"upstream": {"type": "server_error", "code": None}}),
            ErrorEvent("UPSTREAM_ERROR", None, reason="server_error", answers_messages=False),
        ),
        (message("error", code="UPSTREAM_ERROR", suppressed=4), ErrorEvent("UPSTREAM_ERROR", None)),
        (
            message("error", code="QUOTA_EXHAUSTED", detail={"closeCode": 1013, "code": "insufficient_quota"}),
            ErrorEvent("QUOTA_EXHAUSTED", None, reason="insufficient_quota", ends_session=True),
        ),
        (
            message("error", code="RATE_LIMITED", detail={"status": 429, "code": None}),
            ErrorEvent("RATE_LIMITED", None, reason="HTTP 429"),
        ),
        (message("session_closed", reason="draining"), EndedEvent("draining")),
        (message("response.done", response={"status": "completed"}), AnswerDoneEvent()),
        (message("response.done", response={"status": "failed"}), AnswerDoneEvent(failed=True)),
        (
            message(
                "response.done",
                response={"status": "failed", "status_details": {"error": {"type": "server_error", "code": None}}},
            ),
            AnswerDoneEvent(failed=True, reason="server_error"),
        ),
        (message("response.done", response={"status": "cancelled"}), AnswerDoneEvent(cancelled=True)),
        (message("response.output_text.delta", delta="a"), AnswerTextEvent()),
        (message("response.output_audio_transcript.delta", delta="a"), AnswerTextEvent()),
        (message("response.output_audio.delta", item_id="i", delta=BASE64), AnswerAudioEvent(20, "i")),
        (PCM, AnswerAudioEvent(20)),
        ("no json", None),
        ("[]", None),
    ],
)
def test_what_a_client_hears(frame: str | bytes, signal: ClientEvent | None) -> None:
    assert client().decode(frame) == signal


def test_an_error_has_its_time_and_whether_to_retry() -> None:
    frame = message(
        "error", code="CONNECTION_LOST", retryable=True, timestamp=STAMP, detail={"retryAfterMs": 1500, "attempts": 5}
    )
    signal = client().decode(frame)
    assert signal == ErrorEvent(
        "CONNECTION_LOST", 1795248000.25, ends_session=True, retryable=True, retry_after_seconds=1.5
    )


@pytest.mark.parametrize(
    ("code", "detail", "ends"),
    [
        ("SESSION_INITIALIZATION_FAILED", {}, True),
        ("QUOTA_EXHAUSTED", {}, True),
        ("INVALID_MESSAGE", {}, False),
        ("UPSTREAM_ERROR", {}, False),
        ("CONNECTION_LOST", {"outdated": True}, False),
        ("CONNECTION_LOST", None, True),
    ],
)
def test_only_some_errors_end_the_session(code: str, detail: object, *, ends: bool) -> None:
    signal = client().decode(message("error", code=code, detail=detail))
    assert isinstance(signal, ErrorEvent)
    assert signal.ends_session is ends


def test_what_cannot_get_better_is_not_retryable() -> None:
    signal = client().decode(message("error", code="QUOTA_EXHAUSTED", retryable=False))
    assert isinstance(signal, ErrorEvent)
    assert not signal.retryable


def test_a_message_of_an_earlier_generation_is_stale() -> None:
    protocol = client()
    assert protocol.decode(message("session_ready", generation=3)) == ReadyEvent()
    assert protocol.decode(message("reconnecting", generation=3)) == LostEvent()
    assert protocol.decode(message("session_closed", generation=2, reason="ended")) == StaleEvent()
    assert protocol.decode(message("reconnected", generation=4)) == ReadyEvent(is_reconnect=True)


def test_a_throttled_error_of_an_earlier_session_is_not_stale_and_ends_nothing() -> None:
    protocol = client()
    protocol.decode(message("reconnected", generation=2))
    signal = protocol.decode(message("error", code="CONNECTION_LOST", generation=1))
    assert isinstance(signal, ErrorEvent)
    assert not signal.ends_session


@pytest.mark.parametrize("odd", [None, "soon", [], {}])
def test_fields_of_the_wrong_kind_break_nothing(odd: object) -> None:
    protocol = client()
    assert protocol.decode(message("audio_dropped", ms=odd)) == DroppedEvent(0)
    assert protocol.decode(message("reconnected", resentMs=odd)) == ReadyEvent(is_reconnect=True)
    assert protocol.decode(message("response.done", response=odd)) == AnswerDoneEvent()
    assert isinstance(protocol.decode(message("error", code=odd, detail=odd, timestamp=odd)), ErrorEvent)
    assert isinstance(native().decode(message("error", error=odd)), ErrorEvent)


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (message("session.created"), OpenedEvent()),
        (message("session.updated"), ReadyEvent()),
        (
            message("error", error={"type": "bridge_error", "code": "connection_lost"}),
            ErrorEvent("connection_lost", None),
        ),
        (
            message("error", error={"type": "server_error", "message": "No. (bridge: connection_lost)"}),
            ErrorEvent("connection_lost", None),
        ),
        (message("error", error={"type": "server_error"}), ErrorEvent("server_error", None)),
        (message("response.done", response={"status": "completed"}), AnswerDoneEvent()),
        (message("response.output_audio.delta", item_id="i", delta=BASE64), AnswerAudioEvent(20, "i")),
        (message("rate_limits.updated"), None),
    ],
)
def test_what_an_sdk_hears(frame: str, signal: ClientEvent | None) -> None:
    assert native().decode(frame) == signal


SESSION = {
    "model": "gpt-realtime-2.1",
    "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}
USAGE = {"input_tokens": 1_000_000, "output_tokens": 0}
HALF_A_MINUTE = {"type": "duration", "seconds": 30}
TRANSCRIBED = message("conversation.item.input_audio_transcription.completed", usage=HALF_A_MINUTE)


@pytest.mark.parametrize("protocol", [client(), native()], ids=["client", "native"])
def test_what_responses_and_transcripts_took_is_priced_by_the_models_of_the_session(protocol: EndpointProtocol) -> None:
    protocol.decode(message("session.updated", session=SESSION))
    done = protocol.decode(message("response.done", response={"status": "completed", "usage": USAGE}))
    transcribed = protocol.decode(TRANSCRIBED)
    assert isinstance(done, AnswerDoneEvent)
    assert done.charge is not None
    assert done.charge.cost_usd == pytest.approx(4.0)
    assert isinstance(transcribed, TranscribedEvent)
    assert transcribed.charge.model == "whisper-1"
    assert transcribed.charge.cost_usd == pytest.approx(0.003)


def test_a_bridge_that_forwards_no_session_event_names_the_model_when_it_is_ready() -> None:
    protocol = client()
    protocol.decode(message("session_ready", model="gpt-realtime-2.1"))
    done = protocol.decode(message("response.done", response={"usage": USAGE}))
    assert isinstance(done, AnswerDoneEvent)
    assert done.charge is not None
    assert done.charge.model == "gpt-realtime-2.1"


@pytest.mark.parametrize("odd", [None, 7, [], {"model": 7}, {"audio": {"input": 3}}, {"audio": []}])
def test_a_session_without_a_known_model_has_no_price(odd: object) -> None:
    protocol = native()
    protocol.decode(message("session.created", session=odd))
    protocol.decode(message("session.updated", session=odd))
    transcribed = protocol.decode(TRANSCRIBED)
    assert isinstance(transcribed, TranscribedEvent)
    assert transcribed.charge.cost_usd is None


@pytest.mark.parametrize("usage", [None, "much", {}, {"input_tokens": "many"}])
def test_usage_that_says_nothing_is_no_charge(usage: object) -> None:
    protocol = client()
    done = protocol.decode(message("response.done", response={"usage": usage}))
    assert done == AnswerDoneEvent()
    assert protocol.decode(message("conversation.item.input_audio_transcription.completed", usage=usage)) is None


def test_a_reconnection_shows_an_sdk_one_more_session_updated() -> None:
    protocol = native()
    protocol.decode(message("session.updated"))
    assert protocol.decode(message("session.updated")) == ReadyEvent(is_reconnect=True)
