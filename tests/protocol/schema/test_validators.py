from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.protocol.dialects.detection import Dialect, SessionKind
from bridge.protocol.schema.requests import RESPONSE_SCHEMAS, SESSION_SCHEMAS
from bridge.protocol.schema.types import (
    AnyOf,
    AnyValue,
    Array,
    Boolean,
    Choice,
    Combination,
    Const,
    Integer,
    Nullable,
    Number,
    Object,
    OneOf,
    Schema,
    String,
)
from bridge.protocol.schema.validators import quote_values, validate

ADDRESSED = Object({"url": String(), "id": Nullable(String())}, required_one_of=("url", "id"))
POINT = Object({"type": Const("point"), "x": Integer(0, 9), "label": Nullable(String(3))}, required=("type", "x"))
SHAPE = OneOf({"point": POINT, "blob": AnyValue()})


def nested(depth: int) -> object:
    """Arrays and objects in turn, `depth` of them around a number."""
    value: object = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("four", String(4)),
        ("a", Choice(("a", "b"))),
        ("a", Const("a")),
        (1, Integer(1, 1)),
        (1, Number(0.5, 1)),
        (0.5, Number(0.5, 1)),
        (False, Boolean()),
        (None, Nullable(Boolean())),
        (True, Nullable(Boolean())),
        ([], Array(Boolean())),
        ([True, False], Array(Boolean())),
        (["text", "audio"], Combination("modalities", (("audio", "text"),))),
        ("inf", AnyOf((Integer(), Const("inf")))),
        (7, AnyOf((Integer(), Const("inf")))),
        (None, AnyOf((Nullable(Integer()), Const("inf")))),
        ({"type": "point", "x": 0}, SHAPE),
        ({"type": "point", "x": 9, "label": None}, SHAPE),
        ({"type": "blob", "anything": [1]}, SHAPE),
        ({"a": 1}, AnyValue("an object")),
        (None, AnyValue()),
        (nested(100), AnyValue()),
    ],
)
def test_what_fits_has_no_fault(value: object, node: Schema) -> None:
    assert validate(value, node) is None


@pytest.mark.parametrize(
    ("value", "node", "code", "message"),
    [
        (7, String(), "invalid_type", "Invalid type for 's': expected a string, but got an integer instead."),
        (True, Integer(), "invalid_type", "Invalid type for 's': expected an integer, but got a boolean instead."),
        (
            1.5,
            Integer(),
            "invalid_type",
            "Invalid type for 's': expected an integer, but got a decimal number instead.",
        ),
        ("1", Number(), "invalid_type", "Invalid type for 's': expected a decimal number, but got a string instead."),
        (1, Boolean(), "invalid_type", "Invalid type for 's': expected a boolean, but got an integer instead."),
        (None, String(), "invalid_type", "Invalid type for 's': expected a string, but got null instead."),
        ({}, Array(String()), "invalid_type", "Invalid type for 's': expected an array, but got an object instead."),
        ([], POINT, "invalid_type", "Invalid type for 's': expected an object, but got an array instead."),
        ("x", SHAPE, "invalid_type", "Invalid type for 's': expected an object, but got a string instead."),
        (
            "x",
            AnyValue("an object"),
            "invalid_type",
            "Invalid type for 's': expected an object, but got a string instead.",
        ),
        (
            [],
            AnyOf((Integer(), Const("inf"))),
            "invalid_type",
            "Invalid type for 's': expected one of an integer or a string, but got an array instead.",
        ),
        (
            True,
            AnyOf((Nullable(Integer()), Const("inf"))),
            "invalid_type",
            "Invalid type for 's': expected one of an integer or null or a string, but got a boolean instead.",
        ),
        (
            nested(101),
            AnyValue(),
            "invalid_value",
            "Invalid 's': nested too deep. Expected at most 100 levels.",
        ),
        ("c", Choice(("a", "b")), "invalid_value", "Invalid value: 'c'. Supported values are: 'a' and 'b'."),
        ("c", Const("a"), "invalid_value", "Invalid value: 'c'. Supported values are: 'a'."),
        (
            16_000,
            Integer(24_000),
            "integer_below_min_value",
            "Invalid 's': integer below minimum value. Expected a value >= 24000, but got 16000 instead.",
        ),
        (
            2,
            Integer(0, 1),
            "integer_above_max_value",
            "Invalid 's': integer above maximum value. Expected a value <= 1, but got 2 instead.",
        ),
        (
            0.5,
            Number(0.6, 1.2),
            "decimal_below_min_value",
            "Invalid 's': decimal below minimum value. Expected a value >= 0.6, but got 0.5 instead.",
        ),
        (
            2,
            Number(0.6, 1.2),
            "decimal_above_max_value",
            "Invalid 's': decimal above maximum value. Expected a value <= 1.2, but got 2 instead.",
        ),
        (
            "four",
            String(3),
            "string_above_max_length",
            (
                "Invalid 's': string too long. "
                "Expected a string with maximum length 3, but got a string with length 4 instead."
            ),
        ),
        (
            ["audio", "text"],
            Combination("modalities", (("text",), ("audio",))),
            "invalid_value",
            "Invalid modalities: ['audio', 'text']. Supported combinations are: ['text'] and ['audio'].",
        ),
    ],
)
def test_each_error_has_its_code_and_message(value: object, node: Schema, code: str, message: str) -> None:
    fault = validate(value, node, "s")
    assert fault is not None
    assert (fault.code, fault.message, fault.param) == (code, message, "s")


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        ({}, "missing_required_parameter", "s.type"),
        ({"type": "circle"}, "invalid_value", "s.type"),
        ({"type": 3}, "invalid_type", "s.type"),
        ({"type": "point"}, "missing_required_parameter", "s.x"),
        ({"type": "point", "x": 1, "y": 1}, "unknown_parameter", "s.y"),
        ({"type": "point", "x": 1, "label": "long"}, "string_above_max_length", "s.label"),
    ],
)
def test_a_fault_inside_names_its_path(value: object, code: str, param: str) -> None:
    fault = validate(value, SHAPE, "s")
    assert fault is not None
    assert (fault.code, fault.param) == (code, param)


