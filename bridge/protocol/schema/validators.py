"""Schemas for JSON values, and `validate`, which finds the first invalid field.

The results have the codes and the wording of the live service, so that an error of the simulator reads like a real one.
This is not general JSON Schema: only what the sessions, responses and items of the Realtime API need.
Source of codes and wording: errors recorded 2024-2026 (`unknown_parameter`, `missing_required_parameter`,
`invalid_value`, `invalid_type`, `integer_below_min_value`, `string_above_max_length`); the others by the same pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How deep an `AnyValue` may be nested: more than real parameters, and safe for code that recurses over JSON.
MAX_DEPTH = 100
#: How many characters of a client's value a message repeats, so that an error is never as long as the request.
_MAX_ECHO = 200


@dataclass(frozen=True, slots=True)
class InvalidField:
    """The first invalid field of a value, ready to be sent as an `error` of type `invalid_request_error`."""

    code: str
    message: str
    param: str | None
    """Path of the field, as in `session.tools[0].description`."""


def validate(value: object, schema: Schema, path: str = "session") -> InvalidField | None:
    """Return the first invalid field of a decoded JSON value; None if the value is valid.

    The order is stable: missing fields first, then constant fields (such as `type`), then the fields as they were sent.
    `path` names the value in messages; "" for a request body whose fields are at the top level.
    """
    match schema:
        case Nullable(inner):
            return None if value is None else validate(value, inner, path)
        case AnyOf(schemas):
            return _validate_any_of(value, schemas, path)
        case OneOf(variants, tag):
            return _validate_one_of(value, variants, tag, path)
        case Object():
            return _validate_object(value, schema, path)
        case Array(inner):
            return _validate_array(value, inner, path)
        case Combination():
            return _validate_combination(value, schema, path)
        case String() | Choice() | Const() | Integer() | Number() | Boolean() | AnyValue():
            return _check_type(value, schema, path) or _check_value(value, schema, path)
        case _:
            assert_never(schema)


#: What the service calls each JSON type in its messages.
_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _type_of(value: object) -> str:
    return _TYPE_NAMES[type(value)]


def _accepted_types(schema: Schema) -> tuple[str, ...]:
    match schema:
        case String() | Choice() | Const():
            return ("a string",)
        case Integer():
            return ("an integer",)
        case Number():
            return ("a decimal number", "an integer")
        case Boolean():
            return ("a boolean",)
        case Array() | Combination():
            return ("an array",)
        case Object() | OneOf():
            return ("an object",)
        case AnyValue(kind):
            return tuple(_TYPE_NAMES.values()) if kind is None else (kind,)
        case Nullable(inner):
            return (*_accepted_types(inner), "null")
        case AnyOf(schemas):
            return tuple(kind for inner in schemas for kind in _accepted_types(inner))
        case _:
            assert_never(schema)


def _check_type(value: object, schema: Schema, path: str) -> InvalidField | None:
    types = _accepted_types(schema)
    if _type_of(value) in types:
        return None
    expected = types[0] if not isinstance(schema, AnyOf) else f"one of {' or '.join(types)}"
    message = f"Invalid type for '{path}': expected {expected}, but got {_type_of(value)} instead."
    return InvalidField("invalid_type", message, path)


def _check_value(value: object, schema: Schema, path: str) -> InvalidField | None:
    """Check a value whose JSON type is right."""
    match schema, value:
        case String(int(longest)), str(text) if len(text) > longest:
            expected = (
                f"Expected a string with maximum length {longest}, but got a string with length {len(text)} instead."
            )
            return InvalidField("string_above_max_length", f"Invalid '{path}': string too long. {expected}", path)
        case Choice(values), str(text) if text not in values:
            return invalid_value(text, values, path)
        case Const(value=constant, rejections=rejections), str(text) if text != constant:
            code, message = rejections.get(text, ("", ""))
            return InvalidField(code, message, path) if code else invalid_value(text, (constant, *rejections), path)
        case Integer(minimum, maximum), int(number):
            return _check_bounds("integer", number, minimum, maximum, path)
        case Number(minimum, maximum), int(number) | float(number):
            return _check_bounds("decimal", number, minimum, maximum, path)
        case AnyValue(), _ if is_nested_deeper(value, MAX_DEPTH):
            message = f"Invalid '{path}': nested too deep. Expected at most {MAX_DEPTH} levels."
            return InvalidField("invalid_value", message, path)
    return None


def is_nested_deeper(value: object, depth: int) -> bool:
    """Whether arrays and objects are nested deeper than `depth`. Does not recurse."""
    level = [value]
    for _ in range(depth):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return any(isinstance(inner, dict | list) for inner in level)


def invalid_value(text: str, values: Sequence[str], path: str) -> InvalidField:
    """Return the error for a string that is not one of the supported values."""
    message = f"Invalid value: '{_shorten(text)}'. Supported values are: {quote_values(values)}."
    return InvalidField("invalid_value", message, path)


def quote_values(values: Sequence[str]) -> str:
    """Write a list as the service does: `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'` (recorded 2026)."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:  # noqa: PLR2004 - two are joined by a bare "and"
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _check_bounds(
    name: str, number: float, minimum: float | None, maximum: float | None, path: str
) -> InvalidField | None:
    got = _shorten(str(number))
    if minimum is not None and number < minimum:
        expected = f"Expected a value >= {minimum}, but got {got} instead."
        return InvalidField(
            f"{name}_below_min_value", f"Invalid '{path}': {name} below minimum value. {expected}", path
        )
    if maximum is not None and number > maximum:
        expected = f"Expected a value <= {maximum}, but got {got} instead."
        return InvalidField(
            f"{name}_above_max_value", f"Invalid '{path}': {name} above maximum value. {expected}", path
        )
    return None


