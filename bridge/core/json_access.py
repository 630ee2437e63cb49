"""Typed access to JSON that a peer wrote. Nothing here raises: a value of the wrong type counts as missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

#: Larger times and positions are not credible in a session: ten thousand hours, in ms.
_MAX_NUMBER = 3.6e10


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
