"""Statuses, close codes and error codes lead to the right refusal, and nothing raises."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.refusals.lookup import (
    CLOSE_CODES,
    ERROR_CODES,
    HTTP_STATUSES,
    HttpExchange,
    Refusal,
    all_refusals,
    refusal_for_close,
    refusal_for_error,
    refusal_for_status,
)
from tests.protocol.refusals.recorded_cases import BARE_STATUSES, CLOSES, ERRORS, STATUSES_WITH_ERROR


@pytest.mark.parametrize(("code", "kind", "more", "slug"), ERRORS)
def test_an_error_is_explained(code: str | None, kind: str, more: dict[str, object], slug: str) -> None:
    assert refusal_for_error({"type": kind, "code": code, "message": "", "param": None, **more}).slug == slug


@pytest.mark.parametrize(("code", "reason", "slug"), CLOSES)
def test_a_close_is_explained(code: int | None, reason: str, slug: str) -> None:
    assert refusal_for_close(code, reason).slug == slug


@pytest.mark.parametrize(("exchange", "status", "slug"), BARE_STATUSES)
def test_a_status_without_an_error_object_is_explained_by_its_exchange(
    exchange: HttpExchange, status: int, slug: str
) -> None:
    assert refusal_for_status(exchange, status, None).slug == slug
    assert refusal_for_status(exchange, status, b"<html>nothing to read</html>").slug == slug


@pytest.mark.parametrize(("exchange", "status", "error", "slug"), STATUSES_WITH_ERROR)
def test_an_error_object_in_the_body_wins_over_the_status(
    exchange: HttpExchange, status: int, error: dict[str, object], slug: str
) -> None:
    assert refusal_for_status(exchange, status, json.dumps({"error": error}).encode()).slug == slug


def test_the_recorded_cases_cover_every_table() -> None:
    assert {code for code, *_ in ERRORS if code} >= ERROR_CODES.keys() - {
        "unsupported_country_region_territory",
        "OperationNotSupported",
        "invalid_type",
        "integer_above_max_value",
        "decimal_above_max_value",
        "decimal_below_min_value",
        "server_error",
    }
    assert {code for code, *_ in CLOSES} >= CLOSE_CODES.keys()
    families = {(exchange, status // 100) for exchange, status, _ in BARE_STATUSES}
    assert {(exchange, status // 100) for exchange, status in HTTP_STATUSES} <= families


def test_the_same_cause_is_the_same_refusal_in_every_form() -> None:
    assert (
        refusal_for_error({"code": "invalid_api_key"})
        is refusal_for_close(3000, "")
        is refusal_for_close(3000, "invalid_request_error.invalid_api_key")
        is refusal_for_status(HttpExchange.REST, 401, None)
        is refusal_for_status(HttpExchange.SDP, 401, None)
    )
    assert refusal_for_error({"code": "model_not_found"}) is refusal_for_close(4004, "")
    assert refusal_for_error({"type": "server_error"}) is refusal_for_status(HttpExchange.REST, 500, None)
    assert refusal_for_error({"code": "slow_down"}) is refusal_for_status(HttpExchange.REST, 503, None)
    assert refusal_for_close(None, "") is refusal_for_close(1006, "") is refusal_for_close(1005, "")


def test_one_status_means_different_things_in_different_exchanges() -> None:
    for status in (401, 403, 404, 500):
        assert refusal_for_status(HttpExchange.REST, status, None) is not refusal_for_status(
            HttpExchange.HANDSHAKE, status, None
        )
    for status in (400, 401, 404, 429):
        azure = refusal_for_status(HttpExchange.AZURE_HANDSHAKE, status, None)
        assert azure is not refusal_for_status(HttpExchange.HANDSHAKE, status, None)


def test_close_1013_is_a_retry_only_without_the_billing_reason() -> None:
    assert refusal_for_close(1013, "").retryable
    assert not refusal_for_close(1013, "insufficient_quota.insufficient_quota").retryable


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013, 1015])
def test_what_the_official_sdk_calls_recoverable_is_retryable(code: int) -> None:
    assert refusal_for_close(code, "").retryable


@pytest.mark.parametrize("code", CLOSE_CODES)
def test_a_close_is_always_the_end(code: int) -> None:
    assert refusal_for_close(code, "").fatal


@pytest.mark.parametrize(
    ("code", "fatal"),
    [
        ("invalid_api_key", True),
        ("beta_api_shape_disabled", True),
        ("missing_model", True),
        ("invalid_model", True),
        ("model_not_found", True),
        ("invalid_intent", True),
        ("insufficient_quota", True),
        ("session_expired", True),
        ("invalid_value", False),
        ("unknown_parameter", False),
        ("missing_required_parameter", False),
        ("invalid_parameter", False),
        ("integer_below_min_value", False),
        ("string_above_max_length", False),
        ("invalid_json", False),
        ("invalid_event", False),
        ("input_audio_buffer_commit_empty", False),
        ("conversation_already_has_active_response", False),
        ("response_cancel_not_active", False),
        ("cannot_update_voice", False),
        ("server_error", False),
        ("audio_unintelligible", False),
    ],
)
def test_the_session_ends_or_goes_on_as_recorded(code: str, *, fatal: bool) -> None:
    assert refusal_for_error({"code": code}).fatal is fatal


def test_every_refusal_has_a_slug_of_its_own() -> None:
    slugs = [refusal.slug for refusal in all_refusals()]
    assert len(slugs) == len(set(slugs))
    assert slugs == sorted(slugs)
    reachable = {id(refusal) for table in (ERROR_CODES, CLOSE_CODES, HTTP_STATUSES) for refusal in table.values()}
    assert reachable <= {id(refusal) for refusal in all_refusals()}


def test_every_refusal_can_be_reached() -> None:
    reached = {slug for *_, slug in (*ERRORS, *CLOSES, *BARE_STATUSES, *STATUSES_WITH_ERROR)}
    reached |= {refusal.slug for refusal in ERROR_CODES.values()}
    assert {refusal.slug for refusal in all_refusals()} == reached


@pytest.mark.parametrize("refusal", all_refusals(), ids=lambda refusal: refusal.slug)
def test_a_refusal_has_a_short_title_a_cause_and_a_fix(refusal: Refusal) -> None:
    assert re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)*", refusal.slug)
    assert not refusal.title.endswith(".")
    assert len(refusal.title) <= 80
    assert refusal.title[0].isupper()
    assert 40 <= len(refusal.cause) <= 300
    assert refusal.cause.endswith(".")
    assert 25 <= len(refusal.fix) <= 300
    assert not refusal.fix.endswith(",")
    assert refusal.source
    assert "  " not in f"{refusal.cause} {refusal.fix} {refusal.source}"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["type", "code", "message", "param"]), _JSON))
def test_any_error_object_is_explained(error: dict[str, object]) -> None:
    assert isinstance(refusal_for_error(error), Refusal)


@given(st.none() | st.integers(-1, 70_000), st.text(max_size=30))
def test_any_close_is_explained(code: int | None, reason: str) -> None:
    assert isinstance(refusal_for_close(code, reason), Refusal)


@given(
    st.sampled_from(HttpExchange),
    st.integers(100, 999),
    st.none()
    | st.binary(max_size=30)
    | _JSON.map(lambda value: json.dumps(value).encode())
    | _JSON.map(lambda value: json.dumps({"error": value}).encode()),
)
def test_any_status_is_explained(exchange: HttpExchange, status: int, body: bytes | None) -> None:
    assert isinstance(refusal_for_status(exchange, status, body), Refusal)


def test_a_deeply_nested_body_does_not_raise() -> None:
    assert refusal_for_status(HttpExchange.REST, 400, b"[" * 100_000).slug == "BAD-REQUEST"
