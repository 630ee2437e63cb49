"""Bounds of a client's JSON: exact for what is allowed, and checked before anything is parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import BadMessage, ClientNative
from bridge.server.clients import native_messages
from bridge.server.clients.json_bounds import MAX_DEPTH, MAX_DIGITS, MAX_TEXT_BYTES, MAX_VALUES, exceeded_bound
from bridge.server.clients.json_messages import parse_client_frame
from bridge.server.clients.native_messages import parse_native_frame


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def event(value: bytes) -> bytes:
    return b'{"type":"a.b","x":' + value + b"}"


@pytest.mark.parametrize("parse", [parse_client_frame, parse_native_frame])
@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (event(nested(MAX_DEPTH)), "at most 64 levels"),
        (event(b'{"a":' * 900 + b"1" + b"}" * 900), "at most 64 levels"),
        (event(nested(100_000)), "too many values: at most 20000"),
        (event(b"[" + b"[]," * MAX_VALUES + b"1]"), "too many values: at most 20000"),
        (event(b"[" + b"1," * MAX_VALUES + b"1]"), "too many values: at most 20000"),
        (event(b"[" + b'"",' * 50_000 + b"1]"), "too many values: at most 20000"),
        (event(b"9" * (MAX_DIGITS + 1)), "a number of more than 40 digits"),
        (event(b"[" + b"1.5e300," * 1000 + b"1]"), "an exponent of more than two"),
        (event(b'{"e":[1E+100,1E+100,1E+100,1E+100,1E+100]}'), "an exponent of more than two"),
        (event(b'["\\"",1e-308,1e-308,1e-308,1e-308,1E308]'), "an exponent of more than two"),
        (event(b'"' + b"x" * MAX_TEXT_BYTES + b'"'), "without images and audio it must have at most 1048576"),
    ],
)
def test_what_exceeds_a_bound_is_refused_with_the_bound_and_never_parsed(
    monkeypatch: pytest.MonkeyPatch, parse: Any, frame: bytes, says: str
) -> None:
    class NoDecoder:
        def decode(self, _: bytes) -> object:
            raise AssertionError("it was parsed")

    monkeypatch.setattr(native_messages, "_objects", NoDecoder())
    refused = parse(frame, frozenset())
    assert isinstance(refused, BadMessage)
    assert refused.code == "INVALID_MESSAGE"
    assert says in refused.message


@pytest.mark.parametrize(
    "frame",
    [
        event(nested(MAX_DEPTH - 1)),
        event(b"[" + b"1," * (MAX_VALUES - 10) + b"1]"),
        event(json.dumps("[{," * 30_000).encode()),
        event(b"[" + b"9" * MAX_DIGITS + b",-1.5e-99,1E99,2e+05,1e1]"),
        event(b"[1e308,2E-300,4.7e+250,1e100]"),
        event(json.dumps(["1e308", "7" * 500, '\\"1e-308']).encode()),
        event(json.dumps('\\"[{,\\\\' * 10_000).encode()),
        b'{"type":"conversation.item.create","item":{"content":[{"type":"input_image","image_url":"data:image/png;base64,'
        + b"A" * 2 * MAX_TEXT_BYTES
        + b'"}]}}',
    ],
    ids=[
        "depth",
        "values",
        "numbers",
        "long exponents",
        "numbers in strings",
        "brackets in a string",
        "escapes in a string",
        "an image",
    ],
)
def test_what_is_within_the_bounds_passes(frame: bytes) -> None:
    assert isinstance(parse_native_frame(frame, frozenset()), ClientNative)


def values_and_depth(value: object) -> tuple[int, int]:
    """Return the number of commas and opening brackets that a value has as JSON, and its depth."""
    if not isinstance(value, dict | list):
        return 0, 0
    inner = [values_and_depth(one) for one in (value.values() if isinstance(value, dict) else value)]
    return 1 + max(0, len(inner) - 1) + sum(n for n, _ in inner), 1 + max((depth for _, depth in inner), default=0)


TEXT = st.text(st.sampled_from('[]{},"\\\n\u00e9x'), max_size=8)
JSON = st.recursive(
    TEXT | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=30,
)


@given(st.dictionaries(TEXT, JSON, max_size=4), st.integers(0, 40), st.integers(0, 6))
def test_the_counts_are_those_of_a_parser_whatever_the_strings_hold(value: object, values: int, depth: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bridge.server.clients.json_bounds.MAX_VALUES", values)
        patched.setattr("bridge.server.clients.json_bounds.MAX_DEPTH", depth)
        allowed = exceeded_bound(json.dumps(value, ensure_ascii=False).encode()) is None
    n, deep = values_and_depth(value)
    assert allowed == (n <= values and deep <= depth)
