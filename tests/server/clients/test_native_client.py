"""A client at the native endpoint: what an SDK sees of a bridge, and what it doesn't."""

# The clock fixture is never used by name: asking for it makes the time virtual.

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bridge.client_protocol.errors import ClientCode
from bridge.core.commands import EndResponse, Forward, SendMessage, SendNative
from bridge.core.events import BadMessage, ClientAudio, CreateSession
from bridge.core.open_responses import OpenResponse
from bridge.driver.client import ClosingFrame, Frame
from bridge.server.clients.native_client import NativeClient, session_options_from_query
from bridge.server.clients.rate_limit import RateLimits
from bridge.transport.memory import memory_link_pair
from tests.server.clients.harness import pushing, served

if TYPE_CHECKING:
    from bridge.transport.websocket import WebSocketLink

CREATED = Forward("session.created", b'{"type":"session.created"}')
UPDATED = Forward("session.updated", b'{"type":"session.updated"}')
READY = SendMessage({"type": "session_ready"})


def pair(locked: frozenset[str] = frozenset()) -> tuple[WebSocketLink, NativeClient]:
    link, server = memory_link_pair()
    client = NativeClient(
        pushing(server),
        client_id="c",
        max_bytes=1000,
        limits=RateLimits(),
        session_options={"model": "m"},
        locked=locked,
    )
    return link, client


def error(frame: Frame) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(frame.data)
    assert event["type"] == "error"
    assert event["event_id"].startswith("event_bridge_")
    found: dict[str, Any] = event["error"]
    return found


async def test_connecting_creates_the_session() -> None:
    link, client = pair()
    await link.send_text('{"type":"input_audio_buffer.append","audio":"AQI="}')
    assert client.initial_frames() == []
    async with served(client) as handler:
        assert await handler.receive() == CreateSession({"model": "m"}, native=True)
        assert await handler.receive() == ClientAudio(b"\1\2")


@pytest.mark.parametrize(
    ("query", "locked", "options"),
    [
        ({}, (), {}),
        ({"model": "m"}, (), {"model": "m"}),
        ({"model": ""}, (), {}),
        ({"model": "m"}, ("model",), {}),
        ({"intent": "transcription"}, (), {"kind": "transcription"}),
        ({"intent": "conversation", "base_url": "http://169.254.169.254", "api_key": "sk"}, (), {}),
    ],
)
def test_only_model_and_intent_are_read_out_of_the_query(
    query: dict[str, str], locked: tuple[str, ...], options: dict[str, str]
) -> None:
    assert session_options_from_query(query, frozenset(locked)) == {"plain": True, **options}


async def test_binary_frames_and_locked_fields_are_rejected() -> None:
    link, client = pair(frozenset({"voice"}))
    await link.send_binary(b"\1\2")
    await link.send_text('{"type":"session.update","session":{"voice":"x"}}')
    async with served(client) as handler:
        await handler.receive()
        for words in ("base64", "voice is set by the server"):
            bad = await handler.receive()
            assert isinstance(bad, BadMessage)
            assert words in bad.message


async def test_an_sdk_sees_its_session_once_and_no_reply_to_the_bridges_update() -> None:
    _, client = pair()
    assert client.render(CREATED) == [Frame(CREATED.frame)]
    assert client.render(UPDATED) == []
    assert client.render(READY) == []
    assert client.render(UPDATED) == [Frame(UPDATED.frame)]


async def test_a_reconnection_shows_as_one_more_session_updated() -> None:
    _, client = pair()
    for command in (CREATED, UPDATED, READY):
        client.render(command)
    frames: list[Frame] = []
    for command in (
        SendMessage({"type": "reconnecting"}),
        CREATED,
        UPDATED,
        SendMessage({"type": "reconnected", "lost": []}),
    ):
        frames += client.render(command)
    assert frames == [Frame(UPDATED.frame)]


async def test_a_second_attempt_of_the_first_session_shows_no_second_session() -> None:
    _, client = pair()
    client.render(CREATED)
    assert client.render(CREATED) == []
    assert client.render(Forward("transcription_session.created", b"{}")) == []


@pytest.mark.parametrize("kind", ["connected", "session_initializing", "session_expiring", "pong", "session_ready"])
async def test_an_sdk_gets_no_bridge_messages(kind: str) -> None:
    _, client = pair()
    assert client.render(SendMessage({"type": kind})) == []


async def test_an_error_of_ours_has_the_terms_of_the_service() -> None:
    _, client = pair()
    message = {"type": "error", "code": "RATE_EXCEEDED", "message": "Slow.", "detail": {"retryAfterMs": 5}}
    [frame] = client.render(SendMessage(message))
    assert error(frame) == {
        "type": "server_error",
        "code": None,
        "message": "Slow. (bridge: rate_exceeded)",
        "param": None,
        "event_id": None,
    }


