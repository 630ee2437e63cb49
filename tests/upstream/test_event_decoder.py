from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from bridge.core.events import SessionConfigured, SessionCreated, UpstreamError, UpstreamEvent
from bridge.core.to_client import PARSED_EVENTS
from bridge.protocol.dialects.detection import Dialect
from bridge.protocol.refusals.lookup import ERROR_CODES
from bridge.transport.link import LinkClosed
from bridge.upstream.event_decoder import HARMLESS_ERRORS, EventDecoder, relayed_type
from bridge.upstream.failures import UpstreamClosed, redact

NOW, UNIX = 50.0, 1_790_000_000.0


def reading(dialect: Dialect = Dialect.GA, session_id: str | None = None) -> EventDecoder:
    return EventDecoder(3, dialect, redact=redact, unix_time=lambda: UNIX, session_id=session_id)


def created(**session: Any) -> bytes:
    return json.dumps({"type": "session.created", "session": {"type": "realtime", "id": "sess_1", **session}}).encode()


def live() -> EventDecoder:
    """A session that is configured."""
    found = reading()
    found.decode(created(), NOW)
    found.configure_sent = True
    assert isinstance(found.decode(b'{"type":"session.updated","session":{}}', NOW), SessionConfigured)
    return found


def error(code: str | None, message: str = "") -> bytes:
    fields = {"type": "invalid_request_error", "code": code, "message": message}
    return json.dumps({"type": "error", "error": fields}).encode()


def test_the_first_frame_has_the_session() -> None:
    frame = created(model="gpt-realtime-2.1", expires_at=UNIX + 1800)
    happened = reading().decode(frame, NOW)
    assert happened == SessionCreated(
        generation=3,
        frame=frame,
        session_id="sess_1",
        model="gpt-realtime-2.1",
        dialect="ga",
        expires_at=NOW + 1800,
        expires_at_text="2026-09-21T14:43:20.000Z",
    )


@pytest.mark.parametrize("expires_at", [None, 0, -5, "soon", True, 1e308, 10**400, [], UNIX * 1000])
def test_a_session_without_a_sensible_end_has_none(expires_at: object) -> None:
    happened = reading().decode(created(expires_at=expires_at), NOW)
    assert isinstance(happened, SessionCreated | UpstreamError)
    assert getattr(happened, "expires_at", None) is None


def test_a_beta_server_is_known_by_its_first_frame() -> None:
    found = reading(Dialect.GA)
    happened = found.decode(b'{"type":"session.created","session":{"id":"s","modalities":["text"]}}', NOW)
    assert isinstance(happened, SessionCreated)
    assert (happened.dialect, found.dialect) == ("beta", Dialect.BETA)


def test_a_transcription_session_of_the_beta_is_created_and_confirmed_by_its_own_names() -> None:
    found = reading(Dialect.BETA)
    happened = found.decode(b'{"type":"transcription_session.created","session":{"id":"s"}}', NOW)
    assert isinstance(happened, SessionCreated)
    assert happened.type == "transcription_session.created"
    found.configure_sent = True
    happened = found.decode(b'{"type":"transcription_session.updated","session":{}}', NOW)
    assert isinstance(happened, SessionConfigured)
    assert happened.type == "transcription_session.updated"


def test_a_first_frame_without_a_hint_keeps_the_requested_dialect() -> None:
    happened = reading(Dialect.BETA).decode(b'{"type":"session.created","session":null}', NOW)
    assert isinstance(happened, SessionCreated)
    assert happened.dialect == "beta"


def test_only_the_first_update_after_asking_is_the_confirmation() -> None:
    found = reading()
    found.decode(created(), NOW)
    update = b'{"type":"session.updated","session":{"a":1}}'
    assert isinstance(found.decode(update, NOW), UpstreamEvent)
    found.configure_sent = True
    confirmed = found.decode(update, NOW)
    assert confirmed == SessionConfigured(3, update, json.loads(update))
    later = found.decode(update, NOW)
    assert later == UpstreamEvent(3, "session.updated", update, json.loads(update))


