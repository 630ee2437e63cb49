from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.transport.link import HandshakeRefused, LinkClosed
from bridge.upstream.dial.errors import DialFailed, DialPhase, FailureReason
from bridge.upstream.failures import (
    MAX_QUOTED_CHARS,
    as_upstream_error,
    failure_from_close,
    failure_from_error,
    failure_from_network,
    failure_from_rest_refusal,
    failure_from_upgrade,
    failure_reason,
    hide_keys,
    redact,
    redact_json,
)
from bridge.upstream.rest import RestRefused, RestResponse
from reports.redaction import Secret

KEY = Secret("verysecret-0123456789abcdefgh")


def hide(text: str) -> str:
    return redact(text, KEY)


@pytest.mark.parametrize(
    "text",
    [
        f"your key {KEY.reveal()} is wrong",
        "Incorrect API key provided: sk-abcde***wxyz. You can",
        "sk-proj-0123456789_abc-def",
        "token ek_0123456789abcdef was used",
        "Authorization: Bearer abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
)
def test_no_key_and_no_token_is_quoted(text: str) -> None:
    shown = redact(text, KEY)
    assert "…" in shown
    for part in ("verysecret-0123", "abcde", "0123456789", "abcdefghij", "eyJz", "wxyz"):
        assert part not in shown


def test_ordinary_words_and_session_ids_are_not_redacted() -> None:
    text = "No such session sess_CQxyz0123456789; a risk-averse-person asked"
    assert redact(text, KEY) == text


def test_what_does_not_print_is_blanked_and_long_texts_are_cut() -> None:
    assert redact("a\r\nb\x1b[31m\u202ec") == "a  b [31m c"
    assert len(redact("x" * 5000)) == MAX_QUOTED_CHARS


def test_a_text_for_the_client_keeps_all_but_the_keys() -> None:
    long = "x" * 5000 + "\n"
    assert hide_keys(f"{long}sk-abcdefgh {KEY.reveal()}", KEY) == f"{long}sk-… {KEY.hide(KEY.reveal())}"


def test_every_text_of_an_object_is_redacted() -> None:
    value = {"a": ["sk-0123456789abcdef", 1, None], "b": {"c": KEY.reveal()}}
    assert redact_json(value, hide) == {"a": ["sk-…", 1, None], "b": {"c": KEY.hint}}


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        ({"code": "invalid_api_key"}, "AUTHENTICATION_FAILED", False),
        ({"code": "insufficient_quota"}, "QUOTA_EXHAUSTED", False),
        ({"code": "model_not_found"}, "MODEL_NOT_AVAILABLE", False),
        ({"code": "beta_api_shape_disabled"}, "DIALECT_REFUSED", False),
        ({"code": "rate_limit_exceeded"}, "RATE_LIMITED", True),
        ({"code": "session_expired"}, "SESSION_EXPIRED", True),
        ({"type": "server_error", "code": None}, "UPSTREAM_UNAVAILABLE", True),
        ({"code": 7, "message": ["odd"]}, "UPSTREAM_ERROR", False),
    ],
)
def test_an_error_object_is_explained_by_the_table(error: dict[str, object], code: str, retryable: bool) -> None:
    failure = failure_from_error(error, hide, sessionId="sess_1")
    assert (failure.code, failure.retryable) == (code, retryable)
    assert failure.detail["sessionId"] == "sess_1"


