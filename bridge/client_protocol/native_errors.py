"""How an error that a bridge made itself is recognized at its native endpoint, where all others are the service's.

It has the service's type and code, since SDKs decide by them. The bridge's own code stands at the end of the message:
`The client sends too fast. (bridge: rate_exceeded)`; where the code is general, the cause follows it:
`(bridge: session_initialization_failed, upstream_unavailable)`. Bridges that speak an earlier form of the protocol send
the type `bridge_error` and the code as it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The type of a bridge's own error, in an earlier form of the protocol and before the upgrade.
BRIDGE_ERROR_TYPE: Final = "bridge_error"
_MARK: Final = re.compile(r"\(bridge: (\w+)(?:, (\w+))?\)$")
#: Longer messages are cut, so that the code at the end is never cut off on the way.
_MAX_CHARS: Final = 400


def mark_message(message: str, code: str, cause: str = "") -> str:
    """Return the message of a native error with the bridge's own code, and perhaps its cause, at the end."""
    text = message if len(message) <= _MAX_CHARS else f"{message[:_MAX_CHARS]}…"
    codes = [code] if cause in ("", code) else [code, cause]
    return f"{text} (bridge: {', '.join(codes).lower()})"


def bridge_code(error: Mapping[str, Any]) -> str | None:
    """Return the bridge's code of a native error object, in lower case; None if the service made the error."""
    if error.get("type") == BRIDGE_ERROR_TYPE:
        return str(error.get("code") or "").lower()
    found = _mark(error)
    return found[1].lower() if found else None


def bridge_cause(error: Mapping[str, Any]) -> str:
    """Return the code of the cause behind the bridge's code, in lower case; empty if there is none."""
    found = _mark(error)
    return (found[2] or "").lower() if found else ""


def _mark(error: Mapping[str, Any]) -> re.Match[str] | None:
    message = error.get("message")
    return _MARK.search(message) if isinstance(message, str) else None
