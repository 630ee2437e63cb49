"""Why a call came to nothing, in plain words, the same from a knock and from a caller."""

from __future__ import annotations

import socket
import ssl
from typing import Any

#: Begins what is said of a target that answers the upgrade with something else.
UPGRADE_REFUSED_TEXT = "the WebSocket upgrade was answered with status"
_LONGEST = 200
_SWITCHING = 101


class UpgradeRefused(ConnectionError):  # noqa: N818 - what happened
    """The target answered the upgrade with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{UPGRADE_REFUSED_TEXT} {status}")
        self.status = status


def upgrade_refusal(web: Any) -> UpgradeRefused | None:
    """Give the refusal of an upgrade that was answered with a redirect: nobody has permitted us to go there."""
    status = getattr(getattr(web, "handshake_response", None), "status", 101)
    return UpgradeRefused(status) if status != _SWITCHING else None


def describe_error(error: BaseException, patience: float) -> str:
    """Say why there is no socket; `patience` is how many seconds were waited."""
    if isinstance(error, UpgradeRefused):
        return str(error)
    if isinstance(error, TimeoutError) or "timed out" in str(error) or not isinstance(error, Exception):
        return f"no response within {patience:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: nothing listens at this address"
    if isinstance(error, socket.gaierror):
        return "unknown host name"
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION" in str(error):
        return "it doesn't use TLS: use ws:// or http://"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return (str(error) or type(error).__name__).splitlines()[0][:_LONGEST]
