"""The browser page at `/` and its modules, as HTTP responses with strict security headers.

The files are package data, read once. Nothing outside `web/` can be served: a path is looked up in
a table, never opened.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from bridge.transport.http import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bridge.transport.http import HttpRequest

#: What is served. Other files of the folder are for developers: types and package metadata.
_TYPES: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Scripts, styles and connections of this origin only; nothing inline, no plug-ins, no frames around the page.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("permissions-policy", "microphone=(self), screen-wake-lock=(self), camera=(), geolocation=()"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-content-type-options", "nosniff"),
    ("cache-control", "no-cache"),  # kept, and asked for again with its ETag: a new version is seen at once
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page."""

    content_type: str
    etag: str
    body: bytes


@cache
def page_files() -> Mapping[str, PageFile]:
    """Return every file of the page by its path; `/` is the page itself."""
    web = files("bridge.server.page") / "web"
    found = {
        f"/{entry.name}": _page_file(_TYPES[suffix], entry.read_bytes())
        for entry in web.iterdir()
        if (suffix := entry.name[entry.name.rfind(".") :]) in _TYPES
    }
    return {**found, "/": found["/index.html"]}


def _page_file(content_type: str, body: bytes) -> PageFile:
    return PageFile(content_type, f'"{hashlib.sha256(body).hexdigest()[:20]}"', body)


def find_page_file(path: str) -> PageFile | None:
    """Return the file at a path; None if the page has no such file."""
    return page_files().get(path)


def page_response(request: HttpRequest, file: PageFile) -> HttpResponse:
    """Return the file, or 304 if the client has it already."""
    headers = (("content-type", file.content_type), ("etag", file.etag), *_HEADERS)
    if file.etag in _etags(request.header("if-none-match")):
        return HttpResponse(304, headers[1:])
    return HttpResponse(200, headers, file.body)


def _etags(header: str | None) -> set[str]:
    """Return the tags of an If-None-Match header; weak ones count (RFC 9110 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}
