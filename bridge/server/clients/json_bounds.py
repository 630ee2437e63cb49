"""How large a client's JSON may be in other ways than bytes: how deep, of how many values, how long without media.

Pure. A parser takes a hundred times as long for a megabyte of `[],[],[]` as for a megabyte of base64, and what walks
the tree afterwards takes longer still. So a message is judged before it is parsed, by counting in its bytes: nothing
here loops over more than the brackets that are allowed. Numbers are judged too: one like `1e308`, or of thousands of
digits, takes a parser as long as two hundred others. For text that isn't JSON the counts are at least what a parser
would read before it fails.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

#: Values in one message. The service takes 128 tools; with 100 values each, that is two thirds.
MAX_VALUES: Final = 20_000
#: Objects and lists in one another. The schemas of tools are the deepest that the API has: ten levels of parameters,
#: each an object in `properties` in an object.
MAX_DEPTH: Final = 64
#: Bytes of a message without images and audio: far more text than a model's context holds.
MAX_TEXT_BYTES: Final = 2**20
#: Digits in a row. The longest of a double has 17, and what is longer than 20 is no 64-bit integer.
MAX_DIGITS: Final = 40
#: Where every digit is `0`, `E` is `e` and `+` is `-`, what takes long to read: many digits, or a long exponent.
_TOO_MANY_DIGITS: Final = b"0" * (MAX_DIGITS + 1)
#: Numbers with an exponent of three digits or more. A few of them cost little, and a tool's schema may have one.
MAX_LONG_EXPONENTS: Final = 4
_AS_DIGITS: Final = bytes.maketrans(b"123456789E+", b"000000000e-")
#: Up to this length, looking for costly numbers in strings too is faster than leaving the strings out.
_SHORT_BYTES: Final = 256
#: For how many values a message counts as one more frame.
VALUES_PER_FRAME: Final = 100
#: In a message with images or audio, one of these names its parts.
_MEDIA: Final = (b'"input_image"', b'"input_audio"', b'"image_url"', b'"audio"')
#: Every byte but brackets.
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
#: Brackets as signed bytes: one deeper, one less deep.
_AS_STEPS: Final = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
#: Two for each string, and each value may have a name.
_MOST_QUOTES: Final = 4 * MAX_VALUES


def exceeded_bound(frame: bytes) -> str | None:
    """Return which bound a text frame exceeds, as a sentence; None if it may be parsed."""
    if len(frame) > MAX_TEXT_BYTES and not any(name in frame for name in _MEDIA):
        return f"The message has {len(frame)} bytes; without images and audio it must have at most {MAX_TEXT_BYTES}."
    if len(frame) <= _SHORT_BYTES:  # nearly every message
        openings = frame.count(b"[") + frame.count(b"{")
        if openings <= MAX_DEPTH and openings + frame.count(b",") <= MAX_VALUES and not _has_costly_number(frame):
            return None
    outside = _outside_strings(frame)
    if outside is None or _values(outside) > MAX_VALUES:
        return f"The message has too many values: at most {MAX_VALUES} are allowed."
    if _has_costly_number(outside):
        return (
            f"The message has a number of more than {MAX_DIGITS} digits, or more than {MAX_LONG_EXPONENTS} numbers"
            " with an exponent of more than two."
        )
    if _depth(outside) > MAX_DEPTH:
        return f"The message's JSON is nested too deeply: at most {MAX_DEPTH} levels are allowed."
    return None


def _outside_strings(frame: bytes) -> bytes | None:
    """Return a frame without what is in strings, where brackets, commas and digits mean nothing.

    None if it has more strings than the values allowed can have. Megabytes of base64 are skipped, not looked at.
    """
    plain = frame.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in frame else frame
    parts = plain.split(b'"', _MOST_QUOTES + 1)
    return None if len(parts) > _MOST_QUOTES + 1 else b"".join(parts[::2])


def _values(outside: bytes) -> int:
    """Return how many values there are at most, from what is outside strings."""
    return outside.count(b",") + outside.count(b"[") + outside.count(b"{")


def _has_costly_number(text: bytes) -> bool:
    alike = text.translate(_AS_DIGITS)
    exponents = alike.count(b"0e000") + alike.count(b"0e-000")
    return exponents > MAX_LONG_EXPONENTS or _TOO_MANY_DIGITS in alike


def extra_frames(frame: bytes) -> int:
    """Return for how many frames more than one an admitted message counts: each value takes time, bytes don't."""
    return _values(_outside_strings(frame) or b"") // VALUES_PER_FRAME


def _depth(outside: bytes) -> int:
    """Return how deep the brackets nest. A closing bracket closes whatever is open: a parser finds out what doesn't."""
    steps = outside.translate(_AS_STEPS, _NOT_BRACKETS)
    return max(accumulate(memoryview(steps).cast("b")), default=0)
