"""An HTTP request and an HTTP response as values.

No I/O here: `http1.py` reads and writes them. A body is always whole; `HttpLimits` bounds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from bridge.transport.link import Headers

#: The most query fields that a request may have.
MAX_QUERY_FIELDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A client's request. `path` is percent-decoded, `target` is as on the request line."""

    method: str
    path: str
    query: Mapping[str, str]
    """Percent-decoded. If a name is repeated, the last value wins."""
    target: str
    headers: Headers = ()
    body: bytes = b""
    peer: str = ""

    def header(self, name: str) -> str | None:
        """Return a header's value, None if there is none. Repeated lines are joined by commas (RFC 9110 5.3)."""
        values = self.header_values(name)
        return ", ".join(values) if values else None

    @property
    def bearer(self) -> str:
        """The credential of `Authorization: Bearer`; empty if there is none."""
        scheme, _, credential = (self.header("authorization") or "").partition(" ")
        return credential.strip(" \t") if scheme.lower() == "bearer" else ""

    def header_values(self, name: str) -> tuple[str, ...]:
        """Return the value of each line of a header, in order. The name's case does not matter."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key == wanted)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The response to a request. The server adds `content-length`; give all other headers."""

    status: int
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class StreamingResponse:
    """A response whose body is written as it comes, in chunks. The chunks are closed when the client has gone."""

    status: int
    headers: Headers
    chunks: AsyncGenerator[bytes, None]


HttpAnswer = HttpResponse | StreamingResponse


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into the decoded path and the query. ValueError if it has more than MAX_QUERY_FIELDS."""
    if not target.startswith("/") and "://" in target:  # the absolute form that proxies send (RFC 9112 3.2.2)
        parts = urlsplit(target)
        path, query = parts.path or "/", parts.query
    else:
        path, _, query = target.partition("?")
    fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    return unquote(path), dict(fields)


def json_response(status: int, value: Any, headers: Headers = ()) -> HttpResponse:
    """Make a response with `value` as JSON."""
    return HttpResponse(status, (("content-type", "application/json"), *headers), msgspec.json.encode(value))


def text_response(status: int, text: str, headers: Headers = ()) -> HttpResponse:
    """Make a response with one line of plain text."""
    return HttpResponse(status, (("content-type", "text/plain; charset=utf-8"), *headers), f"{text}\n".encode())
