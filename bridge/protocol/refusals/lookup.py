"""What each HTTP status, close code and error code of the service means. This is the module to import.

The same cause gives the same `Refusal`, whether it came as a status, a close or an error event. The lookups never
raise: a code that is in no table gets a general refusal. An `error` event alone does not end a session; `Refusal.fatal`
says after which errors a close follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from bridge.protocol.refusals import access, connections, requests
from bridge.protocol.refusals.model import HttpExchange, Refusal
from bridge.protocol.schema.shapes import FLAT_ONLY_FIELDS, NESTED_ONLY_FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CLOSE_CODES",
    "ERROR_CODES",
    "HTTP_STATUSES",
    "HttpExchange",
    "Refusal",
    "all_refusals",
    "refusal_for_close",
    "refusal_for_error",
    "refusal_for_status",
]

ERROR_CODES: Mapping[str, Refusal] = MappingProxyType(
    {
        "invalid_api_key": access.KEY_REFUSED,
        "unsupported_country_region_territory": access.COUNTRY_REFUSED,
        "insufficient_quota": access.NO_QUOTA,
        "credit_balance_exhausted": access.CREDIT_EXHAUSTED,
        "project_spend_limit_exceeded": access.PROJECT_SPEND_LIMIT,
        "organization_spend_limit_exceeded": access.ORGANIZATION_SPEND_LIMIT,
        "organization_usage_limit_exceeded": access.ORGANIZATION_USAGE_LIMIT,
        "rate_limit_exceeded": access.RATE_LIMITED,
        "inference_rate_limit_exceeded": access.RATE_LIMITED,
        "model_not_found": access.MODEL_NOT_FOUND,
        "invalid_model": access.INVALID_MODEL,
        "OpperationNotSupported": access.TRANSCRIPTION_MODEL,
        "OperationNotSupported": access.TRANSCRIPTION_MODEL,
        "DeploymentNotFound": access.AZURE_NO_DEPLOYMENT,
        "beta_api_shape_disabled": requests.BETA_DISABLED,
        "missing_model": requests.MISSING_MODEL,
        "invalid_intent": requests.INVALID_INTENT,
        "invalid_value": requests.INVALID_VALUE,
        "invalid_type": requests.INVALID_TYPE,
        "unknown_parameter": requests.UNKNOWN_PARAMETER,
        "missing_required_parameter": requests.MISSING_PARAMETER,
        "invalid_parameter": requests.TYPE_MISMATCH,
        "integer_below_min_value": requests.TOO_SMALL,
        "decimal_below_min_value": requests.TOO_SMALL,
        "integer_above_max_value": requests.TOO_LARGE,
        "decimal_above_max_value": requests.TOO_LARGE,
        "string_above_max_length": requests.TOO_LONG,
        "invalid_json": requests.INVALID_JSON,
        "invalid_event": requests.INVALID_EVENT,
        "input_audio_buffer_commit_empty": requests.COMMIT_EMPTY,
        "conversation_already_has_active_response": requests.RESPONSE_ACTIVE,
        "response_cancel_not_active": requests.NOTHING_TO_CANCEL,
        "cannot_update_voice": requests.VOICE_FIXED,
        "item_retrieve_invalid_item_id": requests.UNKNOWN_ITEM,
        "item_delete_invalid_item_id": requests.UNKNOWN_ITEM,
        "item_truncate_invalid_item_id": requests.UNKNOWN_ITEM,
        "item_create_invalid_previous_item_id": requests.UNKNOWN_ITEM,
        "item_create_duplicate_item_id": requests.ITEM_EXISTS,
        "unsupported_content_type": requests.NO_AUDIO_TO_TRUNCATE,
        "conversation_too_long": requests.CONVERSATION_TOO_LONG,
        "call_id_not_found": requests.UNKNOWN_CALL,
        "audio_unintelligible": requests.AUDIO_UNINTELLIGIBLE,
        "session_expired": connections.SESSION_EXPIRED,
        "server_error": connections.SERVER_ERROR,
        "server_is_overloaded": connections.OVERLOADED,
        "slow_down": connections.OVERLOADED,
    }
)

#: Error types that are specific enough when the code is null or unknown.
_ERROR_TYPES: Mapping[str, Refusal] = {
    "insufficient_quota": access.NO_QUOTA,
    "server_error": connections.SERVER_ERROR,
    "rate_limit_error": access.RATE_LIMITED,
    "no_db_connection": access.KEY_REFUSED,  # LiteLLM's proxy without a database, for every key but its master key
}

CLOSE_CODES: Mapping[int, Refusal] = MappingProxyType(
    {
        1000: connections.CLOSED_NORMALLY,
        1001: connections.GOING_AWAY,
        1002: connections.PROTOCOL_FAULT,
        1003: connections.FRAME_NOT_TAKEN,
        1005: connections.DROPPED,
        1006: connections.DROPPED,
        1007: connections.BAD_UTF8,
        1008: connections.POLICY,
        1009: connections.TOO_BIG,
        1011: connections.INTERNAL_FAULT,
        1012: connections.RESTARTING,
        1013: connections.TRY_LATER,
        1014: connections.GATEWAY,
        1015: connections.TLS_FAILED,
        3000: access.KEY_REFUSED,
        4000: requests.SHAPE_REFUSED,
        4004: access.MODEL_NOT_FOUND,
    }
)

#: Close reasons that change the meaning of the code: a missing credential was recorded as 3000 with this reason.
_CLOSE_REASONS: Mapping[tuple[int, str], Refusal] = {(3000, "invalid_request_error"): access.NO_KEY}

#: Statuses of gateways, and of the CDN in front of the public service (Cloudflare).
_GATEWAY_STATUSES = (502, 504, 520, 521, 522, 523, 524, 525, 526)

HTTP_STATUSES: Mapping[tuple[HttpExchange, int], Refusal] = MappingProxyType(
    {
        (HttpExchange.REST, 400): requests.BAD_REQUEST,
        (HttpExchange.REST, 401): access.KEY_REFUSED,
        (HttpExchange.REST, 403): access.COUNTRY_REFUSED,
        (HttpExchange.REST, 404): requests.NO_SUCH_URL,
        (HttpExchange.REST, 429): access.RATE_LIMITED,
        (HttpExchange.REST, 500): connections.SERVER_ERROR,
        (HttpExchange.REST, 503): connections.OVERLOADED,
        (HttpExchange.HANDSHAKE, 400): requests.UPGRADE_BAD_REQUEST,
        (HttpExchange.HANDSHAKE, 401): access.UPGRADE_UNAUTHORIZED,
        (HttpExchange.HANDSHAKE, 403): access.UPGRADE_FORBIDDEN,
        (HttpExchange.HANDSHAKE, 404): requests.NO_ROUTE,
        (HttpExchange.HANDSHAKE, 429): access.RATE_LIMITED,
        (HttpExchange.HANDSHAKE, 500): connections.UPGRADE_SERVER_ERROR,
        (HttpExchange.HANDSHAKE, 503): connections.OVERLOADED,
        (HttpExchange.AZURE_HANDSHAKE, 400): requests.AZURE_BAD_REQUEST,
        (HttpExchange.AZURE_HANDSHAKE, 401): access.AZURE_KEY_REFUSED,
        (HttpExchange.AZURE_HANDSHAKE, 404): access.AZURE_NO_DEPLOYMENT,
        (HttpExchange.AZURE_HANDSHAKE, 429): access.AZURE_CAPACITY,
        (HttpExchange.SDP, 400): requests.SDP_REFUSED,
        (HttpExchange.SDP, 415): requests.SDP_REFUSED,
        **{(HttpExchange.HANDSHAKE, status): requests.NOT_A_WEBSOCKET for status in (200, 405, 426, 501)},
        **{(HttpExchange.HANDSHAKE, status): requests.REDIRECTED for status in (301, 302, 303, 307, 308)},
        **{(HttpExchange.REST, status): requests.REDIRECTED for status in (301, 302, 303, 307, 308)},
        **{
            (exchange, status): connections.GATEWAY
            for exchange in (HttpExchange.REST, HttpExchange.HANDSHAKE)
            for status in _GATEWAY_STATUSES
        },
    }
)

#: Where to look up a status that the table does not list for an exchange.
_FALLBACKS: Mapping[HttpExchange, HttpExchange] = {
    HttpExchange.AZURE_HANDSHAKE: HttpExchange.HANDSHAKE,
    HttpExchange.SDP: HttpExchange.REST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _SpecificCause:
    """One cause of an error code that has several, recognized by the error's `param` or its message."""

    code: str | None
    """None: any code that is not in ERROR_CODES."""
    refusal: Refusal
    param: frozenset[str] = frozenset()
    """The error's `param` must be one of these; empty means any."""
    message: str = ""
    """The error's message must contain this text, in lower case."""