async def test_an_error_of_the_service_passes_as_it_is() -> None:
    _, client = pair()
    upstream = {
        "type": "invalid_request_error",
        "code": "item_delete_invalid_item_id",
        "message": "No item x.",
        "param": "item_id",
        "event_id": "mine-7",
    }
    message = {"type": "error", "code": "UPSTREAM_ERROR", "message": "Ours.", "detail": {"upstream": upstream}}
    [frame] = client.render(SendMessage(message))
    assert error(frame) == upstream


async def test_the_bridges_own_rejection_names_the_event_too() -> None:
    _, client = pair()
    message = {"type": "error", "code": "INVALID_MESSAGE", "message": "No.", "detail": {"eventId": "mine-7"}}
    [frame] = client.render(SendMessage(message))
    assert error(frame)["event_id"] == "mine-7"
    assert (error(frame)["type"], error(frame)["code"]) == ("invalid_request_error", "invalid_event")


@pytest.mark.parametrize(
    ("code", "close", "reason"),
    [
        ("AUTHENTICATION_FAILED", 3000, "invalid_request_error.invalid_api_key"),
        ("ACCESS_DENIED", 3000, "invalid_request_error"),
        ("MODEL_NOT_AVAILABLE", 4004, "invalid_request_error.model_not_found"),
        ("DIALECT_REFUSED", 4000, "invalid_request_error.beta_api_shape_disabled"),
        ("QUOTA_EXHAUSTED", 1013, "insufficient_quota.insufficient_quota"),
        ("CONNECTION_LOST", 1011, "server_error"),
    ],
)
async def test_a_session_that_cannot_be_had_ends_the_socket_behind_the_error(
    code: str, close: int, reason: str
) -> None:
    _, client = pair()
    message = {"type": "error", "code": code, "message": "No.", "detail": {"attempts": 3}}
    told, last = client.render(SendMessage(message))
    assert error(told)["message"].startswith("No.")
    assert last == ClosingFrame(reason.encode(), code=close)


UPSTREAM = {"type": "invalid_request_error", "code": "invalid_model", "message": "No.", "param": "model"}


def refusal(code: str = "MODEL_NOT_AVAILABLE", **detail: Any) -> SendMessage:
    message = {"type": "error", "code": code, "message": "Ours.", "detail": {"attempts": 1, **detail}}
    return SendMessage(message)


async def test_a_refusal_of_the_service_closes_as_the_service_does() -> None:
    _, client = pair()
    reason = "invalid_request_error.invalid_model"
    first, last = client.render(refusal(upstream=UPSTREAM, closeCode=4000, closeReason=reason))
    assert error(first) == {**UPSTREAM, "event_id": None}
    assert last == ClosingFrame(b"invalid_request_error.invalid_model", code=4000)


@pytest.mark.parametrize(
    ("detail", "close"),
    [
        ({"upstream": UPSTREAM}, ClosingFrame(b"invalid_request_error.invalid_model", code=4004)),
        ({"upstream": UPSTREAM, "closeCode": 1013}, ClosingFrame(b"", code=1013)),
        ({"upstream": UPSTREAM, "closeCode": None}, ClosingFrame(b"invalid_request_error.invalid_model", code=4004)),
        ({"upstream": UPSTREAM, "closeCode": 1006}, ClosingFrame(b"invalid_request_error.invalid_model", code=4004)),
        ({"upstream": UPSTREAM, "closeCode": "4000"}, ClosingFrame(b"invalid_request_error.invalid_model", code=4004)),
        ({"closeCode": 4999, "closeReason": "gone"}, ClosingFrame(b"gone", code=4999)),
        ({"closeCode": 1000, "closeReason": "bye"}, ClosingFrame(b"invalid_request_error.model_not_found", code=4004)),
        ({"closeCode": 1012}, ClosingFrame(b"invalid_request_error.model_not_found", code=4004)),
    ],
)
async def test_the_upstreams_close_is_passed_on_if_it_is_its_word_and_can_be_sent(
    detail: dict[str, Any], close: ClosingFrame
) -> None:
    _, client = pair()
    assert client.render(refusal(**detail))[-1] == close


async def test_the_reason_of_a_close_fits_into_its_frame() -> None:
    _, client = pair()
    for detail in (
        {"upstream": {**UPSTREAM, "code": "\u00e4" * 200}},
        {"closeCode": 4000, "closeReason": "\u00e4" * 200},
    ):
        close = client.render(refusal(**detail))[-1]
        assert 120 <= len(close.data) <= 123
        assert close.data.decode()