def test_the_wait_that_a_message_asks_for_is_read() -> None:
    failure = failure_from_error({"code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}, hide)
    assert failure.retry_after_seconds == 1.5
    assert failure.detail["retryAfterMs"] == 1500
    assert failure_from_error({"code": "x", "message": "try again in 20ms"}, hide).retry_after_seconds == 0.02


@pytest.mark.parametrize(
    ("code", "reason", "by_peer", "client_code", "retryable"),
    [
        (1000, "", True, "CONNECTION_LOST", True),
        (1001, "", True, "CONNECTION_LOST", True),
        (1001, "Your session hit the maximum duration of 60 minutes.", True, "SESSION_EXPIRED", True),
        (1013, "insufficient_quota.insufficient_quota", True, "QUOTA_EXHAUSTED", False),
        (3000, "invalid_request_error.invalid_api_key", True, "AUTHENTICATION_FAILED", False),
        (4004, "", True, "MODEL_NOT_AVAILABLE", False),
        (4000, "", True, "DIALECT_REFUSED", False),
        (1006, "", True, "CONNECTION_LOST", True),
        (None, "closed on our side", False, "CONNECTION_LOST", True),
        (1007, "invalid byte", False, "UPSTREAM_UNAVAILABLE", True),
    ],
)
def test_a_close_is_explained_by_the_table(
    code: int | None, reason: str, by_peer: bool, client_code: str, retryable: bool
) -> None:
    failure = failure_from_close(LinkClosed(code, reason, by_peer=by_peer), hide)
    assert (failure.code, failure.retryable) == (client_code, retryable)
    assert failure.detail.get("closeCode") == code
    assert failure.detail.get("closeReason", "") == reason


def test_a_refused_upgrade_has_status_request_id_and_delay() -> None:
    headers = (("Retry-After", "7"), ("x-request-id", "req_1"))
    failure = failure_from_upgrade(HandshakeRefused(429, headers, b""), hide, azure=False)
    assert (failure.code, failure.retry_after_seconds) == ("RATE_LIMITED", 7)
    assert failure.detail == {"refusal": "RATE-LIMITED", "status": 429, "requestId": "req_1", "retryAfterMs": 7000}


@pytest.mark.parametrize(
    ("body", "upstream"),
    [
        (b'{"error":{"code":"model_not_found","type":"t","message":"No sk-abcdefgh here"}}', True),
        (b'{"error":{"code":null,"message":"No."}}', False),
        (b'{"error":"No."}', False),
        (b'["error"]', False),
        (b"<html>No.</html>", False),
        (b"", False),
    ],
)
def test_the_error_in_the_body_of_a_refused_upgrade_is_kept_if_it_says_more_than_the_status(
    body: bytes, upstream: bool
) -> None:
    detail = failure_from_upgrade(HandshakeRefused(403, (), body), hide, azure=False).detail
    kept = {"upstream": {"code": "model_not_found", "type": "t", "message": "No sk-… here"}} if upstream else {}
    assert detail == {"refusal": detail["refusal"], "status": 403, **kept}


def test_azure_means_something_else_by_a_404() -> None:
    refused = HandshakeRefused(404, (), b"")
    assert failure_from_upgrade(refused, hide, azure=True).code == "MODEL_NOT_AVAILABLE"
    assert failure_from_upgrade(refused, hide, azure=False).code == "SESSION_NOT_FOUND"


def test_a_date_is_a_wait_too_and_nonsense_is_none() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    waits = [
        failure_from_upgrade(
            HandshakeRefused(503, (("retry-after", value),), b""), hide, azure=False
        ).retry_after_seconds
        for value in (later, "soon", "-5", "9" * 400)
    ]
    assert waits[0] == pytest.approx(100, abs=5)
    assert waits[1:] == [None, None, 86_400]


def test_a_refused_mint_quotes_the_service_without_the_key() -> None:
    body = b'{"error":{"code":"invalid_api_key","message":"Incorrect API key provided: sk-abcdefgh."}}'
    failure = failure_from_rest_refusal(
        RestRefused(RestResponse(401, (("x-request-id", "req_2"),), body)), hide, during="mint"
    )
    assert failure.code == "AUTHENTICATION_FAILED"
    assert failure.message.endswith("Incorrect API key provided: sk-…")
    assert failure.detail["requestId"] == "req_2"
    assert failure.detail["during"] == "mint"


def test_a_mint_without_a_secret_is_unavailable() -> None:
    failure = failure_from_rest_refusal(RestRefused(RestResponse(200, (), b"{}"), missing="a client secret"), hide)
    assert (failure.code, failure.retryable) == ("UPSTREAM_UNAVAILABLE", True)


def test_an_upstream_that_cannot_be_reached_can_be_tried_again() -> None:
    failure = failure_from_network(
        DialFailed(DialPhase.TCP, FailureReason.REFUSED, "host:443: connection refused"), hide
    )
    assert failure.message == "The upstream cannot be reached: host:443: connection refused."
    assert failure.retryable
    assert failure.detail == {"reason": "refused"}


def test_an_error_of_a_running_session_keeps_its_cause_and_changes_its_code() -> None:
    failure = failure_from_error({"code": "rate_limit_exceeded"}, hide)
    shown = as_upstream_error(failure)
    assert (shown.code, shown.message, shown.detail) == ("UPSTREAM_ERROR", failure.message, failure.detail)
    assert failure_reason(failure) == failure.message.rstrip(".")
