"""The two protocols as a caller needs them: what is sent, and what the frames that come mean."""

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
)
from loadtests.callers.protocols import ClientEndpointProtocol, EndpointProtocol, NativeEndpointProtocol, protocol_for
from loadtests.scenarios.behaviour import CallerBehaviour, TargetEndpoint

PCM = bytes(960)
BASE64 = base64.b64encode(PCM).decode()
STAMP = "2026-11-21T08:00:00.250Z"


def said(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def native() -> NativeEndpointProtocol:
    return NativeEndpointProtocol(CallerBehaviour(endpoint=TargetEndpoint.NATIVE))


def client(**behaviour: Any) -> ClientEndpointProtocol:
    return ClientEndpointProtocol(CallerBehaviour(**behaviour))


def test_the_door_chooses_the_line() -> None:
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


def test_the_native_door_names_the_model_in_its_address() -> None:
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


@pytest.mark.parametrize("line", [client(), native()], ids=["client", "native"])
def test_everything_that_is_sent_is_json_with_a_type(line: EndpointProtocol) -> None:
    frames = (*line.create_session(), *line.encode_text("hello"), *line.interrupt("item_1", 300), *line.end_session())
    assert all(json.loads(frame)["type"] for frame in frames)


def test_a_native_turn_is_an_item_and_a_response_and_a_cut_cancels_and_truncates() -> None:
    line = native()
    types = [json.loads(frame)["type"] for frame in (*line.encode_text("hello"), *line.interrupt("item_1", 300))]
    assert types == ["conversation.item.create", "response.create", "response.cancel", "conversation.item.truncate"]


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (said("connected", clientId="c"), OpenedEvent()),
        (said("session_ready", generation=1), ReadyEvent()),
        (said("reconnected", generation=2, resentMs=340), ReadyEvent(is_reconnect=True, resent_ms=340)),
        (said("reconnecting", attempt=1), LostEvent()),
        (said("reconnecting", attempt=1, delayMs=1500), LostEvent(1.5)),
        (said("session_initializing", attempt=1), AttemptEvent()),
        (said("audio_dropped", ms=400, chunks=20), DroppedEvent(400)),
        (said("session_closed", reason="draining"), EndedEvent("draining")),
        (said("response.done", response={"status": "completed"}), AnswerDoneEvent()),
        (said("response.done", response={"status": "failed"}), AnswerDoneEvent(failed=True)),
        (said("response.done", response={"status": "cancelled"}), AnswerDoneEvent(cancelled=True)),
        (said("response.output_text.delta", delta="a"), AnswerTextEvent()),
        (said("response.output_audio_transcript.delta", delta="a"), AnswerTextEvent()),
        (said("response.output_audio.delta", item_id="i", delta=BASE64), AnswerAudioEvent(20, "i")),
        (PCM, AnswerAudioEvent(20)),
        ("no json", None),
        ("[]", None),
    ],
)
def test_what_a_client_hears(frame: str | bytes, signal: ClientEvent | None) -> None:
    assert client().decode(frame) == signal


def test_an_error_tells_when_it_was_sent_and_what_to_do_about_it() -> None:
    frame = said(
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
    signal = client().decode(said("error", code=code, detail=detail))
    assert isinstance(signal, ErrorEvent)
    assert signal.ends_session is ends


def test_what_cannot_get_better_is_not_retryable() -> None:
    signal = client().decode(said("error", code="QUOTA_EXHAUSTED", retryable=False))
    assert isinstance(signal, ErrorEvent)
    assert not signal.retryable


def test_a_message_of_an_earlier_generation_is_stale() -> None:
    line = client()
    assert line.decode(said("session_ready", generation=3)) == ReadyEvent()
    assert line.decode(said("reconnecting", generation=3)) == LostEvent()
    assert line.decode(said("session_closed", generation=2, reason="ended")) == StaleEvent()
    assert line.decode(said("reconnected", generation=4)) == ReadyEvent(is_reconnect=True)


def test_an_error_that_was_held_back_until_its_session_was_over_is_no_stale_event_and_ends_nothing() -> None:
    line = client()
    line.decode(said("reconnected", generation=2))
    signal = line.decode(said("error", code="CONNECTION_LOST", generation=1))
    assert isinstance(signal, ErrorEvent)
    assert not signal.ends_session


@pytest.mark.parametrize("odd", [None, "soon", [], {}])
def test_fields_of_the_wrong_kind_break_nothing(odd: object) -> None:
    line = client()
    assert line.decode(said("audio_dropped", ms=odd)) == DroppedEvent(0)
    assert line.decode(said("reconnected", resentMs=odd)) == ReadyEvent(is_reconnect=True)
    assert line.decode(said("response.done", response=odd)) == AnswerDoneEvent()
    assert isinstance(line.decode(said("error", code=odd, detail=odd, timestamp=odd)), ErrorEvent)
    assert isinstance(native().decode(said("error", error=odd)), ErrorEvent)


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (said("session.created"), OpenedEvent()),
        (said("session.updated"), ReadyEvent()),
        (said("error", error={"type": "bridge_error", "code": "connection_lost"}), ErrorEvent("connection_lost", None)),
        (said("error", error={"type": "server_error"}), ErrorEvent("server_error", None)),
        (said("response.done", response={"status": "completed"}), AnswerDoneEvent()),
        (said("response.output_audio.delta", item_id="i", delta=BASE64), AnswerAudioEvent(20, "i")),
        (said("rate_limits.updated"), None),
    ],
)
def test_what_an_sdk_hears(frame: str, signal: ClientEvent | None) -> None:
    assert native().decode(frame) == signal


def test_a_reconnection_shows_an_sdk_one_more_session_updated() -> None:
    line = native()
    line.decode(said("session.updated"))
    assert line.decode(said("session.updated")) == ReadyEvent(is_reconnect=True)