async def test_an_error_that_was_passed_on_is_not_repeated_before_the_close() -> None:
    _, client = pair()
    passed = {"type": "error", "code": "UPSTREAM_ERROR", "message": "Ours.", "detail": {"upstream": UPSTREAM}}
    assert len(client.render(SendMessage(passed))) == 1
    assert len(client.render(SendMessage(passed))) == 1
    assert client.render(refusal(upstream=UPSTREAM, closeCode=4000)) == [ClosingFrame(b"", code=4000)]


async def test_an_error_of_an_earlier_session_is_told_again_before_the_close() -> None:
    _, client = pair()
    passed = {"type": "error", "code": "UPSTREAM_ERROR", "message": "Ours.", "detail": {"upstream": UPSTREAM}}
    client.render(SendMessage({**passed, "generation": 1}))
    ended = refusal(upstream=UPSTREAM, closeCode=4000)
    told, close = client.render(SendMessage({**ended.message, "generation": 2}))
    assert error(told)["code"] == UPSTREAM["code"]
    assert close == ClosingFrame(b"", code=4000)


async def test_an_error_keeps_its_fields_and_gets_those_that_are_missing() -> None:
    _, client = pair()
    for upstream in ({"code": "odd", "more": [1]}, {"type": "t", "message": "m", "param": 7}):
        detail = {"upstream": upstream, "eventId": "mine"}
        [frame] = client.render(SendMessage({"type": "error", "code": "X", "message": "Ours.", "detail": detail}))
        defaults = {"type": "server_error", "code": None, "message": "Ours.", "param": None}
        assert error(frame) == {**defaults, **upstream, "event_id": "mine"}


#: These mean what they say.
MEANT = ("AUTHENTICATION_FAILED", "QUOTA_EXHAUSTED", "BUDGET_EXHAUSTED", "SESSION_EXPIRED")
#: What LiveKit ends at for good.
FATAL = {"insufficient_quota", "credit_balance_exhausted", "invalid_api_key", "account_deactivated"}


@pytest.mark.parametrize("code", [one for one in ClientCode if one not in MEANT])
async def test_no_error_that_passes_is_taken_for_the_end(code: str) -> None:
    _, client = pair()
    for frame in client.render(SendMessage({"type": "error", "code": code, "message": "No."})):
        assert not {error(frame)["type"], error(frame)["code"]} & FATAL


@pytest.mark.parametrize(
    "message",
    [
        {"type": "audio_dropped", "chunks": 2, "ms": 40, "messages": 1, "reason": "too_old"},
        {"type": "reconnected", "lost": ["a half-spoken answer", "2 turns"]},
        {"type": "error", "code": "SESSION_NOT_READY", "message": "Wait."},
        {"type": "error", "code": "NO_SESSION_EXISTS", "message": "Wait."},
        {"type": "error", "code": "UPSTREAM_ERROR", "message": "No.", "detail": {"responseId": "resp_1"}},
    ],
    ids=lambda message: str(message.get("code", message["type"])),
)
async def test_what_is_no_error_of_the_service_is_no_error_here(message: dict[str, Any]) -> None:
    _, client = pair()
    assert client.render(SendMessage(message)) == []


async def test_a_lost_response_ends_in_native_events() -> None:
    _, client = pair()
    frames = client.render(EndResponse(OpenResponse({"id": "resp_1"}), "ga"))
    [done] = [json.loads(frame.data) for frame in frames]
    assert (done["type"], done["event_id"]) == ("response.done", "event_bridge_1")
    assert (done["response"]["id"], done["response"]["status"]) == ("resp_1", "failed")


async def test_an_expired_session_closes_as_the_service_does() -> None:
    _, client = pair()
    upstream = {"type": "invalid_request_error", "code": "session_expired", "message": "Your session hit ..."}
    reason = b"invalid_request_error.session_expired"
    for detail in ({"upstream": upstream, "closeCode": 1001, "closeReason": reason.decode()}, {}):
        message = {"type": "error", "code": "SESSION_EXPIRED", "message": "No.", "detail": detail}
        first, last = client.render(SendMessage(message))
        assert error(first)["code"] == "session_expired"
        assert last == ClosingFrame(reason, code=1001)
    assert client.render(SendMessage({"type": "session_closed", "reason": "expired"})) == []
    assert client.render(SendMessage({"type": "session_closed", "reason": "draining"})) == []


async def test_an_event_that_the_core_made_has_an_id_of_its_own() -> None:
    _, client = pair()
    [frame] = client.render(SendNative({"type": "conversation.item.deleted", "item_id": "item_1"}))
    assert json.loads(frame.data) == {
        "type": "conversation.item.deleted",
        "item_id": "item_1",
        "event_id": "event_bridge_1",
    }
