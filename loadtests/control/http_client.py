"""A small HTTP client for the user's own services: no proxy, no redirects, a total timeout.

Standard library only, so that it works with and without gevent.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from email.message import Message

_CHUNK_BYTES = 65_536


class FetchError(OSError):
    """No usable response; the message says why. `status` is the HTTP status of an error response, else 0."""

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.reason, self.status = why, status


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Never follow a redirect: it could lead to a host that the user may not load."""

    def redirect_request(
        self, _req: Any, _fp: Any, _code: int, _msg: str, _headers: Message, _newurl: str
    ) -> urllib.request.Request | None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)


def fetch(url: str, data: bytes | None = None, *, timeout: float, max_bytes: int = 16_000_000) -> bytes:
    """Send a GET, or a POST with `data`, and return the body.

    Raises FetchError after `timeout` seconds in all, beyond `max_bytes`, and for any status that is not a success.
    """
    deadline = time.monotonic() + timeout
    try:
        with _OPENER.open(urllib.request.Request(url, data=data), timeout=timeout) as answer:  # noqa: S310 - checked
            return _read(answer, deadline, max_bytes)
    except urllib.error.HTTPError as error:
        with error:
            raise FetchError(_error_text(error), error.code) from None
    except FetchError:
        raise
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = getattr(error, "reason", error)  # urllib wraps the system's error
        raise FetchError((getattr(why, "strerror", None) or str(why) or type(why).__name__).lower()[:200]) from None


def _read(answer: Any, deadline: float, max_bytes: int) -> bytes:
    body = bytearray()
    while piece := answer.read1(_CHUNK_BYTES):
        body += piece
        if len(body) > max_bytes:
            raise FetchError(f"the response is larger than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise FetchError("the response doesn't end")
    return bytes(body)


def _error_text(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(200).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return ""
