"""Whether anything still listens at the target's address."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

_SECONDS = 2.0


def is_listening(url: str) -> bool:
    """Open a TCP connection and close it. Only a refusal is a no: an overloaded target may not answer in time."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_SECONDS).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True