def test_audio_is_passed_on_unread() -> None:
    frame = b'{"type":"response.output_audio.delta","delta":"' + b"no base64" * 1000 + b'"}\r\n'
    assert live().decode(frame, NOW) == UpstreamEvent(3, "response.output_audio.delta", frame)


AUDIO = b'{"type":"response.output_audio.delta","event_id":"e","delta":"QUJD"}'
ARGUMENTS = b'{"type":"response.function_call_arguments.delta","delta":"{\\"a\\":{}}","x":{"y":[{}]}}'


@pytest.mark.parametrize("whole", [AUDIO, ARGUMENTS, b'{"type":"rate_limits.updated","rate_limits":[{"name":"r"},{}]}'])
def test_an_event_that_is_cut_is_none_wherever_it_is_cut(whole: bytes) -> None:
    found = live()
    assert found.decode(whole, NOW) == UpstreamEvent(3, json.loads(whole)["type"], whole)
    for length in range(len(whole)):
        cut = found.decode(whole[:length], NOW)
        assert isinstance(cut, UpstreamError), whole[:length]
        assert (cut.upstream["code"], cut.harmless) == ("unreadable_frame", False)


@pytest.mark.parametrize("behind", [b"}", b"{}", b",", b"x"])
def test_an_event_with_something_behind_it_is_none(behind: bytes) -> None:
    assert isinstance(live().decode(ARGUMENTS + behind, NOW), UpstreamError)


def test_an_event_that_is_cut_before_the_session_is_confirmed_fails_the_attempt() -> None:
    with pytest.raises(UpstreamClosed, match="no event"):
        reading().decode(AUDIO[:-1], NOW)


@pytest.mark.parametrize("event_type", sorted(PARSED_EVENTS))
def test_events_that_the_core_needs_are_parsed(event_type: str) -> None:
    frame = json.dumps({"type": event_type, "x": 1}).encode()
    assert live().decode(frame, NOW) == UpstreamEvent(3, event_type, frame, {"type": event_type, "x": 1})


@pytest.mark.parametrize("frame", [b"<html>", b"\0\1", b"", b"[]", b'{"type":7}', b'{"type":"error","error":'])
def test_a_frame_that_is_no_event_fails_an_attempt_and_is_an_error_of_a_running_session(frame: bytes) -> None:
    with pytest.raises(UpstreamClosed, match="no event"):
        reading().decode(frame, NOW)
    happened = live().decode(frame, NOW)
    assert isinstance(happened, UpstreamError)
    assert (happened.failure.code, happened.harmless) == ("UPSTREAM_ERROR", False)


def test_a_binary_frame_fails_an_attempt_and_is_an_error_of_a_running_session() -> None:
    with pytest.raises(UpstreamClosed, match="no event"):
        reading().decode_binary()
    happened = live().decode_binary()
    assert (happened.upstream["code"], happened.harmless) == ("unreadable_frame", False)


FRAMES = [
    AUDIO,
    AUDIO + b"\n",
    AUDIO[:-1],
    ARGUMENTS,
    ARGUMENTS[:-1],
    b'{"type":"response.done"}',
    b'{"type":"error"}',
    b'{"type":"session.updated","session":{}}',
    b'{"type":"something.new"}',
    b'{"type":"response.output_audio.delta","delta":"\xc3\xa4"}',
    b"[]",
    b"",
]


@pytest.mark.parametrize("frame", FRAMES)
def test_what_is_relayed_is_exactly_what_decodes_to_an_event_without_a_body(frame: bytes) -> None:
    happened = live().decode(frame, NOW)
    unread = isinstance(happened, UpstreamEvent) and happened.body is None
    relayed = relayed_type(frame)
    assert (relayed is not None) == unread
    if relayed is not None:
        assert happened == UpstreamEvent(3, relayed, frame)


