"""The errors of the native endpoint: in the service's own terms, since SDKs decide by type and code what to do.

Pure. What the upstream said passes as it is. The bridge's own errors get the nearest type and code of the service, with
the bridge's code in the message: a client that knows no such code takes `server_error` for something that passes.
Some clients end for good at certain codes (`invalid_api_key`, `insufficient_quota`); only a session that cannot be had
for that reason has one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.client_protocol.native_errors import BRIDGE_ERROR_TYPE, mark_message
from bridge.core.json_access import as_object, as_text

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Not errors for an SDK: what it sends is buffered, and goes up when the session is back.
_NOTICES = frozenset({"NO_SESSION_EXISTS", "SESSION_NOT_READY"})
#: Type and code that the service itself uses. Others: `server_error`.
_SERVICE_TERMS: Mapping[str, tuple[str, str | None]] = {
    "AUTHENTICATION_FAILED": ("invalid_request_error", "invalid_api_key"),
    "ACCESS_DENIED": ("invalid_request_error", None),
    "DIALECT_REFUSED": ("invalid_request_error", "beta_api_shape_disabled"),
    "INVALID_MESSAGE": ("invalid_request_error", "invalid_event"),
    "MESSAGE_TOO_LARGE": ("invalid_request_error", "invalid_event"),
    "MODEL_NOT_AVAILABLE": ("invalid_request_error", "model_not_found"),
    "QUOTA_EXHAUSTED": ("insufficient_quota", "insufficient_quota"),
    "RATE_LIMITED": ("rate_limit_exceeded", "rate_limit_exceeded"),
    "SESSION_EXPIRED": ("invalid_request_error", "session_expired"),
}
#: How a socket ends whose session cannot be had; the codes that the service itself uses. Others: 1011.
_CLOSE_CODES: Mapping[str, int] = {
    "AUTHENTICATION_FAILED": 3000,
    "ACCESS_DENIED": 3000,
    "DIALECT_REFUSED": 4000,
    "MODEL_NOT_AVAILABLE": 4004,
    "QUOTA_EXHAUSTED": 1013,
    "RATE_LIMITED": 1013,
}
_INTERNAL = 1011
#: A Close frame has room for 123 bytes of reason.
_MAX_REASON = 123


def native_error(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the error object for an `error` message of the bridge; None if it is no error for an SDK.

    A failed response is none: its `response.done` says so, as the service's does.
    """
    code, detail = str(message["code"]), as_object(message.get("detail"))
    upstream = as_object(detail.get("upstream"))
    if code in _NOTICES or "responseId" in detail:
        return None
    about = {"param": None, "event_id": as_text(detail.get("eventId"))}
    if upstream and upstream.get("type") != BRIDGE_ERROR_TYPE:
        return {"type": "server_error", "code": None, "message": str(message["message"]), **about, **upstream}
    error_type, error_code = _SERVICE_TERMS.get(code, ("server_error", None))
    marked = mark_message(str(message["message"]), code, as_text(detail.get("cause")) or "")
    return {"type": error_type, "code": error_code, "message": marked, **about}


def close_after(message: Mapping[str, Any], error: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return the close code and reason behind an error that ends the session for good; None for any other.

    The service's reason is the type and the code of its error. An SDK could not ask for another session on this socket.
    """
    if "attempts" not in as_object(message.get("detail")):
        return None
    terms = (as_text(error.get("type")), as_text(error.get("code")))
    reason = ".".join(term for term in terms if term)
    return _CLOSE_CODES.get(str(message["code"]), _INTERNAL), reason.encode()[:_MAX_REASON].decode(errors="ignore")