def test_a_fault_in_a_list_names_the_index() -> None:
    fault = validate([{"type": "blob"}, {"type": "point", "x": 10}], Array(SHAPE), "tools")
    assert fault is not None
    assert fault.param == "tools[1].x"


def test_an_empty_path_leaves_field_names_bare() -> None:
    fault = validate({"z": 1}, Object({}), "")
    assert fault is not None
    assert fault.message == "Unknown parameter: 'z'."


def test_a_missing_field_is_reported_before_an_unknown_one_and_the_type_before_other_values() -> None:
    assert validate({"bad": 1}, POINT, "s") == validate({}, POINT, "s")
    fault = validate({"x": 99, "type": "line"}, POINT, "s")
    assert fault is not None
    assert fault.param == "s.type"


def test_fields_are_checked_in_the_order_they_were_sent() -> None:
    node = Object({"a": Boolean(), "b": Boolean()})
    first, second = validate({"b": 1, "a": 1}, node, "s"), validate({"a": 1, "b": 1}, node, "s")
    assert first is not None
    assert second is not None
    assert (first.param, second.param) == ("s.b", "s.a")


def test_a_constant_can_reject_a_value_with_its_own_message() -> None:
    fault = validate("b", Const("a", rejections={"b": ("invalid_parameter", "Not here.")}), "s")
    assert fault is not None
    assert (fault.code, fault.message) == ("invalid_parameter", "Not here.")


def test_lists_are_spelled_like_the_service_does() -> None:
    assert [quote_values("a"), quote_values("ab"), quote_values("abc")] == ["'a'", "'a' and 'b'", "'a', 'b', and 'c'"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "audio", "input", "tools", "voice", "session"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_value_makes_a_check_raise(value: object) -> None:
    decoded = json.loads(json.dumps(value))
    for node in (*SESSION_SCHEMAS.values(), *RESPONSE_SCHEMAS.values()):
        fault = validate(decoded, node)
        assert fault is None or fault.message
    assert validate({}, SESSION_SCHEMAS[Dialect.BETA, SessionKind.CONVERSATION]) is None


@pytest.mark.parametrize("value", [{"url": "x"}, {"id": "x"}, {"url": "x", "id": None}])
def test_one_of_several_fields_is_enough(value: object) -> None:
    assert validate(value, ADDRESSED, "tool") is None


@pytest.mark.parametrize("value", [{}, {"id": None}])
def test_without_any_of_several_fields_the_message_lists_them_all(value: object) -> None:
    found = validate(value, ADDRESSED, "tool")
    assert found is not None
    assert (found.code, found.param) == ("missing_required_parameter", "tool.url")
    assert found.message == "Missing required parameter: one of 'tool.url', 'tool.id'."
