"""Reading JSON that a peer wrote: any shape may come, and nothing here raises. What is not as it should be is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Times and positions beyond this are no figures of a session: ten thousand hours in ms.
_MOST = 3.6e10


def as_object(value: object) -> Mapping[str, Any]:
    """Give a JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def as_text(value: object) -> str | None:
    """Give a text; None for anything else."""
    return value if isinstance(value, str) else None


def as_number(value: object) -> float:
    """Give a figure that is not negative; 0 for anything else, NaN and infinity too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return 0.0
    return float(value)