def _validate_any_of(value: object, schemas: tuple[Schema, ...], path: str) -> InvalidField | None:
    for schema in schemas:
        if _type_of(value) in _accepted_types(schema):
            return validate(value, schema, path)
    return _check_type(value, AnyOf(schemas), path)


def _validate_one_of(value: object, variants: Mapping[str, Schema], tag: str, path: str) -> InvalidField | None:
    if not isinstance(value, dict):
        return _check_type(value, OneOf(variants, tag), path)
    where = _join(path, tag)
    if tag not in value:
        return _missing(where)
    return validate(value[tag], Choice(tuple(variants)), where) or validate(value, variants[value[tag]], path)


def _validate_object(value: object, schema: Object, path: str) -> InvalidField | None:
    if not isinstance(value, dict):
        return _check_type(value, schema, path)
    for name in schema.required:
        if name not in value:
            return _missing(_join(path, name))
    if schema.required_one_of and not any(value.get(name) is not None for name in schema.required_one_of):
        return _missing_one_of(path, schema.required_one_of)
    names = sorted(value, key=lambda name: not isinstance(schema.fields.get(name), Const))
    for name in names:
        where = _join(path, name)
        if name not in schema.fields:
            return InvalidField("unknown_parameter", f"Unknown parameter: '{where}'.", where)
        if error := validate(value[name], schema.fields[name], where):
            return error
    return None


def _validate_array(value: object, schema: Schema, path: str) -> InvalidField | None:
    if not isinstance(value, list):
        return _check_type(value, Array(schema), path)
    for index, member in enumerate(value):
        if error := validate(member, schema, f"{path}[{index}]"):
            return error
    return None


def _validate_combination(value: object, schema: Combination, path: str) -> InvalidField | None:
    every = tuple(dict.fromkeys(word for words in schema.allowed for word in words))
    if error := _validate_array(value, Choice(every), path):
        return error
    words = value if isinstance(value, list) else []
    if any(sorted(words) == sorted(allowed) for allowed in schema.allowed):
        return None
    supported = " and ".join(str(list(allowed)) for allowed in schema.allowed)
    message = f"Invalid {schema.name}: {_shorten(str(words))}. Supported combinations are: {supported}."
    return InvalidField("invalid_value", message, path)


def _missing(path: str) -> InvalidField:
    return InvalidField("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def _missing_one_of(path: str, names: tuple[str, ...]) -> InvalidField:
    """No error of this kind has been recorded; code and wording follow those for one missing field."""
    listed = ", ".join(f"'{_join(path, name)}'" for name in names)
    message = f"Missing required parameter: one of {listed}."
    return InvalidField("missing_required_parameter", message, _join(path, names[0]))


def _join(path: str, name: str) -> str:
    return f"{path}.{_shorten(name)}" if path else _shorten(name)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}…"
