"""What comes of a REST call: a response, a refusal or a failure. Nothing is sent here.

Apart from `rest.py`, because a bridge that mints no secrets makes no REST calls and need not import httpx.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Headers
    from bridge.upstream.dial.errors import FailureReason

#: How many bytes of a body are kept. Lists of models have about 100 kB.
MAX_BODY_BYTES = 8 * 1024 * 1024
#: Headers with the request id that support asks for. The first one found counts.
_REQUEST_ID_HEADERS = ("x-request-id", "apim-request-id")


@dataclass(frozen=True, slots=True)
class RestResponse:
    """The server's response. The body is cut at MAX_BODY_BYTES."""

    status: int
    headers: Headers
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The request id that the service's support asks for, None if there is none."""
        named = dict(reversed(self.headers))
        return next((named[name] for name in _REQUEST_ID_HEADERS if name in named), None)

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object; empty if it is something else."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}


class RestRefused(Exception):  # noqa: N818 - the server's response
    """The server answered with an error status, or with a 2xx without what was requested.

    `error` is the inner error object of the body, or empty. `missing` says what a 2xx response lacks.
    """

    def __init__(self, response: RestResponse, *, missing: str = "") -> None:
        super().__init__(response.status)
        self.status = response.status
        self.headers = response.headers
        self.body = response.body
        self.request_id = response.request_id
        self.missing = missing
        found = response.json_object().get("error")
        self.error: Mapping[str, object] = found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        if self.missing:
            return f"HTTP {self.status} without {self.missing}"
        return f"HTTP {self.status} {self.error.get('code') or self.error.get('type') or ''}".rstrip()


class RestFailed(Exception):  # noqa: N818 - an outcome that callers expect
    """There was no response. `detail` says why in words, and contains no secret."""

    def __init__(self, reason: FailureReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return self.detail
