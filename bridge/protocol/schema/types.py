"""The values that schemas are made of: one class for each kind of JSON value that the Realtime API has.

`validators.py` checks a value against them; this module says nothing about errors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    """Exactly this string. `rejections` are other strings with a specific error: value -> (code, message)."""

    value: str
    rejections: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between the bounds, both included."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number between the bounds, both included."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Boolean:
    """JSON `true` or `false`; a number or a string is not taken for one."""


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Any value, or any value of one JSON type (`an object`, `a string`). Only its depth is checked."""

    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value of the schema, or null."""

    schema: Schema


@dataclass(frozen=True, slots=True)
class Array:
    """An array whose members all match the schema."""

    items: Schema


@dataclass(frozen=True, slots=True)
class Combination:
    """An array of strings that must equal one of a few sets: `["audio"]` or `["text"]`, but not both."""

    name: str
    allowed: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The first of the schemas that accepts the value's JSON type: for example, an integer or the string `inf`."""

    schemas: tuple[Schema, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """An object with these fields and no other ones."""

    fields: Mapping[str, Schema]
    required: tuple[str, ...] = ()
    required_one_of: tuple[str, ...] = ()
    """At least one of these fields must be there; empty for no such rule."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """An object whose `tag` field selects one of the variants."""

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


def of_type(name: str, required: tuple[str, ...] = (), /, **fields: Schema) -> Object:
    """Make one variant of a union: an object with this `type`."""
    return Object({"type": Const(name), **fields}, required=("type", *required))
