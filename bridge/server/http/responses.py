"""What the bridge answers over plain HTTP: refusals in either door's shape, and the small pages for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bridge.transport.http import HttpResponse, json_response

if TYPE_CHECKING:
    from bridge.server.admission.policy import Rejection

_CAUTION = (("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
#: Seconds after which somebody who was not let in may ask again.
_RETRY_AFTER = (("retry-after", "5"),)


def problem_response(no: Rejection) -> HttpResponse:
    """Refuse as the client protocol does: `application/problem+json` (RFC 9457) with the protocol's own code."""
    body = {"type": "about:blank", "title": no.code, "status": no.status, "detail": no.message, "code": no.code}
    headers = (("content-type", "application/problem+json"), *_CAUTION, *_extra(no))
    return HttpResponse(no.status, headers, msgspec.json.encode(body))


def native_error_response(no: Rejection) -> HttpResponse:
    """Refuse as the Realtime API would: an error object."""
    error = {"type": "bridge_error", "code": no.code.lower(), "message": no.message, "param": None}
    return json_response(no.status, {"error": error}, (*_CAUTION, *_extra(no)))


def status_response(status: int, state: str, reason: str | None = None) -> HttpResponse:
    """Answer whoever watches."""
    return json_response(status, {"status": state} | ({"reason": reason} if reason else {}), _CAUTION)


def metrics_response(text: bytes, content_type: str) -> HttpResponse:
    """Answer a scrape."""
    return HttpResponse(200, (("content-type", content_type), *_CAUTION), text)


def _extra(no: Rejection) -> tuple[tuple[str, str], ...]:
    match no.status:
        case 401:
            return (("www-authenticate", "Bearer"),)
        case 405:
            return (("allow", "GET, HEAD"),)
        case 426:
            return (("upgrade", "websocket"), ("connection", "upgrade"))
        case 503:
            return _RETRY_AFTER
    return ()
