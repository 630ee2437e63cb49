"""How large a client's JSON may be in other ways than bytes: how deep, of how many values, and how long without media.

Pure. A parser takes a hundred times as long for a megabyte of `[],[],[]` as for a megabyte of base64, and what walks
the tree afterwards takes longer still. So a message is judged before it is parsed, by counting in its bytes: nothing
here loops over more than the brackets that are allowed. For text that isn't JSON the counts are at least what a parser
would read before it fails.
"""

from __future__ import annotations

from typing import Final

#: Values in one message. The service takes 128 tools; with 100 values each, that is two thirds.
MAX_VALUES: Final = 20_000
#: Objects and lists in one another. The schemas of tools are the deepest that the API has: ten levels of parameters,
#: each an object in `properties` in an object.
MAX_DEPTH: Final = 64
#: Bytes of a message without images and audio: far more text than a model's context holds.
MAX_TEXT_BYTES: Final = 2**20
#: In a message with images or audio, one of these names its parts.
_MEDIA: Final = (b'"input_image"', b'"input_audio"', b'"image_url"', b'"audio"')
#: Every byte but brackets.
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_OPENING: Final = b"[{"


def exceeded_bound(frame: bytes) -> str | None:
    """Return which bound a text frame exceeds, as a sentence; None if it may be parsed."""
    if len(frame) > MAX_TEXT_BYTES and not any(name in frame for name in _MEDIA):
        return f"The message has {len(frame)} bytes; without images and audio it must have at most {MAX_TEXT_BYTES}."
    openings = frame.count(b"[") + frame.count(b"{")
    if openings <= MAX_DEPTH and openings + frame.count(b",") <= MAX_VALUES:  # nearly every message
        return None
    return _exceeded_outside_strings(frame)


def _exceeded_outside_strings(frame: bytes) -> str | None:
    """Do the same without what is in strings, where brackets and commas mean nothing."""
    plain = frame.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in frame else frame
    too_many = f"The message has too many values: at most {MAX_VALUES} are allowed."
    if plain.count(b'"') > 4 * MAX_VALUES:  # two for each string, and each value may have a name
        return too_many
    outside = b"".join(plain.split(b'"')[::2])
    if outside.count(b",") + outside.count(b"[") + outside.count(b"{") > MAX_VALUES:
        return too_many
    if _depth(outside) > MAX_DEPTH:
        return f"The message's JSON is nested too deeply: at most {MAX_DEPTH} levels are allowed."
    return None


def _depth(outside: bytes) -> int:
    """Return how deep the brackets nest. A closing bracket closes whatever is open: a parser finds out what doesn't."""
    depth = deepest = 0
    for bracket in outside.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        deepest = max(deepest, depth)
    return deepest
