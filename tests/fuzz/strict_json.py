"""A strict reading of JSON, to judge what the bridge sends by: the standard library's, and nothing ambiguous passes.

Where two parsers may understand one text differently (two members of one name, numbers beyond all doubles, lone
surrogates), `read` refuses it. It shares no code with the bridge, which uses msgspec.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn


class AmbiguousJsonError(ValueError):
    """Two parsers may read this text as two things, or it is no JSON at all."""


def read(text: bytes) -> Any:
    """Return the one value that the text can mean. Raises AmbiguousJsonError."""
    try:
        decoded = text.decode("utf-8", "strict")
        value = json.loads(
            decoded, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_float, parse_int=int
        )
        json.dumps(value, ensure_ascii=False).encode()
    except AmbiguousJsonError:
        raise
    except (ValueError, RecursionError) as error:
        raise AmbiguousJsonError(str(error)) from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise AmbiguousJsonError("two members of one object have the same name")
    return value


def _no_constant(name: str) -> NoReturn:
    raise AmbiguousJsonError(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise AmbiguousJsonError(f"{text[:20]} is beyond all doubles")
    return value
