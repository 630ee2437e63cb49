"""The type of a refusal: one cause and one fix, whichever status, close code or error code reported it.

The values are in `access.py`, `requests.py` and `connections.py`. `lookup.py` maps what the service sent to them.
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
    """The HTTP exchange that a status belongs to. The same status means different things in each."""

    REST = "rest"
    HANDSHAKE = "handshake"
    AZURE_HANDSHAKE = "azure_handshake"
    SDP = "sdp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why the service refused a connection, a request or an event, and how to fix it."""

    slug: str
    """Stable name in upper case with dashes. Prefixed with a probe's name, it is the code of a finding."""
    title: str
    """One sentence without a full stop, at most 80 characters."""
    cause: str
    fix: str
    """The next thing to do, with the exact command to type."""
    retryable: bool
    """Whether the same attempt can succeed later, unchanged."""
    fatal: bool
    """Whether an `error` event with this meaning ends the session or prevents it; False if the session continues."""
    source: str
    """Where this meaning is documented or was recorded."""
