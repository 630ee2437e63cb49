"""SARIF locations: files as percent-encoded URIs, columns in UTF-16 code units.

Columns of a `Place` count characters: an emoji is one character but two code units.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from reports.model import Place

_DRIVE = re.compile(r"[A-Za-z]:/")


def physical_location(place: Place) -> dict[str, Any]:
    """Return the physical location of a place."""
    region: dict[str, Any] = {
        "startLine": max(1, place.line),
        "startColumn": _column(place.text, place.column),
        "endLine": max(1, place.line, place.end_line),
        "endColumn": _column(place.text if place.end_line == place.line else "", place.end_column),
    }
    if region["endLine"] == region["startLine"]:
        region["endColumn"] = max(region["startColumn"], region["endColumn"])
    if place.text:
        region["snippet"] = {"text": place.text}
    return {"artifactLocation": artifact_location(place.path), "region": region}


def artifact_location(path: str) -> dict[str, str]:
    """Return the artifact location of a file: relative to the working directory, or absolute."""
    path = posixpath.normpath(path.replace("\0", "") or ".")
    if path.startswith("/") or _DRIVE.match(path):
        return {"uri": f"file:///{encode_path(path.lstrip('/'))}"}
    return {"uri": encode_path(path), "uriBaseId": "%SRCROOT%"}


def encode_path(path: str) -> str:
    """Percent-encode a path as a relative URI. Bytes that are not text are kept."""
    return quote(path.encode("utf-8", "surrogatepass"), safe="/~:" if _DRIVE.match(path) else "/~")


def _column(line: str, column: int) -> int:
    """Convert a column to UTF-16 code units, both counted from 1; unchanged if the line is unknown."""
    column = max(1, column)
    before = line[: column - 1]
    return column + sum(ord(character) > 0xFFFF for character in before)  # noqa: PLR2004 - two units from here on
