"""Which fields of a client event the API knows, in any of its dialects. Values are not judged: see `requests.py`.

A gateway that restricts clients needs this: a field that it doesn't know is a field that it can't judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from bridge.protocol.events.fields import CLIENT_EVENTS
from bridge.protocol.schema.requests import ITEM_SCHEMAS, RESPONSE_SCHEMAS, SESSION_SCHEMAS
from bridge.protocol.schema.types import AnyOf, AnyValue, Array, Nullable, Object, OneOf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bridge.protocol.schema.types import Schema

_TABLES = tuple(CLIENT_EVENTS.values())
#: Names of the fields of each client event, over all dialects.
_FIELDS: Mapping[str, frozenset[str]] = {
    name: frozenset(
        chain.from_iterable((*events[name].required, *events[name].optional) for events in _TABLES if name in events)
    )
    for name in chain(*_TABLES)
}
#: What those fields hold that are objects, over all dialects.
_SCHEMAS: Mapping[str, tuple[Schema, ...]] = {
    "session": tuple(SESSION_SCHEMAS.values()),
    "response": tuple(RESPONSE_SCHEMAS.values()),
    "item": tuple(ITEM_SCHEMAS.values()),
}


@dataclass(frozen=True, slots=True)
class _UnknownVariant:
    """A union has no variant of the name that the value gives in its `tag` field."""

    tag: str


def is_client_event(kind: str) -> bool:
    """Return whether this is, letter by letter, the type of a client event in some dialect."""
    return kind in _FIELDS


def find_unknown_field(event: Mapping[str, Any]) -> str | None:
    """Return the path of the first field that no dialect has, such as `session.audio.Voice`; None if all are known.

    The event's type is one of `is_client_event`.
    """
    known = _FIELDS[event["type"]]
    for name, value in event.items():
        if name not in known:
            return name
        if name in _SCHEMAS and (unknown := _unknown_in(value, _SCHEMAS[name], name)) is not None:
            return unknown
    return None


def _unknown_in(value: object, schemas: Iterable[Schema], path: str) -> str | None:
    """Return the first unknown path in a value that may match any of the schemas."""
    found = list(chain.from_iterable(_unwrapped(schema, value) for schema in schemas))
    leaves = [leaf for leaf in found if not isinstance(leaf, _UnknownVariant)]
    if found and not leaves:
        return f"{path}.{found[0].tag}"  # type: ignore[union-attr]
    if any(isinstance(leaf, AnyValue) for leaf in leaves):
        return None
    match value:
        case dict():
            objects = [leaf for leaf in leaves if isinstance(leaf, Object)]
            for name, inner in value.items():
                fields = [leaf.fields[name] for leaf in objects if name in leaf.fields]
                here = f"{path}.{name}"
                unknown = _unknown_in(inner, fields, here) if fields else here
                if unknown is not None:
                    return unknown
        case list():
            members = [leaf.items for leaf in leaves if isinstance(leaf, Array)]
            inside = (_unknown_in(member, members, f"{path}[{number}]") for number, member in enumerate(value))
            return next((unknown for unknown in inside if unknown is not None), None)
    return None


def _unwrapped(schema: Schema, value: object) -> Iterator[Schema | _UnknownVariant]:
    """Yield the schemas without alternatives that this one stands for; of a union, the variant that the value names."""
    match schema:
        case Nullable(inner):
            yield from _unwrapped(inner, value)
        case AnyOf(alternatives):
            for alternative in alternatives:
                yield from _unwrapped(alternative, value)
        case OneOf(variants, tag):
            if not isinstance(value, dict):
                return  # the wrong type, which is for the service to refuse
            named = value.get(tag)
            if isinstance(named, str) and named in variants:
                yield from _unwrapped(variants[named], value)
            else:
                yield _UnknownVariant(tag)
        case _:
            yield schema