_SPECIFIC_CAUSES: tuple[_SpecificCause, ...] = (
    _SpecificCause(code="invalid_value", param=frozenset({"type"}), refusal=requests.UNKNOWN_EVENT),
    _SpecificCause(code="invalid_model", message="must not provide a model", refusal=access.MODEL_WITH_INTENT),
    _SpecificCause(code="invalid_model", message="is a transcription model", refusal=access.TRANSCRIPTION_MODEL),
    _SpecificCause(
        code="unknown_parameter",
        param=frozenset(f"session.{field}" for field in FLAT_ONLY_FIELDS | NESTED_ONLY_FIELDS),
        refusal=requests.MIXED_SHAPES,
    ),
    _SpecificCause(code="missing_required_parameter", param=frozenset({"session.type"}), refusal=requests.MIXED_SHAPES),
    # The code of this error has been seen as null, too.
    _SpecificCause(
        code=None, message="only model output audio messages can be truncated", refusal=requests.NO_AUDIO_TO_TRUNCATE
    ),
    _SpecificCause(code=None, message="missing bearer or basic authentication", refusal=access.NO_KEY),
    _SpecificCause(code=None, message="incorrect api key", refusal=access.KEY_REFUSED),
    _SpecificCause(code=None, message="invalid model name passed", refusal=access.MODEL_NOT_FOUND),  # LiteLLM's proxy
    _SpecificCause(code=None, message="insufficient permissions", refusal=access.KEY_RESTRICTED),
    _SpecificCause(code=None, message="rate limit reached", refusal=access.RATE_LIMITED),
    _SpecificCause(code=None, message="hit the maximum duration", refusal=connections.SESSION_EXPIRED),
    _SpecificCause(code=None, message="keepalive ping timeout", refusal=connections.PINGS_UNANSWERED),
)


