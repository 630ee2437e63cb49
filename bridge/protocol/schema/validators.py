"""What a JSON value must look like: small spec nodes, and `check`, which finds the first fault in a value.

The faults carry the codes and the wording family of the live service, so that a refusal of the simulator reads like a
real one. Not a general JSON schema: only what the sessions, responses and items of the Realtime API need.
Wording and codes: recorded refusals of 2024-2026 (`unknown_parameter`, `missing_required_parameter`, `invalid_value`,
`invalid_type`, `integer_below_min_value`, `string_above_max_length`); their siblings by the same pattern.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


#: How deep an `AnyValue` value may be nested. Nobody's parameters come near it, and everything that copies, samples or
#: writes JSON by recursion still has room.
MAX_DEPTH = 100
#: What is repeated of a client's own words in a message, so that a refusal is never as long as what it refuses.
_MAX_ECHO = 200


@dataclass(frozen=True, slots=True)
class InvalidField:
    """The first thing wrong with a value, ready to be sent as an `error` of type `invalid_request_error`."""

    code: str
    message: str
    param: str | None
    """Path of the culprit, as in `session.tools[0].description`."""


@dataclass(frozen=True, slots=True)
class String:
    """A string; `max_length` counts characters."""

    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few strings."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Const:
    """Exactly this string. `refusals` are other strings that earn a fault of their own: value -> (code, message)."""

    value: str
    rejections: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number within bounds, both included."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds, both included."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Anything, or anything of one JSON kind (`an object`, `a string`): inside, only the depth is looked at."""

    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Nullable:
    """The node, or null."""

    schema: Schema


@dataclass(frozen=True, slots=True)
class Array:
    """An array whose members all fit the node."""

    items: Schema


