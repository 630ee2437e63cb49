"""What a refusal is: one cause, one way to mend it, however it was said.

Only the shape. The values stand in `refused_access.py`, `refused_requests.py` and `refused_connections.py`; the tables
that lead from a status, a close code or an error code to one of them are in `refusals.py`, the module to import.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ClientCode(StrEnum):
    """Error codes that a bridge sends to its clients."""

    NO_SESSION_EXISTS = "NO_SESSION_EXISTS"
    SESSION_NOT_READY = "SESSION_NOT_READY"
    SESSION_ALREADY_EXISTS = "SESSION_ALREADY_EXISTS"
    SESSION_INITIALIZATION_FAILED = "SESSION_INITIALIZATION_FAILED"
    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    ACCESS_DENIED = "ACCESS_DENIED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    MODEL_NOT_AVAILABLE = "MODEL_NOT_AVAILABLE"
    DIALECT_REFUSED = "DIALECT_REFUSED"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    UPSTREAM_ERROR = "UPSTREAM_ERROR"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    CONNECTION_LOST = "CONNECTION_LOST"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    INVALID_MESSAGE = "INVALID_MESSAGE"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    RATE_EXCEEDED = "RATE_EXCEEDED"
    SERVER_BUSY = "SERVER_BUSY"
    UNAUTHORIZED = "UNAUTHORIZED"
    ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"


class HttpExchange(StrEnum):
    """Which HTTP exchange a status came from: the same number means different things in each."""

    REST = "rest"
    HANDSHAKE = "handshake"
    AZURE_HANDSHAKE = "azure_handshake"
    SDP = "sdp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the service said no, in words for whoever has to mend it."""

    slug: str
    """Stable name, upper case with dashes; behind a probe's name it is a finding's code."""
    title: str
    """One plain sentence without a full stop."""
    cause: str
    fix: str
    """The exact next thing to do or type."""
    retryable: bool
    """The same attempt, unchanged, can succeed later."""
    fatal: bool
    """An `error` that says so ends the session or keeps it from beginning; False when the service carries on."""
    client_code: ClientCode
    source: str
    """Where the meaning is known from."""
