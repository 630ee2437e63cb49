"""The two protocols as a caller needs them: what is sent, and what the frames that come mean."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from loadtests.callers.client_events import (
    Answered,
    Complaint,
    Dropped,
    Lost,
    Opened,
    Over,
    Ready,
    Signal,
    Sound,
    Stale,
    Trying,
    Words,
)
from loadtests.callers.protocols import ClientLine, Line, NativeLine, line_for
from loadtests.scenarios.behaviour import Behaviour, Door

PCM = bytes(960)
BASE64 = base64.b64encode(PCM).decode()
STAMP = "2026-11-21T08:00:00.250Z"


def said(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields})


def native() -> NativeLine:
    return NativeLine(Behaviour(door=Door.NATIVE))


def client(**behaviour: Any) -> ClientLine:
    return ClientLine(Behaviour(**behaviour))


def test_the_door_chooses_the_line() -> None:
    assert isinstance(line_for(Behaviour()), ClientLine)
    assert isinstance(line_for(Behaviour(door=Door.NATIVE)), NativeLine)


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
    assert client().address(url, "gpt-realtime-2.1") == address


def test_the_native_door_names_the_model_in_its_address() -> None:
    assert native().address("ws://h:1", "gpt-x") == "ws://h:1/v1/realtime?model=gpt-x"


def test_a_client_asks_for_its_session_and_for_binary_answers_where_it_wants_them() -> None:
    (plain,) = client().opening()
    (binary,) = client(binary_answers=True).opening()
    assert json.loads(plain) == {"type": "create_session"}
    assert json.loads(binary)["audioOut"] == "binary"


def test_a_client_sends_binary_and_an_sdk_base64() -> None:
    assert client().chunk(PCM) == PCM
    event = json.loads(native().chunk(PCM))
    assert (event["type"], base64.b64decode(event["audio"])) == ("input_audio_buffer.append", PCM)


@pytest.mark.parametrize("line", [client(), native()], ids=["client", "native"])
def test_everything_that_is_sent_is_json_with_a_type(line: Line) -> None:
    frames = (*line.opening(), *line.typed("hello"), *line.interrupt("item_1", 300), *line.goodbye())
    assert all(json.loads(frame)["type"] for frame in frames)


def test_a_native_turn_is_an_item_and_a_response_and_a_cut_cancels_and_truncates() -> None:
    line = native()
    types = [json.loads(frame)["type"] for frame in (*line.typed("hello"), *line.interrupt("item_1", 300))]
    assert types == ["conversation.item.create", "response.create", "response.cancel", "conversation.item.truncate"]


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (said("connected", clientId="c"), Opened()),
        (said("session_ready", generation=1), Ready()),
        (said("reconnected", generation=2, resentMs=340), Ready(again=True, resent_ms=340)),
        (said("reconnecting", attempt=1), Lost()),
        (said("reconnecting", attempt=1, delayMs=1500), Lost(1.5)),
        (said("session_initializing", attempt=1), Trying()),
        (said("audio_dropped", ms=400, chunks=20), Dropped(400)),
        (said("session_closed", reason="draining"), Over("draining")),
        (said("response.done", response={"status": "completed"}), Answered()),
        (said("response.done", response={"status": "failed"}), Answered(failed=True)),
        (said("response.done", response={"status": "cancelled"}), Answered(cancelled=True)),
        (said("response.output_text.delta", delta="a"), Words()),
        (said("response.output_audio_transcript.delta", delta="a"), Words()),
        (said("response.output_audio.delta", item_id="i", delta=BASE64), Sound(20, "i")),
        (PCM, Sound(20)),
        ("no json", None),
        ("[]", None),
    ],
)
def test_what_a_client_hears(frame: str | bytes, signal: Signal | None) -> None:
    assert client().read(frame) == signal


def test_an_error_tells_when_it_was_sent_and_what_to_do_about_it() -> None:
    frame = said(
        "error", code="CONNECTION_LOST", retryable=True, timestamp=STAMP, detail={"retryAfterMs": 1500, "attempts": 5}
    )
    signal = client().read(frame)
    assert signal == Complaint("CONNECTION_LOST", 1795248000.25, ends=True, retryable=True, wait_seconds=1.5)


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
    signal = client().read(said("error", code=code, detail=detail))
    assert isinstance(signal, Complaint)
    assert signal.ends is ends


def test_what_cannot_get_better_is_not_retryable() -> None:
    signal = client().read(said("error", code="QUOTA_EXHAUSTED", retryable=False))
    assert isinstance(signal, Complaint)
    assert not signal.retryable


def test_a_message_of_an_earlier_generation_is_stale() -> None:
    line = client()
    assert line.read(said("session_ready", generation=3)) == Ready()
    assert line.read(said("reconnecting", generation=3)) == Lost()
    assert line.read(said("session_closed", generation=2, reason="ended")) == Stale()
    assert line.read(said("reconnected", generation=4)) == Ready(again=True)


def test_an_error_that_was_held_back_until_its_session_was_over_is_no_stale_event_and_ends_nothing() -> None:
    line = client()
    line.read(said("reconnected", generation=2))
    signal = line.read(said("error", code="CONNECTION_LOST", generation=1))
    assert isinstance(signal, Complaint)
    assert not signal.ends


@pytest.mark.parametrize("odd", [None, "soon", [], {}])
def test_fields_of_the_wrong_kind_break_nothing(odd: object) -> None:
    line = client()
    assert line.read(said("audio_dropped", ms=odd)) == Dropped(0)
    assert line.read(said("reconnected", resentMs=odd)) == Ready(again=True)
    assert line.read(said("response.done", response=odd)) == Answered()
    assert isinstance(line.read(said("error", code=odd, detail=odd, timestamp=odd)), Complaint)
    assert isinstance(native().read(said("error", error=odd)), Complaint)


@pytest.mark.parametrize(
    ("frame", "signal"),
    [
        (said("session.created"), Opened()),
        (said("session.updated"), Ready()),
        (said("error", error={"type": "bridge_error", "code": "connection_lost"}), Complaint("connection_lost", None)),
        (said("error", error={"type": "server_error"}), Complaint("server_error", None)),
        (said("response.done", response={"status": "completed"}), Answered()),
        (said("response.output_audio.delta", item_id="i", delta=BASE64), Sound(20, "i")),
        (said("rate_limits.updated"), None),
    ],
)
def test_what_an_sdk_hears(frame: str, signal: Signal | None) -> None:
    assert native().read(frame) == signal


def test_a_reconnection_shows_an_sdk_one_more_session_updated() -> None:
    line = native()
    line.read(said("session.updated"))
    assert line.read(said("session.updated")) == Ready(again=True)