@pytest.mark.parametrize("code", ["invalid_api_key", "unknown_parameter", "session_expired", None])
def test_an_error_before_the_configuration_is_confirmed_fails_the_attempt(code: str | None) -> None:
    found = reading()
    found.decode(created(), NOW)
    found.configure_sent = True
    with pytest.raises(UpstreamClosed) as raised:
        found.decode(error(code, "It is sk-0123456789abcdef."), NOW)
    assert raised.value.failure.detail["sessionId"] == "sess_1"
    assert "0123456789" not in raised.value.failure.message


def test_a_harmless_error_before_the_configuration_is_confirmed_stays_harmless() -> None:
    found = reading()
    found.decode(created(), NOW)
    happened = found.decode(error("response_cancel_not_active"), NOW)
    assert isinstance(happened, UpstreamError)
    assert happened.harmless


@pytest.mark.parametrize("code", sorted(HARMLESS_ERRORS))
def test_harmless_errors_are_known_ones_and_have_a_reason(code: str) -> None:
    assert code in ERROR_CODES
    assert len(HARMLESS_ERRORS[code]) > 20
    happened = live().decode(error(code), NOW)
    assert isinstance(happened, UpstreamError)
    assert happened.harmless


def test_an_error_of_a_running_session_shows_the_native_object_without_keys() -> None:
    happened = live().decode(error("invalid_value", "Bad sk-0123456789abcdef"), NOW)
    assert isinstance(happened, UpstreamError)
    assert happened.upstream["message"] == "Bad sk-…"
    assert (happened.failure.code, happened.harmless) == ("UPSTREAM_ERROR", False)


def test_an_error_keeps_its_words_for_the_client() -> None:
    message = f"Supported values are:\n{'alloy, ' * 200}"
    happened = live().decode(error("invalid_value", message), NOW)
    assert isinstance(happened, UpstreamError)
    assert happened.upstream["message"] == message


@pytest.mark.parametrize(
    ("found", "code", "due"),
    [
        (reading(), "anything", True),
        (live(), "session_expired", True),
        (live(), "invalid_value", False),
    ],
    ids=["the first frame", "a fatal error", "another error"],
)
def test_a_close_is_due_behind_a_refusal(found: EventDecoder, code: str, due: bool) -> None:
    assert not found.close_is_due
    with suppress(UpstreamClosed):
        found.decode(error(code), NOW)
    assert found.close_is_due == due


def test_an_error_without_an_object_is_an_error_all_the_same() -> None:
    happened = live().decode(b'{"type":"error","error":"odd"}', NOW)
    assert isinstance(happened, UpstreamError)
    assert happened.upstream == {}


def test_a_fatal_error_explains_the_close_behind_it() -> None:
    found = live()
    found.decode(error("session_expired"), NOW)
    over = found.closed(LinkClosed(1006, by_peer=True))
    assert over.failure.code == "SESSION_EXPIRED"
    assert over.reason == "The session reached its maximum duration"
    over = found.closed(LinkClosed(1001, "invalid_request_error.session_expired", by_peer=True))
    assert (over.failure.detail["closeCode"], over.failure.detail["upstream"]["code"]) == (1001, "session_expired")
    assert over.failure.detail["closeReason"] == "invalid_request_error.session_expired"


def test_an_error_that_is_not_fatal_does_not_explain_the_close() -> None:
    found = live()
    found.decode(error("invalid_value"), NOW)
    over = found.closed(LinkClosed(1011, by_peer=True))
    assert over.failure.detail["closeCode"] == 1011
    assert over.failure.detail["sessionId"] == "sess_1"


def test_a_minted_session_is_named_before_the_upstream_names_one() -> None:
    over = reading(session_id="sess_minted").closed(LinkClosed(3000, "", by_peer=True))
    assert over.failure.detail["sessionId"] == "sess_minted"
