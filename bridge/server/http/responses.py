"""Plain HTTP responses: rejections in the format of either endpoint, and the responses for monitoring."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from bridge.client_protocol.native_errors import mark_message
from bridge.client_protocol.openapi import openapi
from bridge.server.admission.policy import Rejection
from bridge.transport.http import HttpResponse, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Headers

#: For a method that a path which is only read doesn't have.
READ_ONLY = Rejection(405, "METHOD_NOT_ALLOWED", "This path accepts only GET and HEAD.")
#: For what must neither be kept nor taken for another type.
SAFE_HEADERS = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
#: Seconds after which a rejected client may connect again.
_RETRY_AFTER = (("retry-after", "5"),)


def problem_response(
    rejection: Rejection, *, headers: Headers = (), extra: Mapping[str, Any] = MappingProxyType({})
) -> HttpResponse:
    """Return a rejection as `application/problem+json` (RFC 9457), with the client protocol's code.

    `headers` replace those that the status usually has; `extra` are more members.
    """
    body = {
        "type": "about:blank",
        "title": rejection.code,
        "status": rejection.status,
        "detail": rejection.message,
        "code": rejection.code,
        **extra,
    }
    usual = headers or _extra_headers(rejection)
    return HttpResponse(
        rejection.status,
        (("content-type", "application/problem+json"), *SAFE_HEADERS, *usual),
        msgspec.json.encode(body),
    )


#: Type and code of rejections for SDKs, as the service has them. Others: an `invalid_request_error` without a code.
_SERVICE_TERMS: Mapping[str, tuple[str, str | None]] = {
    "UNAUTHORIZED": ("invalid_request_error", "invalid_api_key"),
    "SERVER_BUSY": ("server_error", None),
}


def native_error_response(rejection: Rejection) -> HttpResponse:
    """Return a rejection as an error object of the Realtime API, for SDKs. The bridge's code is in the message."""
    error_type, code = _SERVICE_TERMS.get(rejection.code, ("invalid_request_error", None))
    message = mark_message(rejection.message, rejection.code)
    error = {"type": error_type, "code": code, "message": message, "param": None}
    return json_response(rejection.status, {"error": error}, (*SAFE_HEADERS, *_extra_headers(rejection)))


def status_response(status: int, state: str, reason: str | None = None) -> HttpResponse:
    """Return the response of a health check."""
    return json_response(status, {"status": state} | ({"reason": reason} if reason else {}), SAFE_HEADERS)


def metrics_response(text: bytes, content_type: str) -> HttpResponse:
    """Return the response to a Prometheus scrape."""
    return HttpResponse(200, (("content-type", content_type), *SAFE_HEADERS), text)


@cache
def openapi_response() -> HttpResponse:
    """Return the OpenAPI document of the REST fallback. It takes milliseconds to make, and anyone may ask for it."""
    return json_response(200, openapi(), SAFE_HEADERS)


def _extra_headers(rejection: Rejection) -> tuple[tuple[str, str], ...]:
    match rejection.status:
        case 401:
            return (("www-authenticate", "Bearer"),)
        case 405:
            return (("allow", "GET, HEAD"),)
        case 426:
            return (("upgrade", "websocket"), ("connection", "upgrade"))
        case 429 | 503:
            return _RETRY_AFTER
    return ()
