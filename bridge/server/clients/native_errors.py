"""The errors of the native endpoint: in the service's own terms, since SDKs decide by type and code what to do.

Pure. What the upstream said passes as it is, and so does the way in which it closed. The bridge's own errors get the
nearest type and code of the service, with the bridge's code in the message: a client that knows no such code takes
`server_error` for something that passes. Some clients end for good at certain codes (`invalid_api_key`,
`insufficient_quota`); only a session that can't be had for that reason has one of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.client_protocol.native_errors import mark_message
from bridge.core.json_access import as_object, as_text
from bridge.core.session_data import refused_event

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
    "BUDGET_EXHAUSTED": ("insufficient_quota", "insufficient_quota"),
    "RATE_LIMITED": ("requests", "rate_limit_exceeded"),
    "SESSION_EXPIRED": ("invalid_request_error", "session_expired"),
}
#: How a socket ends whose session can't be had, if the upstream didn't say: as the service does. Others: 1011.
_CLOSE_CODES: Mapping[str, int] = {
    "AUTHENTICATION_FAILED": 3000,
    "ACCESS_DENIED": 3000,
    "DIALECT_REFUSED": 4000,
    "MODEL_NOT_AVAILABLE": 4004,
    "QUOTA_EXHAUSTED": 1013,
    "BUDGET_EXHAUSTED": 1013,
    "RATE_LIMITED": 1013,
    "SESSION_EXPIRED": 1001,
}
_INTERNAL = 1011
#: Close codes that an application may send; the others only describe how a connection ended.
_SENDABLE = (range(1000, 1004), range(1007, 1015), range(3000, 5000))
#: From here on a close code is the service's own word. Lower ones may be any server's on the way.
_OWN_CODES = 3000
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
    about = {"param": upstream.get("param"), "event_id": refused_event(detail)}
    if upstream:
        return {"type": "server_error", "code": None, "message": str(message["message"]), **upstream, **about}
    error_type, error_code = _SERVICE_TERMS.get(code, ("server_error", None))
    marked = mark_message(str(message["message"]), code, as_text(detail.get("cause")) or "")
    return {"type": error_type, "code": error_code, "message": marked, **about}


def close_after(message: Mapping[str, Any], error: Mapping[str, Any]) -> tuple[int, str] | None:
    """Return the close code and reason behind an error that ends the session for good; None for any other.

    They are the upstream's, where it gave them. An SDK could not ask for another session on this socket.
    """
    code, detail = str(message["code"]), as_object(message.get("detail"))
    if "attempts" not in detail and "cap" not in detail and code != "SESSION_EXPIRED":
        return None
    upstream_close = detail.get("closeCode")
    if isinstance(upstream_close, int) and _is_meant_for_client(upstream_close, detail):
        return upstream_close, _cut(as_text(detail.get("closeReason")) or "")
    terms = (as_text(error.get("type")), as_text(error.get("code")))
    return _CLOSE_CODES.get(code, _INTERNAL), _cut(".".join(term for term in terms if term))


def _is_meant_for_client(close_code: int, detail: Mapping[str, Any]) -> bool:
    """Whether the upstream's close code belongs to a refusal, and can be sent. A lost connection's is our problem."""
    sendable = any(close_code in codes for codes in _SENDABLE)
    return sendable and ("upstream" in detail or close_code >= _OWN_CODES)


def _cut(reason: str) -> str:
    return reason.encode()[:_MAX_REASON].decode(errors="ignore")