def refusal_for_error(error: Mapping[str, object]) -> Refusal:
    """Return what an error object means: of an `error` event, a REST body, or a failed response's `status_details`."""
    return _find(error) or connections.UNKNOWN_ERROR


def refusal_for_close(code: int | None, reason: str) -> Refusal:
    """Return why a WebSocket closed; `code` None means without a Close frame.

    A reason of the form `type.code`, or one with a known sentence, wins over the code. A close is always final, even if
    the reason names an error that is not fatal by itself.
    """
    error_type, _, name = reason.partition(".")
    if refusal := _find({"type": error_type, "code": name or error_type, "message": reason}):
        return refusal
    number = 1006 if code is None else code
    return _CLOSE_REASONS.get((number, reason)) or CLOSE_CODES.get(number) or connections.CLOSED


def refusal_for_status(exchange: HttpExchange, status: int, body: bytes | None) -> Refusal:
    """Return what an HTTP status means. A known error object in the body wins over the status."""
    if refusal := _find(_error_in(body)):
        return refusal
    return (
        HTTP_STATUSES.get((exchange, status))
        or HTTP_STATUSES.get((_FALLBACKS.get(exchange, exchange), status))
        or connections.HTTP_ERROR
    )


def all_refusals() -> tuple[Refusal, ...]:
    """Return every refusal once, sorted by slug."""
    found = [
        value
        for module in (access, requests, connections)
        for value in vars(module).values()
        if isinstance(value, Refusal)
    ]
    return tuple(sorted(found, key=lambda refusal: refusal.slug))


def _find(error: Mapping[str, object]) -> Refusal | None:
    code = _text(error, "code")
    for cause in _SPECIFIC_CAUSES:
        if _matches(cause, error, code):
            return cause.refusal
    return ERROR_CODES.get(code) or _ERROR_TYPES.get(_text(error, "type"))


def _matches(cause: _SpecificCause, error: Mapping[str, object], code: str) -> bool:
    applies = code not in ERROR_CODES if cause.code is None else code == cause.code
    return (
        applies
        and (not cause.param or _text(error, "param") in cause.param)
        and cause.message in _text(error, "message").lower()
    )


def _text(error: Mapping[str, object], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""


def _error_in(body: bytes | None) -> Mapping[str, object]:
    try:
        decoded = msgspec.json.decode(body or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    error = decoded.get("error") if isinstance(decoded, dict) else None
    return error if isinstance(error, dict) else {}