@dataclass(frozen=True, slots=True)
class Combination:
    """An array of strings that must be one of a few sets: `["audio"]` or `["text"]`, but not both."""

    name: str
    allowed: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The first of the nodes that takes the value's JSON kind: an integer or the word `inf`."""

    schemas: tuple[Schema, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object with these fields and no others."""

    fields: Mapping[str, Schema]
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OneOf:
    """An object whose `tag` field says which of the variants it is."""

    variants: Mapping[str, Schema]
    tag: str = "type"


Schema: TypeAlias = (
    String
    | Choice
    | Const
    | Integer
    | Number
    | Boolean
    | AnyValue
    | Nullable
    | Array
    | Combination
    | AnyOf
    | Object
    | OneOf
)


def validate(value: object, schema: Schema, path: str = "session") -> InvalidField | None:
    """Find the first fault of a decoded JSON value, or None when it fits.

    The order is stable: a missing field first, then the field that says what the object is, then as it was sent.
    `path` names the value in messages; "" for a request body whose fields stand at the top.
    """
    match schema:
        case Nullable(inner):
            return None if value is None else validate(value, inner, path)
        case AnyOf(nodes):
            return _check_either(value, nodes, path)
        case OneOf(variants, tag):
            return _check_one_of(value, variants, tag, path)
        case Object():
            return _check_object(value, schema, path)
        case Array(inner):
            return _check_list(value, inner, path)
        case Combination():
            return _check_combination(value, schema, path)
        case String() | Choice() | Const() | Integer() | Number() | Boolean() | AnyValue():
            return _wrong_kind(value, schema, path) or _out_of_range(value, schema, path)
        case _:
            assert_never(schema)


#: What the service calls each JSON kind in its messages.
_KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def _kind_of(value: object) -> str:
    return _KINDS[type(value)]


def _kinds_taken(node: Schema) -> tuple[str, ...]:
    match node:
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
            return tuple(_KINDS.values()) if kind is None else (kind,)
        case Nullable(inner):
            return (*_kinds_taken(inner), "null")
        case AnyOf(nodes):
            return tuple(kind for inner in nodes for kind in _kinds_taken(inner))
        case _:
            assert_never(node)


def _wrong_kind(value: object, node: Schema, path: str) -> InvalidField | None:
    kinds = _kinds_taken(node)
    if _kind_of(value) in kinds:
        return None
    wanted = kinds[0] if not isinstance(node, AnyOf) else f"one of {' or '.join(kinds)}"
    message = f"Invalid type for '{path}': expected {wanted}, but got {_kind_of(value)} instead."
    return InvalidField("invalid_type", message, path)


def _out_of_range(value: object, node: Schema, path: str) -> InvalidField | None:
    """Judge a value whose kind is right already."""
    match node, value:
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
        case Integer(least, most), int(number):
            return _out_of_bounds("integer", number, least, most, path)
        case Number(least, most), int(number) | float(number):
            return _out_of_bounds("decimal", number, least, most, path)
        case AnyValue(), _ if is_nested_deeper(value, MAX_DEPTH):
            message = f"Invalid '{path}': nested too deep. Expected at most {MAX_DEPTH} levels."
            return InvalidField("invalid_value", message, path)
    return None


def is_nested_deeper(value: object, depth: int) -> bool:
    """Whether arrays and objects are nested deeper than this, without recursion."""
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
    """Say that a string is none of those that are supported here."""
    message = f"Invalid value: '{_cut(text)}'. Supported values are: {quote_values(values)}."
    return InvalidField("invalid_value", message, path)


def quote_values(values: Sequence[str]) -> str:
    """Spell a list the way the service does: `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'` (recorded 2026)."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:  # noqa: PLR2004 - two are joined by a bare "and"
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _out_of_bounds(name: str, number: float, least: float | None, most: float | None, path: str) -> InvalidField | None:
    got = _cut(str(number))
    if least is not None and number < least:
        expected = f"Expected a value >= {least}, but got {got} instead."
        return InvalidField(
            f"{name}_below_min_value", f"Invalid '{path}': {name} below minimum value. {expected}", path
        )
    if most is not None and number > most:
        expected = f"Expected a value <= {most}, but got {got} instead."
        return InvalidField(
            f"{name}_above_max_value", f"Invalid '{path}': {name} above maximum value. {expected}", path
        )
    return None


def _check_either(value: object, nodes: tuple[Schema, ...], path: str) -> InvalidField | None:
    for node in nodes:
        if _kind_of(value) in _kinds_taken(node):
            return validate(value, node, path)
    return _wrong_kind(value, AnyOf(nodes), path)


def _check_one_of(value: object, variants: Mapping[str, Schema], tag: str, path: str) -> InvalidField | None:
    if not isinstance(value, dict):
        return _wrong_kind(value, OneOf(variants, tag), path)
    where = _join(path, tag)
    if tag not in value:
        return _missing(where)
    return validate(value[tag], Choice(tuple(variants)), where) or validate(value, variants[value[tag]], path)


def _check_object(value: object, node: Object, path: str) -> InvalidField | None:
    if not isinstance(value, dict):
        return _wrong_kind(value, node, path)
    for name in node.required:
        if name not in value:
            return _missing(_join(path, name))
    names = sorted(value, key=lambda name: not isinstance(node.fields.get(name), Const))
    for name in names:
        where = _join(path, name)
        if name not in node.fields:
            return InvalidField("unknown_parameter", f"Unknown parameter: '{where}'.", where)
        if fault := validate(value[name], node.fields[name], where):
            return fault
    return None


def _check_list(value: object, node: Schema, path: str) -> InvalidField | None:
    if not isinstance(value, list):
        return _wrong_kind(value, Array(node), path)
    for index, member in enumerate(value):
        if fault := validate(member, node, f"{path}[{index}]"):
            return fault
    return None


def _check_combination(value: object, node: Combination, path: str) -> InvalidField | None:
    every = tuple(dict.fromkeys(word for words in node.allowed for word in words))
    if fault := _check_list(value, Choice(every), path):
        return fault
    words = value if isinstance(value, list) else []
    if any(sorted(words) == sorted(allowed) for allowed in node.allowed):
        return None
    supported = " and ".join(str(list(allowed)) for allowed in node.allowed)
    message = f"Invalid {node.name}: {_cut(str(words))}. Supported combinations are: {supported}."
    return InvalidField("invalid_value", message, path)


def _missing(path: str) -> InvalidField:
    return InvalidField("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def _join(path: str, name: str) -> str:
    return f"{path}.{_cut(name)}" if path else _cut(name)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}…"
