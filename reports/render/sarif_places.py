"""Where SARIF says that something is: files as percent-encoded addresses, columns in UTF-16 code units.

Columns of a `Place` count characters; an emoji is one of those and two of these.
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
    """Lay out a place in a file."""
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
    """Name a file: relative to the folder in which the command ran, or where it stands."""
    path = posixpath.normpath(path.replace("\0", "") or ".")
    if path.startswith("/") or _DRIVE.match(path):
        return {"uri": f"file:///{encode_path(path.lstrip('/'))}"}
    return {"uri": encode_path(path), "uriBaseId": "%SRCROOT%"}


def encode_path(path: str) -> str:
    """Write a path as a relative address. What is not text in it stays the bytes that it is."""
    return quote(path.encode("utf-8", "surrogatepass"), safe="/~:" if _DRIVE.match(path) else "/~")


def _column(line: str, column: int) -> int:
    """Count a column, both from 1, in UTF-16 code units; as it is where the line is not known."""
    column = max(1, column)
    before = line[: column - 1]
    return column + sum(ord(character) > 0xFFFF for character in before)  # noqa: PLR2004 - two units from here on
