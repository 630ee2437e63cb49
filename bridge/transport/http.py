"""An HTTP request and its response as plain values.

No I/O and no parsing of the wire: `door.py` does that. Bodies are whole, bounded by the door.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.link import Headers

#: More query fields than this is nobody's honest request.
MAX_QUERY_FIELDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What a client asked. `path` is decoded, `target` is what stood on the request line."""

    method: str
    path: str
    query: Mapping[str, str]
    """Decoded; the last value wins where a name is repeated."""
    target: str
    headers: Headers = ()
    body: bytes = b""
    peer: str = ""

    def header(self, name: str) -> str | None:
        """Give the value of a header (any case); repeated ones are joined by commas (RFC 9110 5.3)."""
        values = self.header_values(name)
        return ", ".join(values) if values else None

    def header_values(self, name: str) -> tuple[str, ...]:
        """Give every line of this header, in order."""
        wanted = name.lower()
        return tuple(value for key, value in self.headers if key == wanted)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What is answered. The door adds `content-length`; everything else stands in `headers`."""

    status: int
    headers: Headers = ()
    body: bytes = b""


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into the decoded path and its query. ValueError when it has too many fields."""
    if not target.startswith("/") and "://" in target:  # the absolute form that proxies send (RFC 9112 3.2.2)
        parts = urlsplit(target)
        path, query = parts.path or "/", parts.query
    else:
        path, _, query = target.partition("?")
    fields = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    return unquote(path), dict(fields)


def json_response(status: int, value: Any, headers: Headers = ()) -> HttpResponse:
    """Answer with `value` as JSON."""
    return HttpResponse(status, (("content-type", "application/json"), *headers), msgspec.json.encode(value))


def text_response(status: int, text: str, headers: Headers = ()) -> HttpResponse:
    """Answer with one line of plain text."""
    return HttpResponse(status, (("content-type", "text/plain; charset=utf-8"), *headers), f"{text}\n".encode())
