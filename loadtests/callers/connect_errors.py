"""Explains in plain words why a connection failed. The preflight check and the callers use the same texts."""

from __future__ import annotations

import socket
import ssl
from typing import Any

#: The start of each message about a refused upgrade; the report looks for it.
UPGRADE_REFUSED_TEXT = "the WebSocket upgrade was answered with status"
#: Nothing listens; the report looks for it, too.
CONNECTION_REFUSED_TEXT = "connection refused: nothing listens at this address"
_MAX_LENGTH = 200
_SWITCHING = 101


class UpgradeRefused(ConnectionError):  # noqa: N818 - what happened
    """The target answered the upgrade request with a status other than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{UPGRADE_REFUSED_TEXT} {status}")
        self.status = status


def upgrade_refusal(web: Any) -> UpgradeRefused | None:
    """Return the error for an upgrade answered with a redirect, which callers don't follow; None for others."""
    status = getattr(getattr(web, "handshake_response", None), "status", 101)
    return UpgradeRefused(status) if status != _SWITCHING else None


def describe_error(error: BaseException, timeout: float) -> str:
    """Explain why a connection failed. `timeout` is in seconds."""
    if isinstance(error, UpgradeRefused):
        return str(error)
    if isinstance(error, TimeoutError) or "timed out" in str(error) or not isinstance(error, Exception):
        return f"no response within {timeout:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return CONNECTION_REFUSED_TEXT
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION" in str(error):
        return "it doesn't use TLS: use ws:// or http://"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return (str(error) or type(error).__name__).splitlines()[0][:_MAX_LENGTH]
