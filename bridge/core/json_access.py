"""Typed access to JSON that a peer wrote. Nothing here raises: a value of the wrong type counts as missing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

#: Larger times and positions are not credible in a session: ten thousand hours, in ms.
_MAX_NUMBER = 3.6e10
#: What ids look like: those of the service have 32 characters at most.
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,40}")


def as_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for any other value."""
    return value if isinstance(value, Mapping) else {}


def read_object(frame: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a frame, or an empty one for anything else."""
    try:
        return as_object(json.loads(frame))
    except (ValueError, RecursionError):
        return {}


def as_text(value: object) -> str | None:
    """Return a string, or None for any other value."""
    return value if isinstance(value, str) else None


def as_number(value: object) -> float:
    """Return a non-negative number, or 0 for any other value, NaN and infinity included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_NUMBER:
        return 0.0
    return float(value)


def loggable_id(text: str) -> str:
    """Return an id that a client made up as it may be logged: as it is, or only its length if it may say something."""
    return text if _ID.fullmatch(text) else f"({len(text)} characters)"
