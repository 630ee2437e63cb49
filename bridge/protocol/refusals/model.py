"""The type of a refusal: one cause and one fix, whichever status, close code or error code reported it.

The values are in `access.py`, `requests.py` and `connections.py`. `lookup.py` maps what the service sent to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
