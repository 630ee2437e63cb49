"""Each refusal of the service has one error code of the client protocol."""

from __future__ import annotations

import pytest

from bridge.client_protocol.errors import ClientCode
from bridge.protocol.refusals.lookup import (
    HttpExchange,
    Refusal,
    all_refusals,
    refusal_for_close,
    refusal_for_error,
    refusal_for_status,
)
from bridge.upstream.client_codes import _CODES, client_code


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (refusal_for_status(HttpExchange.REST, 401, None), ClientCode.AUTHENTICATION_FAILED),
        (refusal_for_close(3000, ""), ClientCode.AUTHENTICATION_FAILED),
        (refusal_for_status(HttpExchange.REST, 403, None), ClientCode.ACCESS_DENIED),
        (refusal_for_status(HttpExchange.HANDSHAKE, 403, None), ClientCode.ACCESS_DENIED),
        (refusal_for_status(HttpExchange.REST, 404, None), ClientCode.SESSION_NOT_FOUND),
        (refusal_for_error({"code": "model_not_found"}), ClientCode.MODEL_NOT_AVAILABLE),
        (refusal_for_error({"code": "invalid_model"}), ClientCode.MODEL_NOT_AVAILABLE),
        (refusal_for_close(4004, ""), ClientCode.MODEL_NOT_AVAILABLE),
        (refusal_for_error({"code": "beta_api_shape_disabled"}), ClientCode.DIALECT_REFUSED),
        (refusal_for_close(4000, ""), ClientCode.DIALECT_REFUSED),
        (refusal_for_error({"code": "unknown_parameter", "param": "session.audio"}), ClientCode.DIALECT_REFUSED),
        (refusal_for_status(HttpExchange.REST, 429, None), ClientCode.RATE_LIMITED),
        (refusal_for_status(HttpExchange.REST, 500, None), ClientCode.UPSTREAM_UNAVAILABLE),
        (refusal_for_status(HttpExchange.HANDSHAKE, 503, None), ClientCode.UPSTREAM_UNAVAILABLE),
        (refusal_for_close(1013, ""), ClientCode.UPSTREAM_UNAVAILABLE),
        (refusal_for_error({"code": "invalid_value"}), ClientCode.UPSTREAM_ERROR),
        (refusal_for_error({}), ClientCode.UPSTREAM_ERROR),
        (refusal_for_error({"code": "session_expired"}), ClientCode.SESSION_EXPIRED),
        (refusal_for_close(1006, ""), ClientCode.CONNECTION_LOST),
        (refusal_for_close(1009, ""), ClientCode.MESSAGE_TOO_LARGE),
    ],
)
def test_a_client_gets_the_code_of_its_own_protocol(refusal: Refusal, code: ClientCode) -> None:
    assert client_code(refusal) is code


def test_the_client_protocol_has_twenty_four_codes() -> None:
    assert len(ClientCode) == 24
    assert all(code.value == code.name for code in ClientCode)


def test_billing_is_never_worth_a_retry() -> None:
    billing = [refusal for refusal in all_refusals() if client_code(refusal) is ClientCode.QUOTA_EXHAUSTED]
    assert len(billing) == 5
    assert not any(refusal.retryable for refusal in billing)
    assert all("Stop retrying" in refusal.fix for refusal in billing)


def test_the_table_names_only_refusals_that_exist() -> None:
    assert {refusal.slug for refusal in all_refusals()} >= _CODES.keys()
